"""CornerNet: a box is a pair of corners; everything of this detector in one folder."""

from cornernet.detectors.corner.building import GIVES, ROLES, build, places, unread
from cornernet.detectors.corner.official import Recognised, check, convert, published, recognise

__all__ = [
    "GIVES",
    "ROLES",
    "Recognised",
    "build",
    "check",
    "convert",
    "places",
    "published",
    "recognise",
    "unread",
]
