"""Limits that have to be set before a library is loaded, in the environment that it reads."""

import os

LARGEST_IMAGE = 200_000_000  # pixels: the largest sensors of phones; a few bytes of a hostile file can claim any number
# The decoders of OpenCV hold themselves to it, whatever our reading of a header says. It is read once, as cv2 is
# imported, which no module of this package has done yet; processes of the loader inherit it.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(LARGEST_IMAGE)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it would print of a broken video is said with its name
