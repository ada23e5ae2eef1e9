"""The anchor-based detector: everything of it in this folder."""

from cornernet.detectors.anchor.building import ROLES, build, places

__all__ = [
    "ROLES",
    "build",
    "places",
]
