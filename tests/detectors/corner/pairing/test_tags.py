"""Distances between corners, by hand."""

import importlib
from math import log

import pytest
import torch

from cornernet.config import Config, from_container, override, to_dict
from cornernet.detectors.corner.decode import Corners, distances
from cornernet.detectors.corner.pairing.tags import pair_distance
from cornernet.losses import ROLES
from cornernet.ops.tags import by_tags

half_sides = importlib.import_module("cornernet.losses.grouping.half_sides")


def shift_distance(tl, br):
    return distances(tl, br, half_sides.pair_distance)


def corners(points, tags):
    """Corners of one image from lists of (x, y) and of tags."""
    x, y = torch.tensor(points, dtype=torch.float32).T[:, None]
    zeros = torch.zeros(1, len(points))
    return Corners(zeros, zeros.long(), x, y, torch.tensor([tags], dtype=torch.float32), zeros.long())


def test_shifts_that_agree_with_the_box_are_near():
    tl = corners([(1, 1), (3, 2)], [(log(4), log(2)), (log(1), log(1))])
    br = corners([(9, 5), (5, 4)], [(log(4), log(2)), (log(1), log(1) + 0.4)])
    got = shift_distance(tl, br)[0]
    assert got[0, 0] == pytest.approx(0, abs=1e-6)  # sides 8, 4: shifts log 4, log 2, as all four tags say
    assert got[1, 1] == pytest.approx(0.4 / 4)  # sides 2, 2: one of four numbers is off by 0.4
    # tl 0 with br 1: sides 4, 3, shifts log 2, log 1.5
    by_hand = (log(4 / 2) + log(2 / 1.5) + log(2 / 1) + abs(0.4 - log(1.5))) / 4
    assert got[0, 1] == pytest.approx(by_hand)


def test_ten_percent_too_large_is_a_tenth():
    tl, br = corners([(0, 0)], [(log(11), log(11))]), corners([(20, 20)], [(log(11), log(11))])
    assert shift_distance(tl, br).item() == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("br", [(0, 5), (5, 0), (-3, 5), (5, -3), (0, 0)])
def test_boxes_without_size_or_inverted_are_far(br):
    got = shift_distance(corners([(0, 0)], [(0, 0)]), corners([br], [(0, 0)]))
    assert got.isfinite().all() and got.item() > 5


def test_each_image_pairs_its_own_corners():
    tl, br = corners([(0, 0)], [(0, 0)]), corners([(2, 2)], [(0, 0)])
    batch = [Corners(*(torch.cat(x) for x in zip(a, b, strict=True))) for a, b in ((tl, br), (br, br))]
    assert shift_distance(*batch).shape == (2, 1, 1)


@pytest.mark.parametrize("name", sorted(ROLES["grouping"]))
@pytest.mark.parametrize("path", ["{name}", "cornernet.losses.grouping.{name}.{name}"])
def test_each_loss_is_decoded_as_it_declares_by_name_and_by_path(name, path):
    config = override(Config(), ["model.head.tag_dim=2", "loss.grouping.name=" + path.format(name=name)])
    assert pair_distance(config) is (half_sides.pair_distance if name == "half_sides" else by_tags)


@pytest.mark.parametrize("name", ["half_sides", "cornernet.losses.grouping.half_sides.half_sides"])
def test_half_sides_needs_two_numbers(name):
    with pytest.raises(ValueError, match=rf"loss\.grouping\.name={name}: it needs model\.head\.tag_dim=2 .*, got 1"):
        pair_distance(override(Config(), [f"loss.grouping.name={name}"]))


def test_what_nobody_typed_is_not_looked_up():
    held = to_dict(override(Config(), ["loss.grouping.name=nobody.has.this"]))
    with pytest.raises(ValueError, match="only looked up where you typed it"):
        pair_distance(from_container(held))
    with pytest.raises(ValueError, match="there is no module nobody"):
        pair_distance(override(from_container(held), ["loss.grouping.name=nobody.has.this"]))
    held["loss"]["grouping"]["name"] = "cornernet.losses.grouping.half_sides.half_sides"
    held["model"]["head"]["tag_dim"] = 2
    assert pair_distance(from_container(held)) is half_sides.pair_distance
