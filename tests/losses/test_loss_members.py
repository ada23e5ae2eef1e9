"""What every loss of the corner detector's roles must satisfy; a loss without a line in CASES fails here."""

from inspect import signature
from math import exp, log

import pytest
import torch
from torch.autograd import gradcheck

from cornernet.losses import ROLES, build
from cornernet.losses.adapt import takes_points

# By hand. Heatmap: cells with target 1, 0.5 and probability 3/4, 1/2.
# Grouping: two objects, tags (0, 1) and (0.25, 0.75) in the first of two numbers, so means 0.125 and 0.875; the boxes
# are 2 e cells wide and 2 high, the second 4 cells right of the first. Mean distances of tags: 1/8 to the partner, 3/8
# to the other corner, so the partner's share is 1 / (1 + exp(-2.5)). Offset: one object, error (0.5, -2).
RIGHT = 1 / (1 + exp(-2.5))
CASES = {
    ("heatmap", "neg"): -(0.25**2) * log(0.75) + 0.5**4 * 0.5**2 * log(2),
    ("heatmap", "focal"): -0.25 * 0.25**2 * log(0.75) + 0.5 * 0.5**2 * log(2),
    ("heatmap", "quality_focal"): -(0.25**2) * log(0.75) + 0,
    ("heatmap", "varifocal"): -log(0.75) + 0.5 * log(2),
    ("heatmap", "bce"): -log(0.75) + log(2),
    ("heatmap", "weighted_bce"): -10 * log(0.75) + (5 + 0.5) * log(2),
    ("heatmap", "balanced_bce"): -0.25 * log(0.75) + (0.25 + 0.75) * 0.5 * log(2),
    ("heatmap", "dice"): 1 - (2 * (0.75 + 0.25) + 1) / (0.75**2 + 0.5**2 + 1 + 0.5**2 + 1),
    ("heatmap", "mse"): 0.25**2,
    ("grouping", "ae"): {"pull": 2 * (0.125**2 + 0.125**2) / 2, "push": 2 * (1 - 0.75) / (2 * 1)},
    ("grouping", "half_sides"): {"grouping": (0.5 + 0.75**2 / 2 + 0.25**2 / 2) / 2},
    ("grouping", "contrastive"): {"pull": 0.125**2, "push": (0.5**2 + 2 * 0.625**2 + 0.75**2) / 4},
    ("grouping", "cross_entropy"): {"cross_entropy": -log(RIGHT)},
    ("grouping", "focal_matching"): {"focal_matching": -2 * (1 - RIGHT) ** 2 * log(RIGHT)},
    ("grouping", "hamming"): {"hamming": 2 * (1 - RIGHT)},
    ("grouping", "inner_product"): {"inner_product": -RIGHT},
    ("grouping", "offset_matching"): {"offset_matching": ((4 * (1 - RIGHT)) ** 2 + 1e-5) ** 0.5},
    ("grouping", "permutation"): {"permutation": -2 * log(RIGHT)},
    ("grouping", "permutation_hung"): {"permutation_hung": -log(RIGHT)},
    ("grouping", "triplet"): {"triplet": (0.625 + 2 * 0.75 + 0.875) / 4},
    ("offset", "smooth_l1"): 0.5**2 / 2 + 1.5,
    ("offset", "l1"): 0.5 + 2,
    ("offset", "mse"): 0.5**2 + 2**2,
}
MEMBERS = [(role, name) for role in ("heatmap", "grouping", "offset") for name in ROLES[role]]


def over(members):
    return pytest.mark.parametrize(("role", "name"), [pytest.param(*m, id=".".join(m)) for m in members])


everyone = over(MEMBERS)
heatmaps = over(m for m in MEMBERS if m[0] == "heatmap")
slotted = over(m for m in MEMBERS if m[0] != "heatmap")


def points_wanted(role, name):
    return role == "grouping" and takes_points(build(role, name))


def total(loss, *tensors):
    value = loss(*tensors)
    return sum(value.values()) if isinstance(value, dict) else value


