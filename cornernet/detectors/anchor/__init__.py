"""The anchor-based detector: everything of it in this folder."""

from cornernet.detectors.anchor.building import GIVES, ROLES, build, places

UNREAD = ("attention", "head", "pairing", "region")

__all__ = [
    "GIVES",
    "ROLES",
    "UNREAD",
    "build",
    "places",
]
