"""Limits that have to be set before a library is loaded, in the environment that it reads."""

import os
from importlib import import_module

LARGEST_IMAGE = 200_000_000  # pixels: the largest sensors of phones; a few bytes of a hostile file can claim any number
# The decoders of OpenCV hold themselves to it, whatever our reading of a header says. It is read once, as cv2 is
# imported, which no module of this package has done yet; processes of the loader inherit it.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(LARGEST_IMAGE)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it would print of a broken video is said with its name


def open_files(needed: int) -> int:
    """Number of files that this process may have open, raised as far as the system lets it; 0 where there is no limit.

    needed: how many there should be room for; where there is, the limit stays.
    """
    if os.name != "posix":
        return 0
    resource = import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY == soft:
        return 0
    if soft < needed and (hard == resource.RLIM_INFINITY or hard > soft):
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
