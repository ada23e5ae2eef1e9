"""What a YOLO set says of itself beside its labels: a data.yaml, an obj.data with its lists, or a file of names."""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import yaml

from cornernet.data.annotations.names import clean
from cornernet.data.annotations.text import read_text
from cornernet.data.annotations.tree import SPLIT_OF, files, listed, splits_of
from cornernet.data.images import SUFFIXES
from cornernet.system.wording import kind

ENDS = (".yaml", ".yml", ".data")
LOOKED = 200_000  # entries of a folder
LONGEST = 2**20  # bytes of a file of settings
KEYS = re.compile(r"^(train|val|valid|path|nc)\s*[:=]", re.MULTILINE)
NAMES = re.compile(r"^names\s*[:=]", re.MULTILINE)
COUNT = re.compile(r"[0-9]{1,6}")
MOST = 10_000  # classes
DEEPEST = 8  # lists inside each other in a file of settings
NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt", "labels/classes.txt")


class Listing(NamedTuple):
    """What is known of a set before its labels are read."""

    file: Path  # that says it, or the folder
    bases: list[Path]  # folders to which its paths may be relative, the first one rightly
    names: dict[int, str]  # class number -> name; empty: nobody says
    parts: dict[str, list[str]]  # split -> folders, lists and images; empty: the folders say it
    pose: bool = False  # whether lines go on with keypoints
    told: int | None = None  # number of the classes, where it is said beside their names


def settings_file(path: Path) -> Path | None:
    """Path -> the data.yaml or obj.data that it is, or that lies in it, or None."""
    names = [path.name] if path.is_file() else listed(path, LOOKED)[1]
    folder = path.parent if path.is_file() else path
    found = [folder / name for name in names if name.lower().endswith(ENDS)]
    return next((x for x in sorted(found, key=lambda x: x.stem != "data") if _settles(x)), None)


def listing(path: Path) -> Listing:
    """Folder or file of settings -> Listing; raises ValueError naming the file, if it is wrong."""
    file = settings_file(path)
    if file is None:
        parts = _lists_beside(path) or {split: [] for split in splits_of(files(path, SUFFIXES))}
        return Listing(path, [path], _named_beside(path), parts)
    held = _darknet(file) if file.suffix.lower() == ".data" else _yaml(file)
    own = file.parent
    base = own / clean(str(held["path"])) if isinstance(held.get("path"), str) and held["path"] else own
    bases = list(dict.fromkeys([base if base.is_dir() else own, own]))
    parts = {SPLIT_OF[key]: _texts(file, key, value) for key, value in held.items() if key in SPLIT_OF and value}
    names = _names(file, held.get("names", {}), bases)
    count = next((int(held[key]) for key in ("nc", "classes") if COUNT.fullmatch(str(held.get(key)))), None)
    if not names and count:
        names = {number: str(number) for number in range(min(count, MOST))}
    return Listing(file, bases, names, parts, "kpt_shape" in held, count)


def resolved(held: Listing, text: str) -> Path:
    """Path as settings give it -> where it leads; of one from another machine the end counts."""
    name = clean(text)
    parts = PurePosixPath(name).parts
    tails = [PurePosixPath(*parts[at:]) for at in range(1, len(parts))]
    tails = [x for x in tails if ".." not in x.parts and (x.suffix or SPLIT_OF.keys() & set(x.parts))]
    for candidate in (*(base / name for base in held.bases), *(base / tail for tail in tails for base in held.bases)):
        if candidate.exists():
            return Path(os.path.normpath(candidate))
    raise FileNotFoundError(f"{held.file} names {text!r}, but there is no {held.bases[0] / name}")


def _lists_beside(folder: Path) -> dict[str, list[str]]:
    """Lists of images in a folder that no settings describe: train.txt and its like, by split."""
    found = {SPLIT_OF[x.stem.lower()]: x for x in sorted(folder.glob("*.txt")) if x.stem.lower() in SPLIT_OF}
    return {split: [file.name] for split, file in found.items() if _lists(file)}


def _lists(file: Path) -> bool:
    """Whether the first line of a text is the name of an image."""
    with file.open("rb") as stream:
        first = stream.read(4096).lstrip().split(b"\n")[0].strip().decode("utf-8", "replace")
    return Path(first).suffix.lower() in SUFFIXES


def _settles(file: Path) -> bool:
    """Whether a file holds the keys of such settings."""
    if file.stat().st_size > LONGEST:
        return False
    text = file.read_bytes().decode("utf-8", "replace")
    return bool(NAMES.search(text) and KEYS.search(text))


def _yaml(file: Path) -> dict:
    """YAML file -> dict of texts, lists and dicts; raises ValueError, one sentence."""
    text = read_text(file, "YAML", LONGEST)
    try:
        _check_plain(file, text)
        held = yaml.load(text, yaml.BaseLoader)  # texts alone: a class may be called no
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(held, dict):
        raise ValueError(f"{file} must hold keys such as train and names, got {kind(held)}")
    return held


def _check_plain(file: Path, text: str) -> None:
    """Raise ValueError for YAML that refers to parts of itself or is nested: reading it might take for ever."""
    depth = 0
    for event in yaml.parse(text, yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"{file} is not readable as YAML: its lists are nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"{file} refers to parts of itself, write them out")


def _darknet(file: Path) -> dict:
    """File of lines `key = value` -> dict."""
    lines = [line.partition("=") for line in read_text(file, "text", LONGEST).splitlines() if "=" in line]
    return {key.strip(): value.strip() for key, _, value in lines}


def _texts(file: Path, key: str, value: object) -> list[str]:
    """One path or several of a split."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"{file}: {key} must be a path or a list of paths, got {value!r}")
    return [str(text) for text in texts]


def _names(file: Path, value: object, bases: list[Path]) -> dict[int, str]:
    """Names as a list, as a dict by number or as the path of a file with a name a line."""
    if isinstance(value, str) and value:
        return _lines(resolved(Listing(file, bases, {}, {}), value))
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    try:
        return {int(number): name if isinstance(name, str) else str(name) for number, name in pairs}
    except ValueError:
        raise ValueError(f"{file}: names must have numbers for keys, got {list(value)[:5]}") from None  # type: ignore[call-overload]


def _named_beside(folder: Path) -> dict[int, str]:
    """Names of a folder that no settings describe, or {}."""
    found = [folder / name for name in NAME_FILES] + sorted(folder.glob("*.names")) + sorted(folder.glob("*/*.labels"))
    return next((_lines(file) for file in found if file.is_file()), {})


def _lines(file: Path) -> dict[int, str]:
    return dict(enumerate(line.strip() for line in read_text(file, "text", LONGEST).rstrip().splitlines()))
