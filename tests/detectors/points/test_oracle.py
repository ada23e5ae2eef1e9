"""Objects as points beside the truth: each part replaced, and each way in which an object is lost, provoked alone."""

import pytest
import torch

from cornernet.detectors.keypoints import radius_in_cells
from cornernet.detectors.oracle import slots
from cornernet.detectors.points.oracle import PARTS, REASONS, PointOracle
from cornernet.detectors.points.targets import encode
from cornernet.structures import PointMaps

CELLS, SIDE, CLASSES = (16, 16), 64, 2
BOX = (10.0, 18, 26, 34)  # its centre is the corner of cell (4, 6), 18 = 4.5 cells, 26 = 6.5 cells


def oracle(maps, boxes=(BOX,), labels=None, frame=(0, 0, SIDE, SIDE), top_k=100):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    labels = torch.zeros(len(boxes), dtype=torch.long) if labels is None else torch.tensor(labels)
    boxes, labels, mask = slots(boxes, labels)
    goal = encode(boxes, labels, mask, CLASSES, (SIDE, SIDE), CELLS, roots="old")
    radius = radius_in_cells(boxes, torch.tensor([0.25, 0.25]), 0.7, "old")
    return PointOracle(
        maps, goal, labels, boxes, radius, torch.tensor([4.0] * 4), torch.tensor(frame).float(), top_k, 3
    )


def random_maps(seed):
    generator = torch.Generator().manual_seed(seed)
    return PointMaps(*(torch.randn(1, n, *CELLS, generator=generator) for n in (CLASSES, 2, 2)))


def blank():
    """No peak anywhere: a logit of -200 is a score of 0."""
    return PointMaps(torch.full((1, CLASSES, *CELLS), -200.0), torch.zeros(1, 2, *CELLS), torch.zeros(1, 2, *CELLS))


def aimed(score=2.0, label=0, size=4.0, x=4, y=6, rivals=0):
    """One peak with a box around its cell's middle, and others of higher score far from it."""
    maps = blank()
    maps.heat[0, label, y, x] = score
    maps.offset[0], maps.size[0] = 0.5, size
    maps.heat[0, 1, 12, torch.arange(rivals) * 2] = 5.0
    return maps


def rows(found, floor=0.5):
    hot = found.scores[0] > floor
    return {
        (*(round(v, 2) for v in box), label)
        for box, label in zip(found.boxes[0, hot].tolist(), found.labels[0, hot].tolist(), strict=True)
    }


BOXES = [(5.5, 4, 30, 25), (18, 22.25, 46, 46), (2, 40, 18, 57), (61, 61, 62, 62), (19, 22, 45, 46)]
LABELS = [0, 1, 0, 1, 0]  # the second and the last have one centre's cell, of two classes


def test_with_everything_true_every_object_is_there_and_nothing_else():
    x = oracle(random_maps(0), BOXES, LABELS)
    assert x.targets.index[0, 1] == x.targets.index[0, 4] and not next(iter(x.limits().values())).any()
    assert rows(x.predict(PARTS)) == {(*map(float, box), label) for box, label in zip(BOXES, LABELS, strict=True)}


def test_each_part_alone_leaves_the_others():
    maps = random_maps(1)
    x = oracle(maps)
    at = (0, slice(None), 6, 4)
    centre, size = torch.tensor([4.0, 6]) + maps.offset[at], maps.size[at].clamp(min=0)
    for parts, middle, sides in (
        (("heatmaps",), centre, size),
        (("heatmaps", "offsets"), torch.tensor([4.5, 6.5]), size),
        (("heatmaps", "sizes"), centre, torch.tensor([4.0, 4])),
    ):
        (row,) = rows(x.predict(parts))
        expected = 4 * torch.cat((middle - sides / 2, middle + sides / 2))
        assert row[:4] == pytest.approx(expected.tolist(), abs=0.01), parts
    plain, placed = x.predict(), x.predict(("offsets", "sizes"))
    assert torch.equal(placed.scores, plain.scores)
    assert (placed.boxes != plain.boxes).any(-1).sum() <= 1  # those of a peak in the true cell alone


def test_an_image_without_objects():
    x = oracle(random_maps(2), ())
    assert rows(x.predict(("heatmaps",)), 0) == set() and not next(iter(x.limits().values())).any()
    assert all(torch.equal(a, b) for a, b in zip(x.predict(("offsets", "sizes")), x.predict(), strict=True))


def test_two_of_a_class_in_one_cell_are_beyond_it():
    alike = next(iter(oracle(blank(), [BOX, (11, 19, 25, 33), (40, 40, 50, 50)]).limits().values()))
    assert alike.tolist() == [True, True, False]
    assert not next(iter(oracle(blank(), [BOX, BOX], [0, 1]).limits().values())).any()


def test_heat_and_links():
    x = oracle(aimed(2.0, label=1))
    heat = x.heat()["centres"]
    assert heat.shape == CELLS and heat.argmax() == 6 * 16 + 4 and heat.max().item() == pytest.approx(0.881, abs=1e-3)
    assert x.links(torch.zeros(3, 4)).shape == (0, 2, 2)


LOST = {  # reason: maps, what differs in the oracle
    "centre": [(lambda: aimed(x=12, y=2), {}), (lambda: aimed(-2.0, rivals=5), {"top_k": 5})],
    "class": [(lambda: aimed(label=1), {}), (lambda: aimed(label=1, size=1.0), {})],
    "loose box": [(lambda: aimed(size=1.0), {}), (lambda: aimed(size=1.0, x=5), {})],
    "score": [(lambda: aimed(-2.0), {})],
}


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_provoked(reason):
    for maps, how in LOST[reason]:
        assert oracle(maps(), **how).reason(0, 0.5, 0.3) == reason


def test_a_peak_belongs_to_the_nearest_object():
    """Cell (7, 7) is two from the first object's (5, 7), whose bump reaches as far; the other's reaches one."""
    wide = (6.0, 14, 38, 46)
    x = oracle(aimed(size=0.5, x=7, y=7), [wide, (30.0, 18, 46, 34)])
    assert x.reach[0].tolist() == [2, 1]
    assert (x.reason(0, 0.5, 0.3), x.reason(1, 0.5, 0.3)) == ("loose box", "centre")
    x = oracle(aimed(size=0.5, x=7, y=7), [wide, (26.0, 18, 42, 34)])  # in cell (8, 6), which is nearer
    assert (x.reason(0, 0.5, 0.3), x.reason(1, 0.5, 0.3)) == ("centre", "loose box")


def test_boxes_are_compared_inside_the_image():
    """The lower half of the box lies in the padding: clipped, as detections are, it fits the object."""
    assert oracle(aimed(-2.0), [(10.0, 18, 26, 25)], frame=(0, 0, SIDE, 25)).reason(0, 0.5, 0.3) == "score"
    assert oracle(aimed(-2.0), [(10.0, 18, 26, 24)]).reason(0, 0.5, 0.3) != "score"
