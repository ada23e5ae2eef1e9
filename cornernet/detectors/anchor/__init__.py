"""The anchor-based detector: everything of it in this folder."""

from cornernet.detectors.anchor.detector import ROLES, build, places

UNREAD = ("pairing", "region", "head.centre")

__all__ = [
    "ROLES",
    "UNREAD",
    "build",
    "places",
]
