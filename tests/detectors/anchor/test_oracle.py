"""The anchor detector beside the truth: each part replaced, and each way in which an object is lost, provoked alone."""

from functools import partial

import pytest
import torch

from cornernet import config, detectors
from cornernet.data.sources.shapes import ShapesSet
from cornernet.detectors.anchor import coding
from cornernet.detectors.anchor.anchors import cell_anchors, grid_anchors
from cornernet.detectors.anchor.assign import atss, max_iou
from cornernet.detectors.anchor.decode import decode
from cornernet.detectors.anchor.oracle import PARTS, REASONS, AnchorOracle
from cornernet.detectors.oracle import slots
from cornernet.ops.boxes import box_iou
from cornernet.structures import AnchorMaps

SIZES, STRIDES, SIDE, CLASSES = [(8, 8), (4, 4)], [8, 16], 64, 2
CELLS = torch.stack([cell_anchors(2.0 * stride, [1], [1]) for stride in STRIDES])
LEVELS = grid_anchors(SIZES, STRIDES, CELLS)
ANCHORS = torch.cat(LEVELS)
BOX = (10.0, 18, 26, 34)
COLD = -9.0


def blank():
    return AnchorMaps(torch.full((1, len(ANCHORS), CLASSES), COLD), torch.zeros(1, len(ANCHORS), 4), SIZES)


def oracle(maps, boxes=(BOX,), labels=None, assigner=atss, frame=(0, 0, SIDE, SIDE), **how):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    labels = torch.zeros(len(boxes), dtype=torch.long) if labels is None else torch.tensor(labels)
    boxes, labels, mask = slots(boxes, labels)
    counts = [len(level) for level in LEVELS]
    found = assigner(ANCHORS, boxes, labels, mask, CLASSES, *([counts] if assigner is atss else []))
    decoder = partial(decode, **{"top_k": 100, "num_dets": 200, **how})
    return AnchorOracle(maps, LEVELS, found, boxes[0], labels[0], mask[0], torch.tensor(frame).float(), decoder)


def random_maps(seed):
    generator = torch.Generator().manual_seed(seed)
    logits, deltas = (torch.randn(1, len(ANCHORS), n, generator=generator) for n in (CLASSES, 4))
    return AnchorMaps(logits, deltas, SIZES)


def rows(found, floor=0.5):
    hot = found.scores[0] > floor
    return list(zip(*(x[0][hot].tolist() for x in (found.boxes, found.labels)), strict=True))


# -- truth in place of each part -------------------------------------------------------------------------------


@pytest.mark.parametrize("assigner", [atss, max_iou])
def test_with_everything_true_every_object_with_an_anchor_is_there_and_nothing_else(assigner):
    boxes, labels = [(5.5, 4, 30, 25), (18, 22.25, 46, 46), (2, 40, 18, 57), (61, 61, 62, 62)], [0, 1, 0, 1]
    x = oracle(random_maps(0), boxes, labels, assigner)
    without = next(iter(x.limits().values())).tolist()
    assert without == [False, False, False, assigner is atss]  # max_iou gives everyone its best anchor
    found = rows(x.predict(PARTS))
    expected = {(tuple(box), label) for box, label, none in zip(boxes, labels, without, strict=True) if not none}
    assert {(tuple(round(v, 3) for v in box), label) for box, label in found} == expected
    assert len(found) == int(x.assigned.positive.sum())


def test_true_classes_leave_the_boxes_and_true_boxes_the_classes():
    maps = random_maps(1)
    x = oracle(maps)
    hot = x.assigned.positive[0]
    found = x.predict(("classes",))
    assert {tuple(box) for box, _ in rows(found)} == {
        tuple(box) for box in coding.decode(maps.deltas[0], ANCHORS)[hot].tolist()
    }
    placed = x.predict(("boxes",))
    assert torch.equal(placed.scores, x.predict().scores)
    at_box = (placed.boxes[0] - torch.tensor(BOX)).abs().amax(1) < 1e-3
    assert at_box.sum() == CLASSES * hot.sum()


def test_a_image_without_objects():
    x = oracle(random_maps(2), ())
    assert rows(x.predict(("classes",)), 0) == [] and not next(iter(x.limits().values())).any()
    assert all(torch.equal(a, b) for a, b in zip(x.predict(("boxes",)), x.predict(), strict=True))


