"""Which image files are found, what their drawings are called, and writing images."""

import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from cornernet.data import SUFFIXES
from cornernet.system import writing

WRITTEN = SUFFIXES - {".gif", ".webp"}  # endings that a drawing keeps


def find_images(path: str | os.PathLike[str], *written: Path) -> list[Path]:
    """A file, or all images below a folder by name, but for those below folders in it that are written to.

    Raises FileNotFoundError if there are none.
    """
    if not str(path).strip():
        raise FileNotFoundError("the name of the image or folder is empty")
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"there is no image, video or folder {path}")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    inside = {folder.resolve() for folder in written if path.resolve() in folder.resolve().parents}
    found = [p for p in found if not inside or inside.isdisjoint(p.resolve().parents)]
    if not found:
        raise FileNotFoundError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))})")
    return found


def drawing(folder: Path, name: Path) -> Path:
    """Where the drawing of an image goes; the ending is kept where OpenCV writes it as it is, else .png is added."""
    return folder / (name if name.suffix.lower() in WRITTEN else f"{name}.png")


def drawings(names: Iterable[Path], others: Iterable[str] = ("predictions.json",)) -> dict[Path, Path]:
    """Names of images -> those of their drawings, no two alike and none that of a folder or of the others.

    The drawing of a.webp is a.webp.png, or a.webp-2.png beside an image of that name, which keeps its own.
    """
    names, found = list(names), {}
    taken = set(map(Path, others)).union(*(name.parents for name in names))
    for name in sorted(names, key=lambda name: drawing(Path(), name) != name):
        place, number = drawing(Path(), name), 1
        while place in taken:
            number += 1
            place = place.with_name(f"{drawing(Path(), name).stem}-{number}{place.suffix}")
        found[name] = place
        taken.add(place)
    return found


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image, uint8 BGR, and the folders above it; raises OSError if it cannot be, for its ending or else."""
    if not path.suffix.isascii() or not cv2.haveImageWriter(f"x{path.suffix}"):  # OpenCV dies of names that are no text
        raise OSError(f"{path} could not be written: its ending must be {', '.join(sorted(WRITTEN))}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        done, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise OSError(f"{path} could not be written: {' '.join(str(error).split())}") from None
    if not done:
        raise OSError(f"{path} could not be written")
    with writing.replacing(path, tidy=False) as temporary:
        temporary.write_bytes(data.data)
