"""CornerNet: a box is a pair of corners; everything of this detector in one folder."""

from cornernet.detectors.corner.building import GIVES, ROLES, build, places
from cornernet.detectors.corner.official import Recognised, check, convert, published, recognise

UNREAD = ("anchor",)

__all__ = [
    "GIVES",
    "ROLES",
    "UNREAD",
    "Recognised",
    "build",
    "check",
    "convert",
    "places",
    "published",
    "recognise",
]
