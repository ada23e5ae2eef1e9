"""What every classification loss must satisfy; a loss without a line in CASES fails here."""

from math import log

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck
from torchvision.ops import sigmoid_focal_loss

from cornernet.losses import ROLES, build

# By hand: two classes of probability 3/4 and 1/2 by sigmoid, 3/5 and 1/5 by softmax; the label is the first, then
# background, then to be ignored; the quality is 1/2, then 0.
MIXED = -(log(0.75) + log(0.25)) / 2
CASES = {
    "focal": (-0.25 * 0.25**2 * log(0.75) + 0.75 * 0.5**2 * log(2), 0.75 * (0.75**2 * log(4) + 0.5**2 * log(2))),
    "bce": (-log(0.75) + log(2), log(4) + log(2)),
    "weighted_bce": (-10 * log(0.75) + log(2), log(4) + log(2)),
    "balanced_bce": (-0.75 * log(0.75) + 0.25 * log(2), 0.25 * (log(4) + log(2))),
    "cross_entropy": (log(5 / 3), log(5)),
    "varifocal": (0.5 * MIXED + 0.75 * 0.5**2 * log(2), 0.75 * (0.75**2 * log(4) + 0.5**2 * log(2))),
    "quality_focal": (0.25**2 * MIXED + 0.5**2 * log(2), 0.75**2 * log(4) + 0.5**2 * log(2)),
    "mal": (
        -(0.5**1.5 * log(0.75) + (1 - 0.5**1.5) * log(0.25)) + 0.5**1.5 * log(2),
        0.75**1.5 * log(4) + 0.5**1.5 * log(2),
    ),
    "dice": (1 - (2 * 0.75 + 1) / (0.75**2 + 0.5**2 + 1 + 1), 1 - 1 / (0.75**2 + 0.5**2 + 1)),
}
everyone = pytest.mark.parametrize("name", ROLES["classification"])


GRADED = ("mal", "quality_focal", "varifocal")


def made(name, **args):
    """The loss, of the quality of each class's boxes where it wants to know one: 1/2 for class 0, then 2/3 and 3/4."""
    loss = build("classification", name, **args)
    if name not in GRADED:
        return loss
    return lambda logits, labels: loss(logits, labels, quality=of_class(labels, logits.shape[1]))


def of_class(labels, classes):
    return (1 - 1 / (labels.clamp(min=0) + 2.0)) * ((labels >= 0) & (labels < classes))


def drawn(dtype=torch.float32, anchors=20, classes=3):
    """Random logits, and labels of every kind."""
    return torch.randn(anchors, classes, dtype=dtype) * 2, torch.arange(anchors) % (classes + 2) - 1


def value_and_gradient(loss, logits, *rest):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, *rest)
    value.sum().backward()
    return value.detach(), logits.grad


def test_every_loss_has_a_case():
    assert set(ROLES["classification"]) == set(CASES)


@everyone
def test_value_worked_by_hand(name):
    got = made(name)(torch.tensor([[log(3), 0.0]]).expand(3, 2), torch.tensor([0, 2, -1]))
    assert got.tolist() == pytest.approx([*CASES[name], 0], rel=1e-5)


@everyone
def test_gradient_is_the_derivative(name):
    logits, labels = drawn(torch.float64)
    if name != "mal":  # one factor of which has none
        assert gradcheck(lambda x: made(name)(x, labels), logits.requires_grad_())


@everyone
def test_ignored_anchors_have_neither_value_nor_gradient_nor_influence(name):
    logits, labels = drawn()
    value, grad = value_and_gradient(made(name), logits, labels)
    ignored = labels == -1
    assert ignored.any() and not value[ignored].any() and not grad[ignored].any()
    assert (value[~ignored] > 0).all() and grad[~ignored].any(1).all()
    torch.testing.assert_close(made(name)(logits[~ignored], labels[~ignored]), value[~ignored])


