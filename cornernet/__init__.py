"""Keypoint- and anchor-based object detectors and their losses."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cornernet.predictor import Predictor

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__"]


def __getattr__(name: str):
    """Predictor is imported when it is asked for, so that `--help` need not wait for torch."""
    if name == "Predictor":
        from cornernet.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
