"""The size of an image, for formats that do not say it: from the head of its file, which is not decoded."""

from pathlib import Path
from typing import BinaryIO

from cornernet.data.headers import Header, header
from cornernet.data.images import LARGEST, Fault, raw


def size_of(path: str | Path) -> tuple[int, int]:
    """Image file -> (width, height) of the upright image, in pixels; raises as `images.read_image`."""
    with open(path, "rb") as stream:
        found = header(stream)
        upright = _upright(found, stream) if found and 0 < found.width * found.height <= LARGEST else None
    if upright:
        return upright
    image = raw(Path(path))
    if isinstance(image, Fault):
        raise ValueError(f"{path} {image.reason}")
    return image.shape[1], image.shape[0]


def known_size(path: str | Path) -> tuple[int, int] | tuple[None, None]:
    """The same, and (None, None) of what cannot be read: the check of the images says why."""
    try:
        return size_of(path)
    except (ValueError, OSError):
        return None, None


def _upright(found: Header, stream: BinaryIO) -> tuple[int, int] | None:
    """Size of the upright image, None where the head alone does not tell which way up it is."""
    if found.turned is None:
        stream.seek(0)
        if stream.read(4) != b"\x89PNG" or b"eXIf" in stream.read():
            return None
    return (found.height, found.width) if found.turned else (found.width, found.height)
