"""The anchor-based detector: everything of it in this folder."""

from cornernet.detectors.anchor.detector import GIVES, ROLES, build, places

__all__ = [
    "GIVES",
    "ROLES",
    "build",
    "places",
]
