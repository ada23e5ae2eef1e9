"""Targets and decoding of objects as points, by values worked by hand, as inverses and by symmetry."""

import math

import pytest
import torch

from cornernet.data import read
from cornernet.detectors.points.decode import decode
from cornernet.detectors.points.show import draw_targets
from cornernet.detectors.points.targets import encode
from cornernet.structures import PointMaps

BOX = (10.0, 4, 31, 21)  # of 32 x 64 pixels on 8 x 16 cells: 5.25 x 4.25 cells around (5.125, 3.125)
INPUT, CELLS = (32, 64), (8, 16)


def targets(boxes, labels=None, mask=None, classes=2, **how):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(1, -1, 4)
    labels = torch.zeros(boxes.shape[:2]).long() if labels is None else torch.tensor([labels])
    mask = torch.ones(boxes.shape[:2], dtype=torch.bool) if mask is None else torch.tensor([mask])
    return encode(boxes, labels, mask, classes, INPUT, CELLS, **how)


def blank(classes=2, size=CELLS, logit=-9.0):
    return PointMaps(torch.full((1, classes, *size), logit), torch.zeros(1, 2, *size), torch.zeros(1, 2, *size))


def true_maps(goal):
    """Maps that say what the targets ask for."""
    maps = blank(goal.heat.shape[1], goal.heat.shape[2:])
    for dense, values in ((maps.offset, goal.offset), (maps.size, goal.size)):
        for at, value in zip(goal.index[0][goal.mask[0]], values[0][goal.mask[0]], strict=True):
            dense[0].flatten(1)[:, at] = value
    return maps._replace(heat=goal.heat.logit(1e-6))


def test_one_box_by_hand():
    goal = targets([BOX], [1], roots="old")
    assert goal.index.item() == 3 * 16 + 5 and goal.mask.item()
    assert goal.offset[0, 0].tolist() == [0.125, 0.125] and goal.size[0, 0].tolist() == [5.25, 4.25]
    # 6 x 5 whole cells at an overlap of 0.7: (-15.4 + sqrt(237.16 + 100.8)) / 2 = 1.49 -> 1, so that sigma is 1/2
    fade = torch.tensor([math.exp(-4), math.exp(-2), math.exp(-4)])
    torch.testing.assert_close(goal.heat[0, 1, 2, 4:7], fade)
    torch.testing.assert_close(goal.heat[0, 1, 3, 4:7], fade / math.exp(-2))
    assert goal.heat.count_nonzero() == 9 and goal.heat[0, 1, 3, 5] == 1
    # with the right roots that is divided by 1.4 and all three are smaller: (11 - sqrt(121 - 21.18)) / 2 = 0.50 -> 0
    assert targets([BOX]).heat.count_nonzero() == 1


def test_what_is_not_inside_counts_as_far_as_it_is():
    goal = targets([(-8, 8, 8, 40), (70, 0, 90, 9), (3, 3, 3, 9), (4, 4, 8, 8)], mask=[True, True, True, False])
    assert goal.mask.tolist() == [[True, False, False, False]]
    assert goal.size[0].tolist() == [[2, 6], [0, 0], [0, 0], [0, 0]]  # x 0 to 8, y 8 to 32
    assert goal.index[0].tolist() == [5 * 16 + 1, 0, 0, 0] and not goal.offset.any()
    assert not targets([]).heat.any() and targets([]).size.shape == (1, 0, 2)


def test_a_planted_peak_by_hand():
    maps = blank()
    maps.heat[0, 1, 3, 5], maps.heat[0, 1, 3, 6], maps.heat[0, 0, 3, 5] = 2.0, 1.0, 0.0
    maps.offset[0, :, 3, 5], maps.size[0, :, 3, 5] = torch.tensor([0.125, 0.125]), torch.tensor([5.25, 4.25])
    found = decode(maps, top_k=5)
    assert (4 * found.boxes[0, 0]).tolist() == list(BOX) and found.labels[0, :2].tolist() == [1, 0]
    expected = torch.tensor([2.0, 0.0]).sigmoid()  # (6, 3) is beside a higher one of its class, the third is cold
    torch.testing.assert_close(found.scores[0, :2], expected)
    assert found.scores[0, 2] < 0.01
    assert torch.equal(found.tl_scores, found.scores) and torch.equal(found.br_scores, found.scores)
    assert decode(maps, top_k=5, kernel=1).labels[0, :3].tolist() == [1, 1, 0]