@everyone
def test_order_of_anchors_and_of_classes_is_irrelevant(name):
    logits, labels = drawn()
    expected, anchors = made(name)(logits, labels), torch.randperm(20)
    torch.testing.assert_close(made(name)(logits[anchors], labels[anchors]), expected[anchors])
    renamed = torch.tensor([2, 0, 1, 3, -1])[labels]  # class 0 is called 2; background and ignored keep their names
    same = {"quality": of_class(labels, 3)} if name in GRADED else {}
    torch.testing.assert_close(build("classification", name)(logits[:, [1, 2, 0]], renamed, **same), expected)


@everyone
def test_anchors_are_judged_one_by_one(name):
    logits, labels = drawn()
    same = torch.allclose(made(name)(logits[:7], labels[:7]), made(name)(logits, labels)[:7])
    assert same != (name == "balanced_bce")  # which weighs by all labels


@everyone
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, dtype):
    logits, labels = drawn(dtype)
    expected, _ = value_and_gradient(made(name), logits.float(), labels)
    with torch.autocast("cpu", dtype):
        got, grad = value_and_gradient(made(name), logits, labels)
    assert got.dtype == torch.float32 and grad.dtype == dtype and grad.isfinite().all()
    torch.testing.assert_close(got, expected)


@everyone
def test_any_number_of_anchors_and_any_dtype_of_labels(name):
    for anchors, label in ((0, 0), (1, -1), (3, 3), (1, 2)):
        logits, labels = torch.randn(anchors, 3), torch.full((anchors,), label)
        value, grad = value_and_gradient(made(name), logits, labels)
        assert value.shape == (anchors,) and value.isfinite().all() and grad.isfinite().all()
        torch.testing.assert_close(made(name)(logits, labels.int()), value)


@everyone
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_are_finite(name, dtype):
    logits = torch.tensor([[100.0, -100], [-100, 100], [100, 100], [-100, -100]], dtype=dtype).repeat(4, 1)
    value, grad = value_and_gradient(made(name), logits, torch.tensor([0, 1, 2, -1]).repeat_interleave(4))
    assert value.isfinite().all() and grad.isfinite().all()


@pytest.mark.parametrize("name", sorted(set(CASES) - set(GRADED)))
def test_right_and_sure_is_free_wrong_and_sure_is_not(name):
    labels = torch.tensor([0, 1, 2])
    logits = torch.tensor([[12.0, -12], [-12, 12], [-12, -12]])
    assert made(name)(logits, labels).max() < 1e-3 < 0.3 < made(name)(-logits, labels).min()


