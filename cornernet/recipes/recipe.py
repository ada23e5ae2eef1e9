"""From a data set on disk to the file of a recipe."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import OmegaConf

from cornernet import config
from cornernet.config import Data
from cornernet.config.overrides import layer
from cornernet.data import opening, typed_data
from cornernet.data.sources import DRAWN
from cornernet.recipes import means, text
from cornernet.recipes.choices import OWN, SHARE, Choice, decide
from cornernet.recipes.facts import measured
from cornernet.system import writing
from cornernet.training import preflight, report

FILE = "config.yaml"
HEAD = "Written by cornernet auto for {}; built on the shipped config that is its base, see docs/auto.md."


class Recipe(NamedTuple):
    """What was written."""

    path: Path
    facts: list[str]  # what was measured, for people
    choices: list[Choice]


def write(folder: str | Path, out: str | Path, minutes: int, overrides: Sequence[str] = ()) -> Recipe:
    """Look at annotations in any format, or at a drawn set by its name, and write out/config.yaml; nothing is trained.

    minutes: that a training may take on a CPU. overrides: `key=value` of a config, which go before what is chosen.
    Raises ValueError or OSError, one sentence, for data or settings that a training would refuse and for a folder `out`
    that holds something.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new or an empty folder, and holds something")
    typed = _typed(overrides)
    there = means.found(minutes, typed)
    settings = config.load(there.base, overrides)
    where = _where(str(folder), settings.data, typed_data(settings))
    found = report(there.base, [*overrides, *assigned(where)])
    if refusal := found.refusal():
        raise ValueError(refusal)
    source, held = found.splits["train"]
    facts = measured(held, source.class_names)
    chosen = [*where, *decide(facts, there, {key: x for key, x in typed.items() if key not in {w.key for w in where}})]
    preflight.check(config.load(there.base, assigned(chosen)))
    told = text.told(facts)
    out.mkdir(parents=True, exist_ok=True)
    writing.write(out / FILE, text.document(there.base, [HEAD.format(source.origin), *told], chosen))
    return Recipe(out / FILE, told, chosen)


def assigned(chosen: Sequence[Choice]) -> list[str]:
    """Choices as overrides."""
    return [f"{each.key}={text.scalar(each.value)}" for each in chosen]


def _where(given: str, data: Data, typed: bool) -> list[Choice]:
    """What names the data from anywhere, and holds some of them out where nothing else is for validation."""
    if given in DRAWN and not Path(given).exists():
        return [Choice("data.name", given, "a set that is drawn")]
    path, root = Path(given).expanduser().absolute(), Path(data.root).expanduser().absolute()
    named = {"data.train.images": data.train.images, "data.val.annotations": data.val.annotations}
    named |= {"data.val.images": data.val.images}
    found = [Choice("data.root", str(root), OWN)] if data.root else []
    found += [Choice("data.train.annotations", str(path), "the labels; images are found from there")]
    found += [Choice(key, str(root / Path(x).expanduser()), OWN) for key, x in named.items() if x]
    alone = not data.val.annotations and not data.val.split
    if alone and path.exists() and not opening.holds(path, "val", data.format, typed):
        found.append(Choice("data.val.split", SHARE, "there is no validation set: a fifth of the images is held out"))
    return found


def _typed(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides -> what they set, by key; an empty mapping is a value too."""
    given = OmegaConf.to_container(layer(overrides))
    return dict(_leaves(cast(dict[str, Any], given), ""))


def _leaves(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        yield from _leaves(value, f"{prefix}{key}.") if inner else [(f"{prefix}{key}", value)]