def by_hand(role, name):
    if role == "heatmap":
        return torch.tensor([[[[log(3), 0.0]]]]), torch.tensor([[[[1.0, 0.5]]]])
    if role == "grouping":
        tl = torch.tensor([[[0.0, 0.0], [4.0, 0.0]]])
        points = tl, tl + torch.tensor([2 * exp(1), 2.0])
        tags = torch.tensor([[[[0.0, 0.0], [1.0, 0.0]]], [[[0.25, 0.0], [0.75, 0.0]]]])
        return *tags, torch.ones(1, 2), *(points if points_wanted(role, name) else ())
    return torch.tensor([[[0.75, -1.0]]]), torch.tensor([[[0.25, 1.0]]]), torch.ones(1, 1)


def drawn(role, name, dtype=torch.float32, counts=(4, 1, 0), slots=6):
    """Random input; of the slots the images fill as many as the counts say."""
    if role == "heatmap":
        target = torch.rand(3, 2, 5, 4, dtype=dtype)
        target[0, 0, 1, 1] = target[0, 1, 2, 3] = target[2, 1, 4, 0] = 1
        return torch.randn(3, 2, 5, 4, dtype=dtype) * 2, target
    mask = torch.arange(slots) < torch.tensor(counts)[:, None]
    first, second, tl_point, size = torch.randn(4, len(counts), slots, 2, dtype=dtype)
    return first, second, mask, *((tl_point, tl_point + 1 + size.abs()) if points_wanted(role, name) else ())


def value_and_gradient(role, name, first, *rest):
    first = first.detach().clone().requires_grad_()
    value = total(build(role, name), first, *rest)
    value.backward()
    return value.detach(), first.grad


def test_every_loss_has_a_case():
    assert not set(MEMBERS) - set(CASES)


MATCHING = [name for name in ROLES["grouping"] if "alone" in signature(ROLES["grouping"][name]).parameters]


@everyone
def test_value_worked_by_hand(role, name):
    args = {"alone": None} if role == "grouping" and name in MATCHING else {}
    got, expected = build(role, name, **args)(*by_hand(role, name)), CASES[role, name]
    if isinstance(expected, dict):
        assert {k: v.item() for k, v in got.items()} == pytest.approx(expected, rel=4e-4)
    else:
        assert got.dim() == 0 and got.item() == pytest.approx(expected, rel=2e-4)


@everyone
def test_gradient_is_the_derivative(role, name):
    first, second, *mask = drawn(role, name, torch.float64)
    both = role != "heatmap"  # heatmap targets are constants
    tensors = first.requires_grad_(), second.requires_grad_(both)
    assert gradcheck(lambda *x: total(build(role, name), *x, *mask), tensors)


@everyone
def test_not_negative_and_the_order_of_images_and_places_is_irrelevant(role, name):
    tensors = drawn(role, name)
    value = total(build(role, name), *tensors)
    dim = 3 if role == "heatmap" else 1
    images, places = torch.randperm(3), torch.randperm(tensors[0].shape[dim])
    shuffled = [t[images].index_select(dim, places) for t in tensors]
    assert value >= (-1 if name == "inner_product" else 0)
    torch.testing.assert_close(total(build(role, name), *shuffled), value)


@everyone
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(role, name, dtype):
    first, second, *mask = drawn(role, name)
    half = first.to(dtype)
    second = second if role == "heatmap" else second.to(dtype)
    expected, _ = value_and_gradient(role, name, half.float(), second.float(), *mask)
    with torch.autocast("cpu", torch.bfloat16):
        got, grad = value_and_gradient(role, name, half, second, *mask)
    assert got.dtype == torch.float32 and grad.dtype == dtype and grad.isfinite().all()
    torch.testing.assert_close(got, expected)


@over(m for m in MEMBERS if m[1] != "permutation_hung")  # its assignment is found by SciPy
def test_compiles_as_one_graph(role, name):
    loss, tensors = build(role, name), drawn(role, name)
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: total(loss, *x), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*tensors), total(loss, *tensors))


@heatmaps
def test_sum_is_divided_by_the_cells_equal_to_one_if_there_are(role, name):
    logits, target = drawn(role, name)
    empty = target.clamp(max=0.9)

    def repeated(times, target):
        return build(role, name)(logits.repeat(times, 1, 1, 1), target.repeat(times, 1, 1, 1))

    torch.testing.assert_close(repeated(2, target), repeated(1, target))
    torch.testing.assert_close(repeated(2, empty), repeated(1, empty) * (1 if name == "dice" else 2))
    value, grad = value_and_gradient(role, name, logits, empty)
    assert value.isfinite() and grad.isfinite().all() and grad.any()