def test_rows_without_a_peak_and_sides_below_nothing():
    maps = blank(logit=-200.0)
    maps.heat[0, 0, 2, 2] = 1.0
    maps.size[0, 0], maps.size[0, 1] = -3.0, 2.0
    found = decode(maps, top_k=10_000)
    assert found.scores.shape == (1, 2 * 8 * 16) and (found.scores[0, 1:] == -1).all() and found.scores[0, 0] > 0.7
    assert found.boxes[0, 0].tolist() == [2, 1, 2, 3]


@pytest.mark.parametrize("seed", range(5))
def test_decoding_is_the_inverse(seed):
    torch.manual_seed(seed)
    low = torch.rand(6, 2) * torch.tensor([50.0, 22])
    boxes, labels = torch.cat((low, low + 2 + torch.rand(6, 2) * 8), -1), torch.randint(0, 2, (6,)).tolist()
    goal = targets(boxes.tolist(), labels, roots="old")
    alone = {int(i): sum(goal.index[0] == i) == 1 for i in goal.index[0]}
    found = decode(true_maps(goal))
    sure = found.scores[0] > 0.5
    assert sum(alone.values()) > 3
    for box, label, at in zip(boxes, labels, goal.index[0].tolist(), strict=True):
        near = ((4 * found.boxes[0, sure] - box).abs().amax(-1) < 1e-3) & (found.labels[0, sure] == label)
        assert near.sum() == 1 or not alone[at]
    assert sure.sum() == len({(int(i), label) for i, label in zip(goal.index[0], labels, strict=True)})


def test_photographs_come_back(shared):
    """Every fifth image of the blood cells, at stride 4."""
    source = read(shared / "data/bccd/annotations/val.json", shared / "data/bccd/images")
    for i in range(0, len(source), 5):
        boxes, record = torch.as_tensor(source.boxes(i))[None].float(), source.record(i)
        labels, size = torch.as_tensor(source.labels(i))[None], (record.height // 32 * 32, record.width // 32 * 32)
        goal = encode(boxes, labels, torch.ones_like(labels), 3, size, (size[0] // 4, size[1] // 4), roots="old")
        pairs = torch.stack((goal.index[0], labels[0]), -1)[goal.mask[0]]
        assert len(pairs.unique(dim=0)) == len(pairs), "two in one cell"
        found = decode(true_maps(goal), top_k=len(pairs))
        seen = boxes[0][goal.mask[0]].minimum(boxes.new_tensor([size[1], size[0]] * 2))
        off = (4 * found.boxes[0][:, None] - seen).abs().amax(-1)
        assert off.amin(0).max() < 1e-3 and sorted(found.labels[0].tolist()) == sorted(pairs[:, 1].tolist())


def test_mirrored_boxes_have_mirrored_targets():
    boxes = torch.tensor([[9.0, 3, 30, 21], [41, 9, 48, 31]])  # no centre on the border of two cells
    mirrored = torch.stack((64 - boxes[:, 2], boxes[:, 1], 64 - boxes[:, 0], boxes[:, 3]), -1)
    goal, other = (targets(x.tolist(), [0, 1], roots="old") for x in (boxes, mirrored))
    assert torch.equal(other.heat, goal.heat.flip(-1)) and torch.equal(other.size, goal.size)
    torch.testing.assert_close(other.offset[..., 0], 1 - goal.offset[..., 0])
    assert torch.equal(other.offset[..., 1], goal.offset[..., 1])
    assert torch.equal(other.index % 16, 15 - goal.index % 16)


def test_two_in_one_cell_share_its_peak():
    goal = targets([BOX, (12, 6, 29, 19)], [1, 1])
    assert goal.index[0, 0] == goal.index[0, 1] and (goal.heat == 1).sum() == 1 and goal.mask.all()
    assert (targets([BOX, (12, 6, 29, 19)], [1, 0]).heat == 1).sum() == 2


def test_targets_are_drawn_where_they_are(monkeypatch):
    drawn = {}
    monkeypatch.setattr("cornernet.drawing.outlines", lambda image, *x: drawn.update(boxes=x) or image)
    monkeypatch.setattr("cornernet.drawing.marked", lambda image, points: drawn.update(points=points) or image)
    image, goal = torch.zeros(64, 128, 3).byte().numpy(), targets([BOX, BOX], [1, 0], [True, False])
    shown = draw_targets(image, goal, torch.tensor([[1, 0]]).numpy(), 0)  # of twice the size
    assert [title for title, _ in shown] == ["centres", "sizes"] and drawn["points"].tolist() == [[41, 25]]
    assert drawn["boxes"][0].tolist() == [[20, 8, 62, 42]] and drawn["boxes"][1].tolist() == [1]
