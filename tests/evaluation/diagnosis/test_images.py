"""Images of a diagnosis: written for every shape of image, with what they should show."""

import cv2
import numpy as np
import pytest
import torch

from cornernet.detectors.anchor.oracle import REASONS as OF_ANCHORS
from cornernet.detectors.corner.oracle import REASONS as OF_CORNERS
from cornernet.evaluation.diagnosis.diagnose import Seen
from cornernet.evaluation.diagnosis.images import FOUND, LINK, STRAY, draw, palette
from cornernet.evaluation.diagnosis.missed import REASONS
from cornernet.structures import ImageDetections

LOOKS = {
    **palette({**OF_CORNERS, **REASONS}),
    "nms": ("#0072b2", "solid"),
}


def seen(height=60, width=90, reasons=("", "nms"), heats=2):
    boxes = torch.tensor([[5.0, 5, 30, 30], [40, 20, 80, 55]])[: len(reasons)]
    shown = ImageDetections(boxes[:1], torch.ones(len(boxes[:1])), torch.zeros(len(boxes[:1])).long())
    heat = {f"heat {k}": np.zeros((8, 12), np.float16) for k in range(heats)}
    objects = torch.zeros(len(shown.scores), dtype=torch.long)
    image = np.full((height, width, 3), 128, np.uint8)
    return Seen("a.png", image, boxes, list(reasons), shown, objects, heat, (0, width, height, 0), np.zeros((0, 2, 2)))


def has(path, colour):
    """Pixels of about that colour."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return int((np.abs(cv2.imread(str(path)).astype(int) - [blue, green, red]).max(-1) < 12).sum())


@pytest.mark.parametrize("reasons", [{**OF_CORNERS, **REASONS}, {**OF_ANCHORS, **REASONS}])
def test_reasons_look_different(reasons):
    looks = palette(reasons)
    assert set(looks) == set(reasons) and len(set(looks.values())) == len(looks)
    assert not {colour for colour, _ in looks.values()} & {FOUND, STRAY}


def test_missed_objects_are_drawn_in_their_colour(tmp_path):
    missed, found = seen(), seen(reasons=("", ""))
    for name, each in (("missed", missed), ("found", found)):
        draw(each, LOOKS, tmp_path / f"{name}.png", 0.3)
    colour = LOOKS["nms"][0]
    assert has(tmp_path / "missed.png", colour) > 100 > 10 > has(tmp_path / "found.png", colour)
    assert has(tmp_path / "found.png", FOUND) > has(tmp_path / "missed.png", FOUND) > 100


def test_heat_is_drawn_where_it_lies(tmp_path):
    cold, hot = seen(heats=1), seen(heats=1)
    hot.heat["heat 0"][:, 6:] = 1.0
    for name, each in (("cold", cold), ("hot", hot)):
        draw(each, LOOKS, tmp_path / f"{name}.png", 0.3)
    changed = np.abs(cv2.imread(str(tmp_path / "hot.png")).astype(int) - cv2.imread(str(tmp_path / "cold.png"))).max(-1)
    columns = np.flatnonzero(changed.max(0) > 60)
    assert columns.min() > 0.8 * changed.shape[1]  # the right half of the third of three panels


def test_detections_that_match_nothing_and_pairs(tmp_path):
    stray = seen()._replace(objects=torch.tensor([-1]), links=np.array([[[5.0, 5], [30, 30]]]))
    for name, each in (("stray", stray), ("matched", seen())):
        draw(each, LOOKS, tmp_path / f"{name}.png", 0.3)
    drawn = [cv2.imread(str(tmp_path / f"{name}.png")).astype(int) for name in ("stray", "matched")]
    red = [(image[..., 2] - image[..., 1] > 90).sum() for image in drawn]
    assert red[0] > red[1] + 100  # the legend has some
    assert has(tmp_path / "stray.png", LINK) > has(tmp_path / "matched.png", LINK) + 50


@pytest.mark.parametrize(("height", "width"), [(30, 400), (400, 30), (1, 1)])
@pytest.mark.parametrize(("reasons", "heats"), [((), 1), (("nms",), 2)])
def test_any_size_with_and_without_objects(tmp_path, height, width, reasons, heats):
    draw(seen(height, width, reasons, heats), LOOKS, tmp_path / "x.png", 0.3)
    image = cv2.imread(str(tmp_path / "x.png"))
    assert image is not None and 100 < min(image.shape[:2]) and max(image.shape[:2]) < 3000


@pytest.mark.parametrize("name", ["$frac{a_$.jpg", "a$1$.jpg", "\u65e5\u672c.jpg", "_^{.png"])
def test_any_file_name_is_shown_as_it_is(tmp_path, recwarn, name):
    draw(seen()._replace(file_name=name), palette({"nms": ""}), tmp_path / "a.png", 0.3)
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


@pytest.mark.parametrize(("labels", "more"), [("auto", True), ("all", True), ("none", False)])
def test_classes_are_named_unless_that_is_switched_off(tmp_path, labels, more):
    plain, named = seen(), seen()._replace(names=["cat", "dog$"], found_as=["cat 0.90"])
    for name, each in (("plain", plain), ("named", named)):
        draw(each, LOOKS, tmp_path / f"{name}.png", 0.3, labels)
    colour = LOOKS["nms"][0]
    assert (has(tmp_path / "named.png", colour) > has(tmp_path / "plain.png", colour) + 50) == more
    assert (has(tmp_path / "named.png", FOUND) > has(tmp_path / "plain.png", FOUND) + 50) == more
