"""The loss of a region stage by values worked by hand: pairs, classes, what does not count, any loss of the role."""

import math

import pytest
import torch

from cornernet.detectors.corner import region_loss
from cornernet.detectors.corner.proposals import IGNORED, Proposals
from cornernet.detectors.corner.region_loss import RegionLoss
from cornernet.losses import build
from cornernet.losses.classification import LOSSES
from cornernet.structures import RegionLogits

CLASSES = 2


def shown(labels, given=None, quality=None):
    """Proposals of one image with these labels."""
    held = torch.tensor([labels])
    objects = (held >= 0) & (held < CLASSES)
    known = objects.float() if quality is None else torch.tensor([quality])
    return Proposals(torch.rand(1, len(labels), 4), held, known, torch.tensor([given or [False] * len(labels)]))


def said(pair, classes):
    """RegionLogits of one image, from probabilities."""
    asked = None if pair is None else torch.tensor([pair]).logit()
    return RegionLogits(asked, torch.tensor([classes]).logit())


def loss(pair="bce", classification="bce", min_pair=0.2):
    weights = {"pair": 2.0, "classification": 3.0}
    losses = (build("classification", name, {"num_classes": n}) for name, n in ((pair, 1), (classification, CLASSES)))
    return RegionLoss(*losses, weights, min_pair)


def test_sums_over_the_boxes_are_divided_by_the_objects_among_them():
    truth = shown([1, 0, CLASSES, IGNORED])
    stack = said([0.5, 0.8, 0.25, 0.9], [[0.5, 0.5], [0.8, 0.1], [0.25, 0.5], [0.9, 0.9]])
    terms = loss().terms([stack], truth)
    pair = -(math.log(0.5) + math.log(0.8) + math.log(0.75)) / 2
    classes = -(2 * math.log(0.5) + math.log(0.8) + math.log(0.9) + math.log(0.75) + math.log(0.5)) / 2
    assert terms["pair"].item() == pytest.approx(pair, rel=1e-5)
    assert terms["classification"].item() == pytest.approx(classes, rel=1e-5)
    assert loss().total(terms).item() == pytest.approx(2 * pair + 3 * classes, rel=1e-5)


def test_the_published_loss():
    """-(1 - p)^2 log p of what is, -p^2 log(1 - p) of what is not, over the number of boxes that are objects."""
    focal = [build("classification", "focal", {"num_classes": n}, alpha=None) for n in (1, CLASSES)]
    found = RegionLoss(*focal, {}, 0.2).terms([said([0.6, 0.3], [[0.7, 0.1], [0.2, 0.4]])], shown([0, CLASSES]))
    is_, is_not = (lambda p: -((1 - p) ** 2) * math.log(p)), (lambda p: -(p**2) * math.log(1 - p))
    assert found["pair"].item() == pytest.approx(is_(0.6) + is_not(0.3), rel=1e-5)
    assert found["classification"].item() == pytest.approx(is_(0.7) + sum(map(is_not, (0.1, 0.2, 0.4))), rel=1e-5)


def test_what_the_pair_head_rejects_is_not_asked_for_its_class_but_for_the_objects_own_boxes():
    truth = shown([1, CLASSES, 1], given=[False, False, True])
    stack = said([0.1, 0.19, 0.1], [[0.3, 0.3], [0.3, 0.3], [0.1, 0.6]])
    terms = loss().terms([stack], truth)
    assert terms["classification"].item() == pytest.approx(-math.log(0.9) - math.log(0.6), rel=1e-5)
    assert terms["pair"].item() == pytest.approx(-(2 * math.log(0.1) + math.log(0.81)) / 2, rel=1e-5)
    every = loss(min_pair=0.0).terms([stack], truth)
    assert every["classification"] > terms["classification"]


def test_without_a_word_on_pairs_there_is_no_such_term_and_nothing_is_rejected():
    terms = loss(min_pair=1.0).terms([said(None, [[0.5, 0.2]])], shown([0]))
    assert terms.keys() == {"classification"}
    assert terms["classification"].item() == pytest.approx(-math.log(0.5) - math.log(0.8), rel=1e-5)


