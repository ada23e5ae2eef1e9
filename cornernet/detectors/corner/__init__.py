"""CornerNet: a box is a pair of corners; everything of this detector in one folder."""

from cornernet.detectors.corner.detector import ROLES, build
from cornernet.detectors.corner.official import check, convert, published

__all__ = [
    "ROLES",
    "build",
    "check",
    "convert",
    "published",
]
