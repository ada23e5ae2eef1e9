"""Assigners that look at the network's output: their algorithms object by object, and the cases at their edges."""

from functools import partial
from math import log

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_iou

from cornernet.detectors import build
from cornernet.detectors.anchor.anchors import cell_anchors, grid_anchors
from cornernet.detectors.anchor.dynamic import simota, tal
from tests.detectors.anchor.test_anchor_detector import CLASSES, batch_of, settings
from tests.detectors.anchor.test_anchors import objects

STRIDES, SIZES, KINDS = [8, 16, 32], [(12, 16), (6, 8), (3, 4)], 4
CELLS = torch.stack([cell_anchors(3 * s, [1.0, 1.5], [1.0]) for s in STRIDES])
LEVELS = grid_anchors(SIZES, STRIDES, CELLS)
ANCHORS = torch.cat(LEVELS)
EACH = torch.cat([torch.full((len(level),), float(s)) for level, s in zip(LEVELS, STRIDES, strict=True)])
MIDDLES = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2
simota_here = partial(simota, strides=EACH)
both = pytest.mark.parametrize("assigner", [tal, simota_here], ids=["tal", "simota"])


def seen(seed, images=3):
    """Logits and boxes of a network that knows a little."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, len(ANCHORS), KINDS, generator=generator) * 2 - 3
    return logits, ANCHORS + torch.randn(images, len(ANCHORS), 4, generator=generator) * 4


def crowd(seed):
    torch.manual_seed(seed)
    return objects(size=(96, 128))


def one(box, label=1, slots=2):
    boxes, labels, mask = torch.zeros(1, slots, 4), torch.zeros(1, slots).long(), torch.zeros(1, slots).bool()
    boxes[0, 0], labels[0, 0], mask[0, 0] = torch.tensor(box), label, True
    return boxes, labels, mask


def lies_inside(box):
    return ((box[:2] < MIDDLES) & (box[2:] > MIDDLES)).all(1)


def owners(got, boxes, labels, image):
    """The object of every anchor by its box and class, -1 for none."""
    same = (got.boxes[image][:, None] == boxes[image]).all(2) & (got.labels[image][:, None] == labels[image])
    return torch.where(got.positive[image], same.int().argmax(1), -1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("alpha", "beta", "most"), [(1.0, 6.0, 13), (0.5, 6.0, 10), (0.0, 1.0, 3)])
def test_tal_is_its_algorithm(seed, alpha, beta, most):
    boxes, labels, mask = crowd(seed)
    logits, predicted = seen(seed)
    got = tal(ANCHORS, boxes, labels, mask, KINDS, logits, predicted, alpha, beta, most)
    for image, count in enumerate(mask.sum(1)):
        owner, best = torch.full((len(ANCHORS),), -1), torch.zeros(len(ANCHORS))
        metric, iou = torch.zeros(count, len(ANCHORS)), box_iou(boxes[image, :count], predicted[image])
        for m in range(count):
            metric[m] = logits[image, :, labels[image, m]].sigmoid() ** alpha * iou[m] ** beta
            candidates = (lies_inside(boxes[image, m]) & (iou[m] > 0)).nonzero()[:, 0]
            for a in candidates[metric[m, candidates].argsort(descending=True)[:most]]:
                if iou[m, a] > best[a]:
                    best[a], owner[a] = iou[m, a], m
        assert torch.equal(owners(got, boxes, labels, image), owner)
        quality = torch.zeros(len(ANCHORS))
        for m in range(count):
            own = owner == m
            if own.any():
                quality[own] = metric[m, own] / metric[m, own].max() * iou[m, own].max()
        torch.testing.assert_close(got.quality[image], quality)
    assert got.positive.any() and (got.labels[~got.positive] == KINDS).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("radius", "weight", "most"), [(2.5, 3.0, 10), (1.0, 0.5, 4)])
def test_simota_is_its_algorithm(seed, radius, weight, most):
    boxes, labels, mask = crowd(seed)
    logits, predicted = seen(seed)
    got = simota(ANCHORS, boxes, labels, mask, KINDS, logits, predicted, EACH, radius, weight, most)
    for image, count in enumerate(mask.sum(1)):
        iou = box_iou(boxes[image, :count], predicted[image])
        within = torch.stack([lies_inside(box) for box in boxes[image, :count]]) if count else iou > 0
        middles = (boxes[image, :count, :2] + boxes[image, :count, 2:]) / 2
        near = ((middles[:, None] - MIDDLES).abs() < radius * EACH[:, None]).all(2)
        offered = (within | near).any(0).nonzero()[:, 0]
        owner, price = torch.full((len(ANCHORS),), -1), torch.full((len(ANCHORS),), torch.inf)
        for m in range(count):
            goal = F.one_hot(labels[image, m], KINDS).float().expand(len(offered), KINDS)
            cost = F.binary_cross_entropy(logits[image, offered].sigmoid(), goal, reduction="none").sum(1)
            cost = cost - weight * (iou[m, offered] + 1e-8).log() + 1e5 * ~(within & near)[m, offered]
            k = max(1, int(iou[m, offered].topk(min(most, len(offered))).values.sum()))
            for i in cost.argsort()[:k]:
                if cost[i] < price[offered[i]]:
                    price[offered[i]], owner[offered[i]] = cost[i], m
        assert torch.equal(owners(got, boxes, labels, image), owner)
    assert got.quality is None and got.positive.sum() > 9


def test_simotas_costs_by_hand():
    """Two anchors inside an object of class 0: the sure one overlaps by 1/3, the other by 1."""
    anchors = torch.tensor([[8.0, 8, 24, 24], [8, 8, 24, 24]])
    predicted = torch.tensor([[[0.0, 8, 16, 24], [8, 8, 24, 24]]])
    logits = torch.tensor([[[log(9), -log(9)], [0.0, -log(9)]]])  # -log p: 0.105 and 0.693
    assign = partial(simota, anchors, *one([8.0, 8, 24, 24], 0), 2, logits, predicted, torch.tensor([8.0, 8]))
    price = log(2) - log(10 / 9), log(3)  # what the classes favour, what the boxes do
    for weight, best in ((0.99 * price[0] / price[1], 0), (1.01 * price[0] / price[1], 1)):
        assert assign(iou_weight=weight).positive[0].nonzero().tolist() == [[best]]


@both
def test_what_is_masked_does_not_count(assigner):
    boxes, labels, mask = crowd(5)
    got = assigner(ANCHORS, boxes, labels, mask, KINDS, *seen(5))
    dirty = boxes.where(mask[..., None], torch.tensor([20.0, 20, 60, 60])), labels.masked_fill(~mask, 9)
    again = assigner(ANCHORS, *dirty, mask, KINDS, *seen(5))
    assert all(a is b is None or torch.equal(a, b) for a, b in zip(got, again, strict=True))
    assert not got.positive[2].any() and (got.labels[2] == KINDS).all()  # an image without objects


@both
def test_of_two_objects_in_one_place_the_first_has_all(assigner):
    boxes, labels, mask = one([20.0, 20, 60, 60])
    alone = assigner(ANCHORS, boxes, labels, mask, KINDS, *seen(1, 1))
    twice = boxes[:, :1].expand(1, 2, 4), labels[:, :1].expand(1, 2), torch.ones(1, 2).bool()
    got = assigner(ANCHORS, *twice, KINDS, *seen(1, 1))
    assert alone.positive.any() and torch.equal(got.positive, alone.positive)


@both
def test_equal_predictions_do_not_make_more_anchors_than_wanted(assigner):
    """All anchors see the very object: thirteen of them, and by simota ten, the sum of the ten largest IoUs."""
    box = [20.0, 20, 70, 70]
    predicted = torch.tensor(box).expand(1, len(ANCHORS), 4)
    got = assigner(ANCHORS, *one(box), KINDS, torch.zeros(1, len(ANCHORS), KINDS), predicted)
    assert got.positive.sum() == 13 if assigner is tal else got.positive.sum() in (9, 10)
    if assigner is tal:
        torch.testing.assert_close(got.quality, got.positive.float())


@both
def test_more_objects_than_anchors_share_what_there_is(assigner):
    few = slice(0, 3)
    boxes = (ANCHORS[1] + torch.arange(40)[:, None] * 0.1)[None]
    of = {"strides": EACH[few]} if assigner is simota_here else {}
    what = torch.zeros(1, 3, KINDS), ANCHORS[None, few]
    got = assigner(ANCHORS[few], boxes, torch.zeros(1, 40).long(), torch.ones(1, 40).bool(), KINDS, *what, **of)
    assert 1 <= got.positive.sum() <= 3 and (got.boxes[got.positive][:, 2:] > 0).all()


def test_an_object_that_holds_no_centre_has_no_anchor_by_tal_and_a_near_one_by_simota():
    between = one([3.0, 3, 6, 6])  # centres lie 8 pixels apart
    assert not tal(ANCHORS, *between, KINDS, *seen(2, 1)).positive.any()
    assert simota_here(ANCHORS, *between, KINDS, *seen(2, 1)).positive.sum() == 1
    far = one([5000.0, 5000, 5060, 5060])  # off the image
    for assigner in (tal, simota_here):
        assert not assigner(ANCHORS, *far, KINDS, *seen(2, 1)).positive.any()


def test_an_object_that_wants_more_anchors_than_it_has_takes_those_on_offer_for_others():
    small, large = [33.0, 33, 41, 41], [20.0, 20, 90, 90]
    boxes, labels, mask = one(small)
    boxes[0, 1], predicted = torch.tensor(large), torch.tensor(small).expand(1, len(ANCHORS), 4)
    what, near = (KINDS, torch.zeros(1, len(ANCHORS), KINDS), predicted), {"radius": 0.01}
    alone = simota_here(ANCHORS, boxes, labels, mask, *what, **near).positive.sum()
    both_there = simota_here(ANCHORS, boxes, labels, torch.ones(1, 2).bool(), *what, **near)
    of_small = (both_there.boxes[0] == torch.tensor(small)).all(1)
    assert 0 < alone < 9 <= of_small.sum() and not lies_inside(torch.tensor(small))[of_small].all()


def test_an_object_that_no_predicted_box_touches_is_not_lost_by_simota():
    box = one([20.0, 20, 60, 60])
    elsewhere = torch.full((1, len(ANCHORS), 4), 900.0) + torch.tensor([0.0, 0, 9, 9])
    logits = seen(3, 1)[0]
    assert not tal(ANCHORS, *box, KINDS, logits, elsewhere).positive.any()
    assert simota_here(ANCHORS, *box, KINDS, logits, elsewhere).positive.sum() == 1


def test_both_compile_as_one_graph_with_the_objects_of_any_batch():
    def all_of(boxes, labels, mask, logits, predicted):
        what = ANCHORS, boxes, labels, mask, KINDS, logits, predicted
        return [x for found in (tal(*what), simota_here(*what)) for x in found if x is not None]

    torch.compiler.reset()
    compiled = torch.compile(all_of, fullgraph=True, backend="eager")
    for seed in (0, 1):
        what = *crowd(seed), *seen(seed)
        what[2][1] = seed  # none in the second image, then seven
        with torch.compiler.set_stance("fail_on_recompile" if seed else "default"):
            torch.testing.assert_close(compiled(*what), all_of(*what))


@pytest.mark.parametrize("assign", ["tal", "simota"])
def test_a_detector_assigns_by_its_last_stack_without_gradient(assign):
    config = settings(f"model.anchor.assign={assign}", "loss.classification.name=mal", "model.backbone.stacks=2")
    detector, batch = build(config, CLASSES).train(), batch_of(config)
    (maps, first) = (detector.network(torch.rand(2, 3, 64, 48))[i] for i in (-1, 0))
    anchors = detector.anchors(maps)
    got = detector.targets(batch, anchors, maps)
    other = detector.targets(batch, anchors, first)
    assert got.positive.any() and not torch.equal(got.positive, other.positive)
    assert not any(x.requires_grad for x in got if x is not None)
    terms = detector.loss.terms([maps], torch.cat(anchors), got)
    if assign == "tal":
        graded = detector.loss.terms([maps], torch.cat(anchors), got._replace(quality=None))
        assert graded["classification"] != terms["classification"] and graded["box"] == terms["box"]


def test_what_an_assigner_is_made_with_comes_from_the_config():
    own = ["model.anchor.assign=tal", "model.anchor.alpha=0.5", "model.anchor.beta=4", "model.anchor.candidates=10"]
    made = build(settings(*own), CLASSES).assigner
    assert made.func is tal and made.keywords == {"alpha": 0.5, "beta": 4, "candidates": 10}
    own = ["model.anchor.assign=simota", "model.anchor.radius=1.5", "model.anchor.iou_weight=2"]
    made = build(settings(*own), CLASSES).assigner
    assert made.func is simota and made.keywords == {"radius": 1.5, "iou_weight": 2}
    with pytest.raises(ValueError, match=r"unknown key .*alfa.* did you mean .*alpha"):
        settings("model.anchor.alfa=1")


def test_the_anchors_that_are_drawn_are_those_that_the_network_would_have():
    config = settings("model.anchor.assign=tal")
    detector, batch = build(config, CLASSES).train(), batch_of(config)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    images = [image.permute(1, 2, 0).numpy() for image in batch.images]
    (((title, drawn),), _) = detector.draw_targets(batch, images)
    assert "anchors with an object" in title and (drawn != images[0]).any() and detector.network.training
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