def test_stacks_are_averaged():
    truth, stacks = shown([1, CLASSES]), [said([p, 0.4], [[p, 0.4], [0.4, p]]) for p in (0.3, 0.8)]
    both, alone = loss().terms(stacks, truth), [loss().terms([stack], truth) for stack in stacks]
    for name in both:
        torch.testing.assert_close(both[name], (alone[0][name] + alone[1][name]) / 2)


@pytest.mark.parametrize("labels", [[CLASSES, IGNORED], [IGNORED, IGNORED]])
def test_without_objects_it_is_finite_and_what_is_ignored_has_no_gradient(labels):
    pair, classes = torch.randn(1, 2, requires_grad=True), torch.randn(1, 2, CLASSES, requires_grad=True)
    terms = loss(min_pair=0.0).terms([RegionLogits(pair, classes)], shown(labels))
    sum(terms.values()).backward()
    assert all(value.isfinite() and value.dim() == 0 for value in terms.values())
    for gradient in (pair.grad, classes.grad):
        assert not gradient[0, 1].any() and gradient[0, 0].all() == (labels[0] == CLASSES)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"mal"}))  # one of its factors has no gradient
def test_any_loss_of_the_role_serves_in_both_places(name):
    torch.manual_seed(0)
    truth = shown([1, 0, CLASSES, IGNORED, 1], quality=[0.9, 0.7, 0, 0, 1])
    pair, classes = torch.randn(1, 5, dtype=torch.float64), torch.randn(1, 5, CLASSES, dtype=torch.float64)
    both = loss(name, name, min_pair=0.0)

    def total(pair, classes):
        terms = both.terms([RegionLogits(pair, classes)], truth)
        return both.total(terms).double()

    assert torch.autograd.gradcheck(total, [x.requires_grad_() for x in (pair, classes)])


def test_a_loss_that_asks_for_it_is_given_the_overlap():
    asked = []

    def graded(logits, labels, quality):
        asked.append((logits.shape[1], quality.tolist()))
        return (logits.sum(1) - quality).square()

    truth = shown([1, CLASSES], quality=[0.75, 0])
    RegionLoss(graded, graded, {}, 0.0).terms([said([0.5, 0.5], [[0.5, 0.5]] * 2)], truth)
    assert asked == [(1, [0.75, 0]), (CLASSES, [0.75, 0])]


def test_a_loss_that_gives_no_value_a_row_is_named():
    with pytest.raises(ValueError, match="a pair loss gives one value for each of its 1 rows, got"):
        RegionLoss(lambda x, y: x.sum(), lambda x, y: x.sum(), {}, 0.2).terms([said([0.5], [[0.5, 0.5]])], shown([1]))


def test_half_precision_is_summed_in_float32():
    truth, stack = shown([1, 0]), said([0.3, 0.6], [[0.3, 0.1], [0.2, 0.7]])
    half = RegionLogits(*(x.bfloat16() for x in stack))
    with torch.autocast("cpu", torch.bfloat16):
        found = loss().terms([half], truth)
    expected = loss().terms([RegionLogits(*(x.float() for x in half))], truth)
    assert all(found[name].dtype == torch.float32 and torch.equal(found[name], expected[name]) for name in found)


def test_processes_divide_by_the_objects_of_all(monkeypatch):
    """Two processes with 3 and 1 objects: the mean of their terms is that of one process with all 4."""
    torch.manual_seed(0)
    labels = [[0, 1, 0, CLASSES], [1, CLASSES, CLASSES, IGNORED]]
    stacks = [RegionLogits(torch.randn(1, 4), torch.randn(1, 4, CLASSES)) for _ in labels]
    truth = [shown(row) for row in labels]
    whole = [type(x[0])(*(torch.cat(held, 1) for held in zip(*x, strict=True))) for x in (stacks, truth)]
    expected = loss(min_pair=0.0).terms([whole[0]], whole[1])
    monkeypatch.setattr(region_loss, "share", lambda count: count.clamp(min=1) * 2 / 4)
    halves = [loss(min_pair=0.0).terms([stack], held) for stack, held in zip(stacks, truth, strict=True)]
    for name, value in expected.items():
        torch.testing.assert_close((halves[0][name] + halves[1][name]) / 2, value)
