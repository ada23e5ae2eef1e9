"""Roboflow's export: folders train, valid and test, each with its images and a _annotations.coco.json."""

from pathlib import Path

from cornernet.data.annotations import Asked, Content
from cornernet.data.annotations.tree import SPLITS
from cornernet.data.problems import Problems
from cornernet.data.sources import coco

FILE = "_annotations.coco.json"


def recognises(path: Path) -> bool:
    """Whether a folder is such an export, or one of its folders."""
    return path.is_dir() and bool(_parts(path) or (path / FILE).is_file())


def splits(path: Path) -> set[str]:
    """Which of "train" and "val" an export holds."""
    return set(_parts(path)) & {"train", "val"}


def one_file(asked: Asked) -> Path:
    """The JSON file of the split; raises ValueError where there is no such split."""
    found = _parts(asked.path)
    if not found or (asked.path / FILE).is_file():
        return asked.path / FILE
    folder = found.get(asked.split) or (next(iter(found.values())) if len(found) == 1 else None)
    if folder is None:
        raise ValueError(
            f"{asked.path} has no folder for {asked.split}, only {', '.join(x.name for x in found.values())}"
        )
    return folder / FILE


def parse(asked: Asked, problems: Problems) -> Content:
    """Folder -> Content of its split, as a COCO file is read."""
    return coco.parse(asked._replace(path=one_file(asked)), problems)


def _parts(path: Path) -> dict[str, Path]:
    """Split -> its folder."""
    folders = ((split, path / name) for split, names in SPLITS.items() for name in reversed(names))
    return {split: folder for split, folder in folders if (folder / FILE).is_file()}
