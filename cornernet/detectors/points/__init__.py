"""Objects as points: an object is the peak at its centre, with the size of its box beside it; all of it in this folder.

Zhou, Wang, Krähenbühl: Objects as Points, 2019, arXiv 1904.07850. No output of the published code is compared with:
tests hold this to the paper's equations and to values worked by hand.
"""

from cornernet.detectors.points.building import ROLES, build, unread

__all__ = [
    "ROLES",
    "build",
    "unread",
]
