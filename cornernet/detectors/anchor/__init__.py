"""The anchor-based detector: everything of it in this folder."""

from cornernet.detectors.anchor.building import GIVES, ROLES, build, places, unread

__all__ = [
    "GIVES",
    "ROLES",
    "build",
    "places",
    "unread",
]
