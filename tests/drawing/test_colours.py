"""Colours of classes: stable, apart, and told apart by readers of every colour vision."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from cornernet.drawing import colour

# Machado et al. 2009, severity 1: linear RGB as it is seen
SEEN_BY = {
    "all cones": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(bgr, eyes):
    """CIELAB of a colour as these eyes see it."""
    part = np.array(bgr[::-1]) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(np.array(eyes) @ linear, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eyes", SEEN_BY.values(), ids=SEEN_BY)
@pytest.mark.parametrize(("classes", "least"), [(3, 30), (5, 20), (7, 15)])
def test_the_first_are_told_apart_by_all_eyes(eyes, classes, least):
    seen = [lab(colour(label), eyes) for label in range(classes)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > least


def test_colours_are_distinct_and_stable():
    assert colour(0) == colour(np.int64(0)) == colour(0)
    seen = [colour(i) for i in range(80)]
    assert len(set(seen)) == 80
    near = [np.abs(np.subtract(a, b)).max() for a, b in pairwise(seen)]
    assert min(near) > 60
