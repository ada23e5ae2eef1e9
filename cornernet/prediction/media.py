"""What can be looked at: an image, a folder of images, a video, a camera; and writing images and videos."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cornernet.data import SUFFIXES
from cornernet.system import writing

WRITTEN = SUFFIXES - {".gif", ".webp"}  # endings that a drawing keeps
VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
FPS = 25.0  # of a camera or file that does not say


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


def is_video(source: str | Path | int) -> bool:
    """Whether a source is a camera's number or a file with the ending of a video."""
    return isinstance(source, int) or (Path(source).suffix.lower() in VIDEOS and not Path(source).is_dir())


@dataclass(frozen=True)
class Video:
    """An opened video file or camera."""

    name: str
    fps: float
    frames: int | None  # as the file's header has it; None: unknown, as of a camera
    capture: cv2.VideoCapture

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames [h, w, 3] uint8 BGR until the end; the capture is closed when the loop is left."""
        try:
            while (read := self.capture.read())[0]:
                yield np.ascontiguousarray(read[1])
        finally:
            self.capture.release()


def _name(path: str | Path) -> Any:
    """The path as bytes, which OpenCV takes as well, for a name may be no UTF-8."""
    return os.fsencode(path)


def open_video(source: str | Path | int) -> Video:
    """Video file or camera number -> Video; raises FileNotFoundError or ValueError if it cannot be opened."""
    if isinstance(source, int) and source < 0:
        raise ValueError(f"cameras are numbered from 0, got {source}")
    if not isinstance(source, int) and not Path(source).is_file():
        raise FileNotFoundError(f"there is no video {source}")
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # we say it in one line
    try:
        capture = cv2.VideoCapture(source if isinstance(source, int) else _name(source))
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        what = f"camera {source}" if isinstance(source, int) else f"{source}"
        raise ValueError(f"{what} cannot be opened as a video")
    fps, frames = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    name = f"camera{source}" if isinstance(source, int) else Path(source).name
    return Video(name, fps if 0 < fps < 1000 else FPS, frames if frames > 0 else None, capture)


def drawing(folder: Path, name: Path) -> Path:
    """Where the drawing of an image goes; the ending is kept where OpenCV writes it as it is, else .png is added."""
    return folder / (name if name.suffix.lower() in WRITTEN else f"{name}.png")


def drawings(names: Iterable[Path]) -> dict[Path, Path]:
    """Names of images -> those of their drawings, no two alike and none that of a folder or of predictions.json.

    The drawing of a.webp is a.webp.png, or a.webp-2.png beside an image of that name, which keeps its own.
    """
    names, found = list(names), {}
    taken = {Path("predictions.json")}.union(*(name.parents for name in names))
    for name in sorted(names, key=lambda name: drawing(Path(), name) != name):
        place, number = drawing(Path(), name), 1
        while place in taken:
            number += 1
            place = place.with_name(f"{drawing(Path(), name).stem}-{number}{place.suffix}")
        found[name] = place
        taken.add(place)
    return found


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image, uint8 BGR, and the folders above it; raises OSError if it cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        done, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise OSError(f"{path} could not be written: {' '.join(str(error).split())}") from None
    if not done:
        raise OSError(f"{path} could not be written")
    with writing.replacing(path, tidy=False) as temporary:
        temporary.write_bytes(data.data)


def video_writer(path: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    """Writer of an mp4 of (width, height) = size, to be released; raises OSError if it cannot be opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(_name(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise OSError(f"{path} cannot be written as a video of {size[0]}x{size[1]} at {fps:g} frames a second")
    return writer