def test_all_compile_as_one_graph():
    losses = {name: made(name) for name in ROLES["classification"]}
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: {n: f(*x) for n, f in losses.items()}, fullgraph=True, backend="eager")
    for shift in (0, 1):
        logits, labels = drawn()
        labels = (labels + 1 + shift) % 5 - 1
        with torch.compiler.set_stance("fail_on_recompile" if shift else "default"):
            torch.testing.assert_close(compiled(logits, labels), {n: f(logits, labels) for n, f in losses.items()})


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 1.5), (-1, 2.0), (None, 0.5)])
def test_focal_agrees_with_torchvision(alpha, gamma):
    logits, labels = drawn(torch.float64)
    counted = labels >= 0
    target = F.one_hot(labels.clamp(min=0), 4)[:, :3].double() * counted[:, None]

    def theirs(x):
        loss = sigmoid_focal_loss(x, target, -1 if alpha is None else alpha, gamma).sum(1)
        return loss * counted

    ours = value_and_gradient(made("focal", alpha=alpha, gamma=gamma), logits, labels)
    torch.testing.assert_close(ours, value_and_gradient(theirs, logits), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("alpha", ["0.25", "-1", "0.75"])
@pytest.mark.parametrize("gamma", ["0.0", "1.5", "2.0", "4.0"])
def test_focal_agrees_with_the_goldens(golden, alpha, gamma):
    data = golden("g5_boxes")
    target = torch.tensor(data["focal_t"])
    loss = made("focal", alpha=float(alpha), gamma=float(gamma))
    value, grad = value_and_gradient(loss, torch.tensor(data["focal_x"])[:, None], (1 - target).long())
    for got, key in ((value, "loss"), (grad[:, 0], "grad")):
        torch.testing.assert_close(got, torch.tensor(data[f"focal_a{alpha}_g{gamma}_{key}"]), rtol=1e-6, atol=1e-12)


def test_relations_between_them():
    logits, labels = drawn(torch.float64)
    bce = made("bce")(logits, labels)
    torch.testing.assert_close(made("focal", alpha=None, gamma=0.0)(logits, labels), bce)
    torch.testing.assert_close(made("weighted_bce", pos_weight=1.0)(logits, labels), bce)
    one, zero_or_background = logits[:, :1], labels.clamp(max=1)
    torch.testing.assert_close(made("cross_entropy")(one, zero_or_background), made("bce")(one, zero_or_background))
    as_map, y = logits.T[None, :, :, None], F.one_hot(labels % 4, 4)[:, :3].T[None, :, :, None].double()
    graded = build("heatmap", "quality_focal", beta=1.5)(as_map, y)
    torch.testing.assert_close(build("heatmap", "focal", alpha=None, gamma=1.5)(as_map, y), graded)


# --- of a quality ---


def graded(name, logits, labels, quality, **args):
    return build("classification", name, **args)(logits, labels, quality=quality)


@pytest.mark.parametrize("name", GRADED)
@pytest.mark.parametrize("quality", [0.0, 0.3, 0.9])
def test_a_score_goes_where_its_quality_is(name, quality):
    """For mal to its power; varifocal takes an anchor of quality 0 for background."""
    right = torch.tensor(quality ** (1.5 if name == "mal" else 1)).clamp(1e-4, 1)
    logits = (right.logit() + torch.linspace(-6, 6, 101)[:, None]).requires_grad_()
    value, grad = value_and_gradient(
        lambda x: graded(name, x, torch.zeros(101).long(), torch.full((101,), quality)), logits
    )
    if quality:
        assert value.argmin() == 50
    assert (grad[:50] < 0).all() == (quality > 0) and (grad[51:] > 0).all()


def test_quality_focal_and_varifocal_are_those_of_heatmaps():
    logits, labels = drawn(torch.float64)
    quality = torch.rand(20).double() * ((labels >= 0) & (labels < 3))
    target = F.one_hot(labels % 4, 4)[:, :3] * quality[:, None]
    counted = labels >= 0
    for name, args in (("quality_focal", {"beta": 1.5}), ("varifocal", {"alpha": 0.6, "gamma": 1.5})):
        ours = value_and_gradient(lambda x, n=name, a=args: graded(n, x, labels, quality, **a)[counted].sum(), logits)
        heat = build("heatmap", name, **args)
        as_map = target[counted].T[None, :, :, None]
        theirs = value_and_gradient(lambda x, h=heat, t=as_map: h(x[counted].T[None, :, :, None], t), logits)
        torch.testing.assert_close(ours, theirs)


def test_quality_focal_of_perfect_boxes_is_focal_without_alpha():
    logits, labels = drawn(torch.float64)
    ones = torch.ones(20).double()
    torch.testing.assert_close(
        graded("quality_focal", logits, labels, ones, beta=1.5), made("focal", alpha=None, gamma=1.5)(logits, labels)
    )


def test_the_weight_of_mal_has_no_gradient_and_an_object_counts_in_full_at_any_quality():
    logits, labels = torch.randn(3, 2, dtype=torch.float64), torch.tensor([0, 0, 2])
    quality = torch.tensor([0.0, 0.8, 0])
    _, grad = value_and_gradient(lambda x: graded("mal", x, labels, quality, gamma=2.0), logits)
    p, goal = logits.sigmoid(), torch.tensor([[0, 0], [0.8**2, 0], [0, 0]])
    weight = torch.where(torch.tensor([[True, False], [True, False], [False, False]]), 1, p**2)
    torch.testing.assert_close(grad, weight * (p - goal.double()), atol=1e-6, rtol=1e-6)


def test_mal_has_no_power_that_makes_bad_boxes_worth_more():
    with pytest.raises(ValueError, match="gamma of mal must be at least 0, got -1"):
        build("classification", "mal", gamma=-1.0)(torch.zeros(2, 3), torch.tensor([0, 3]), torch.tensor([0.5, 0.0]))
