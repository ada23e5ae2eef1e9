"""What the paths behind `predict` stand for: files, folders and patterns to images, videos, streams and cameras."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cornernet.prediction import media, video


class Given(NamedTuple):
    """All that is to be predicted."""

    images: list[Path]  # no two of them the same path
    root: Path  # the images are named from here: the folder, or the nearest one that holds all that was named
    videos: list[str | int]  # files, addresses of streams, numbers of cameras


def given(sources: Sequence[str], *written: Path) -> Given:
    """Paths, quoted patterns (`*`, `?`, `[...]`, `**` for any folders), addresses and numbers -> Given.

    Of a folder or pattern all images and of a pattern all videos count, but for what lies in folders that are
    written to. Raises FileNotFoundError for what stands for nothing.
    """
    images: dict[str, Path] = {}
    roots: list[str] = []
    videos: list[str | int] = []
    for source in sources:
        for path in _matches(source):
            moving = int(path) if path.isdigit() and not Path(path).exists() else path
            if video.is_video(moving):
                videos.append(moving)
                continue
            images |= {os.path.abspath(file): file for file in media.find_images(path, *written)}
            roots.append(os.path.abspath(path if Path(path).is_dir() else Path(path).parent))
    return Given(list(images.values()), Path(_common(roots)), list(dict.fromkeys(videos)))


def _matches(source: str) -> list[str]:
    """A path as it is; of a pattern, unless there is a file of that name, what it matches and can be predicted."""
    if video.is_stream(source) or not glob.has_magic(source) or Path(source).exists():
        return [source]
    endings = media.SUFFIXES | video.VIDEOS
    found = [path for path in sorted(glob.glob(source, recursive=True)) if Path(path).suffix.lower() in endings]
    if not found:
        raise FileNotFoundError(f"{source} matches no image or video ({', '.join(sorted(endings))})")
    return found


def _common(roots: list[str]) -> str:
    """The nearest folder that holds all of these."""
    return os.path.commonpath(roots) if roots else ""


def name(image: Path, root: Path) -> Path:
    """Image -> its path from the root."""
    return Path(os.path.abspath(image)).relative_to(root)