def test_heat_is_the_best_of_a_cell_over_levels():
    maps = blank()
    maps.logits[0, 8 * 2 + 3, 1] = 2.0  # finest level, cell (2, 3)
    maps.logits[0, 64, 0] = 1.0  # coarse level, cell (0, 0), over four cells
    heat = next(iter(oracle(maps).heat().values()))
    hot = {tuple(cell): round(float(heat[tuple(cell)]), 4) for cell in (heat > 0.1).nonzero().tolist()}
    coarse = round(float(torch.tensor(1.0).sigmoid()), 4)
    assert hot == {(2, 3): 0.8808, **{(y, x): coarse for y in (0, 1) for x in (0, 1)}}


# -- why an object was lost ------------------------------------------------------------------------------------


def near():
    """The anchor that overlaps the box most."""
    return int(box_iou(ANCHORS, torch.tensor(BOX)).argmax())


def aimed(score=COLD, label=0, rivals=0, rival_label=1):
    """One anchor has the box, the others have boxes far away, some of them with high scores."""
    maps = blank()
    maps.deltas[..., 2:] = -3.0  # tiny boxes
    at = near()
    maps.deltas[0, at] = coding.encode(torch.tensor(BOX), ANCHORS[at])
    maps.logits[0, at, label] = score
    others = [k for k in range(len(LEVELS[0])) if k != at][:rivals]
    maps.logits[0, others, rival_label] = 5.0
    return maps


LOST = {  # reason: maps, what differs in the oracle
    "no anchor": (lambda: aimed(), {"boxes": [(61.0, 61, 62, 62)]}),
    "loose box": (lambda: aimed()._replace(deltas=torch.full((1, len(ANCHORS), 4), -3.0)), {}),
    "class": (lambda: aimed(4.0, label=1, rivals=3), {"top_k": 4}),
    "top_k": (lambda: aimed(rivals=8), {"top_k": 8}),
    "num_dets": (lambda: aimed(0.0, rivals=8), {"top_k": 9, "num_dets": 8}),
    "score": (lambda: aimed(-2.0), {}),
}


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_provoked(reason):
    maps, how = LOST[reason]
    x = oracle(maps(), **how)
    strong = [box for box, label in rows(x.predict(), 0.3) if label == 0 and x._overlaps(torch.tensor(box), 0) >= 0.5]
    assert not strong and x.reason(0, 0.5, 0.3) == reason


def test_boxes_are_compared_inside_the_image():
    """The lower half of the box lies in the padding: clipped, as detections are, it fits the object."""
    x = oracle(aimed(-2.0), [(10.0, 18, 26, 25)], frame=(0, 0, SIDE, 25))
    assert box_iou(torch.tensor(BOX), torch.tensor([10.0, 18, 26, 25])) < 0.5
    assert x._assigned_to().any() and x.reason(0, 0.5, 0.3) == "score"


def test_of_two_objects_in_one_box_one_has_the_anchors():
    without = next(iter(oracle(blank(), [BOX, BOX], [0, 1]).limits().values()))
    assert sorted(without.tolist()) == [False, True]


# -- of a detector ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra", [[], ["model.anchor.assign=max_iou"], ["model.anchor.assign=simota"], ["model.anchor.coding=distribution"]]
)
def test_of_a_detector_with_random_weights(tiny_anchor, extra):
    detector = detectors.build(config.load(tiny_anchor, [*extra, "test.top_k=500", "test.num_dets=500"]), 3).eval()
    shapes = ShapesSet("val", 4, 64, 3)
    with torch.inference_mode():
        for i in range(4):
            image = torch.from_numpy(shapes.image(i)).permute(2, 0, 1)[None]
            boxes, labels = torch.from_numpy(shapes.boxes(i)), torch.from_numpy(shapes.labels(i))
            x = detector.oracle(image, boxes, labels, torch.tensor([0.0, 0, 64, 64]))
            assert all(torch.equal(a, b) for a, b in zip(x.predict(), detector.predict(image), strict=True))
            found = {(*(round(v, 2) for v in box), label) for box, label in rows(x.predict(PARTS))}
            reachable = ~next(iter(x.limits().values()))
            assert reachable.any()
            assert found == {
                (*(round(v, 2) for v in boxes[m].tolist()), int(labels[m])) for m in reachable.nonzero()[:, 0]
            }
            assert x.links(boxes).shape == (0, 2, 2)
            assert {x.reason(m, 0.5, 2.0) for m in range(len(boxes))} <= set(REASONS)
