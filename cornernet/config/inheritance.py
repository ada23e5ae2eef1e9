"""Config files and the `base:` by which one builds on others: shipped ones by name, or relative to the file."""

import itertools
import math
from pathlib import Path

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf

from cornernet.config import shipped

LONGEST = 2**20  # bytes of a config file
MOST = 100_000  # values in it, those behind an alias counted wherever it stands


def layers(path: Path, above: tuple[Path, ...] = ()) -> list[tuple[Path, DictConfig]]:
    """The file and its bases, each with its own keys, bases first; of several bases the last one wins.

    `above` are the files that led here. Raises FileNotFoundError for a missing file and ValueError, one sentence, for
    one that is not readable, does not hold keys, or is among its own bases.
    """
    path = path.resolve()
    if path in above:
        raise ValueError("configs inherit in a circle: " + " -> ".join(p.name for p in (*above, path)))
    if not path.is_file():
        by = f", the base of {above[-1].name}" if above else ""
        raise FileNotFoundError(f"there is no config file {path}{by}{shipped.hint(path)}")
    layer = read(path)
    below = [x for name in _bases(layer, path) for x in layers(shipped.find(name, path.parent), (*above, path))]
    return [*below, (path, layer)]


def read(path: Path) -> DictConfig:
    """Keys and values of an existing YAML file; raises ValueError, one sentence, where it does not hold such."""
    if (length := path.stat().st_size) > LONGEST:
        raise ValueError(f"{path} is no config file: it holds {length} bytes, at most {LONGEST} are allowed")
    try:
        if b"*" in path.read_bytes():
            _refuse_endless(yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader))
        layer = OmegaConf.load(path)
    except Exception as error:  # the YAML reader has its own exception tree
        raise ValueError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(layer, DictConfig):
        kind = "list" if isinstance(layer, ListConfig) else "single value"
        raise ValueError(f"{path} must hold keys and values, got a {kind}")
    return layer


def _refuse_endless(node: yaml.Node | None) -> None:
    """Raise ValueError where aliases stand for more than can be held: in themselves, or many of many."""
    held: dict[int, float] = {}

    def count(node: yaml.Node) -> float:
        if id(node) not in held:
            held[id(node)] = math.inf  # as long as it is not counted it is inside itself
            pairs = isinstance(node, yaml.MappingNode)
            inside = itertools.chain(*node.value) if pairs else node.value if isinstance(node.value, list) else ()
            held[id(node)] = 1 + sum(map(count, inside))
        return held[id(node)]

    if node is not None and count(node) > MOST:
        raise ValueError(f"its aliases stand for more than {MOST} values, or for themselves")


def _bases(layer: DictConfig, path: Path) -> list[str]:
    """Take `base` out of the layer -> the file names it gives."""
    value = layer.pop("base", None)
    names = [] if value is None else list(value) if isinstance(value, ListConfig) else [value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: base must be a file name or a list of them, got {value}")
    return names
