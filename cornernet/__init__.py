"""Keypoint- and anchor-based object detectors and their losses."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cornernet.prediction.predictor import Predictor

__version__ = "0.1.0"
LARGEST_IMAGE = 200_000_000  # pixels: the largest sensors of phones; a few bytes of a hostile file can claim any number
# The decoders of OpenCV hold themselves to it, whatever our reading of a header says. It is read once, as cv2 is
# imported, which no module of this package has done yet; processes of the loader inherit it.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(LARGEST_IMAGE)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it would print of a broken video is said with its name
__all__ = ["Predictor", "__version__"]


def __getattr__(name: str):
    """Predictor is imported when it is asked for, so that `--help` need not wait for torch."""
    if name == "Predictor":
        from cornernet.prediction.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