@heatmaps
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_are_finite(role, name, dtype):
    logits = torch.tensor([100, -100, 100, -100, 15.0, -15.0]).reshape(1, 1, 2, 3).to(dtype)
    target = torch.tensor([1, 1, 0, 0, 0.5, 0.5]).reshape(1, 1, 2, 3)
    for args in ({}, {"clamp": None}) if name == "neg" else ({},):
        x = logits.clone().requires_grad_()
        value = build(role, name, **args)(x, target)
        value.backward()
        assert value.isfinite() and x.grad.isfinite().all()


@heatmaps
def test_right_and_sure_is_free_wrong_and_sure_is_not(role, name):
    target = torch.zeros(1, 1, 4, 4)
    target[0, 0, 1, 2] = 1
    logits = (2 * target - 1) * 12
    assert build(role, name)(logits, target) < 1e-3 < 0.5 < build(role, name)(-logits, target)


@slotted
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.bfloat16])
def test_any_mask_dtype_gives_the_same(role, name, dtype):
    first, second, mask, *points = drawn(role, name)
    expected = value_and_gradient(role, name, first, second, mask, *points)
    torch.testing.assert_close(value_and_gradient(role, name, first, second, mask.to(dtype), *points), expected)


@slotted
def test_empty_slots_are_never_looked_at(role, name):
    first, second, mask, *points = drawn(role, name)
    expected = value_and_gradient(role, name, first, second, mask, *points)
    dirty = first.masked_fill(~mask[..., None], float("nan")), second.masked_fill(~mask[..., None], float("inf"))
    torch.testing.assert_close(value_and_gradient(role, name, *dirty, mask, *points), expected)
    assert not expected[1][~mask].any()


@slotted
@pytest.mark.parametrize(("images", "slots", "objects"), [(1, 1, 0), (1, 1, 1), (2, 3, 0), (1, 4, 4), (2, 0, 0)])
def test_small_and_empty_batches_are_finite(role, name, images, slots, objects):
    value, grad = value_and_gradient(role, name, *drawn(role, name, counts=[objects] * images, slots=slots))
    assert value.isfinite() and grad.isfinite().all()
    assert objects or (value == 0 and not grad.any())


@over(m for m in MEMBERS if m[0] == "offset" or m == ("grouping", "ae"))
def test_a_perfect_prediction_has_no_gradient(role, name):
    tags = torch.tensor([[[0.0, 0.0], [3.0, 3.0], [-7.0, 5.0]]])
    value, grad = value_and_gradient(role, name, tags, tags.clone(), torch.ones(1, 3))
    assert value < 1e-3 and not grad.any()


def test_dice_of_powers_one_has_the_two_masses_below():
    logits, target = torch.tensor([[[[log(3), 0.0]]]]), torch.tensor([[[[1.0, 0.5]]]])
    expected = 1 - (2 * (0.75 + 0.25) + 1) / (0.75 + 0.5 + 1.5 + 1)
    assert build("heatmap", "dice", power=1)(logits, target).item() == pytest.approx(expected)
    expected = 1 - (2 * 0.75 + 1) / (0.75 + 0.5 + 1 + 1)
    by_anchor = build("classification", "dice", power=1)(logits.view(1, 2), torch.tensor([0]))
    assert by_anchor.item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="power must be one of 1, 2, got 3"):
        build("heatmap", "dice", power=3)


def test_varifocal_plays_down_what_is_dark():
    logits, target = torch.tensor([[[[log(3), log(3)]]]]), torch.tensor([[[[0.0, 1.0]]]])
    loss = build("heatmap", "varifocal", alpha=0.6, gamma=3.0)
    assert loss(logits, target).item() == pytest.approx(0.6 * 0.75**3 * log(4) - log(0.75))


def test_quality_focal_is_finite_at_an_exponent_below_one_where_the_answer_is_right():
    logits, target = torch.zeros(1, 1, 2, 2, requires_grad=True), torch.full((1, 1, 2, 2), 0.5)
    value = build("heatmap", "quality_focal", beta=0.5)(logits, target)
    value.backward()
    assert value < 1e-5 and logits.grad.isfinite().all()
