"""What every box loss must satisfy; a loss without a line in CASES fails here."""

import inspect
from math import atan, exp, expm1, log, pi
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torchvision.ops import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss

import cornernet.losses
from cornernet.losses import ROLES, build
from cornernet.ops.boxes import box_iou

# By hand, prediction (0, 0, 4, 2) and target (1, 0, 4, 4): areas 8 and 12, shared 6, union 14, around both 16 with
# diagonal^2 32; centres (2, 1) and (2.5, 2), distance^2 1.25; sizes (4, 2) and (3, 4).
IOU, DIOU = 4 / 7, 4 / 7 + 1.25 / 32
EIOU = DIOU + 1 / 16 + 4 / 16
SHAPE = (1 - exp(-1 / 4)) ** 4 + (1 - exp(-2 / 4)) ** 4
SHAPE_WEIGHTED = (1 - exp(-8 / 7 / 4)) ** 4 + (1 - exp(-6 / 7 * 2 / 4)) ** 4
V = 4 / pi**2 * (atan(3 / 4) - atan(4 / 2)) ** 2
CIOU = DIOU + V**2 / (IOU + V)
ANGLE, P = 2 * 0.5 * 1 / 1.25, (1 / 3 + 2 / 4) / 4
SIOU = IOU + (2 - exp((ANGLE - 2) / 64) - exp((ANGLE - 2) / 16) + SHAPE) / 2
X = 1.3 * exp(-P)
WISE = exp(1.25 / 32) * IOU
WITHIN = (3.4 - 1.45) * (1.7 - 0.6)  # shared by (0.6, 0.3, 3.4, 1.7) and (1.45, 0.6, 3.55, 3.4)
INNER = WITHIN / (2.8 * 1.4 + 2.1 * 2.8 - WITHIN)

NEAR, NEARER = 3 * 3.2 / (3.4 * 3.2 + 12 - 3 * 3.2), 3 * 3.96 / (3.02 * 3.96 + 12 - 3 * 3.96)  # 0.6 and 0.98 of the way
BOUNDED = 0.5 + 2 / 3 + 0.25 + 0.5 - 4 * 0.1
TWICE = 4 / 7 + 1.25 / 128 + V**2 / (4 / 7 + V)  # shared 24, union 56, around both 8 by 8
HALF = 1 / 7  # IoU of (1, 0.5, 3, 1.5) and (1.75, 1, 3.25, 3)


class Case(NamedTuple):
    """A line of CASES."""

    name: str
    args: dict
    value: float
    largest: float | None  # of regular boxes; None: grows with the boxes
    any_unit: bool  # the same for boxes twice as large

    def __str__(self):
        return "-".join([self.name, *(f"{k}={v}" for k, v in self.args.items())])


CASES = [
    Case("iou", {}, IOU, 1, True),
    Case("iou", {"form": "log"}, -log(3 / 7), -log(1e-7), True),
    Case("giou", {}, IOU + 2 / 16, 2, True),
    Case("diou", {}, DIOU, 2, True),
    Case("ciou", {}, CIOU, 3, True),
    Case("eiou", {}, EIOU, 4, True),
    Case("focal_eiou", {}, (1 - IOU) ** 0.5 * EIOU, 4, True),
    Case("siou", {}, SIOU, 3, True),
    Case("alpha_iou", {}, 1 - (1 - IOU) ** 3, 1, True),
    Case("alpha_iou", {"alpha": 2, "base": "giou"}, 1 - (1 - IOU) ** 2 + (2 / 16) ** 2, 2, True),
    Case("alpha_iou", {"base": "ciou"}, 1 - (1 - IOU) ** 3 + (DIOU - IOU) ** 3 + (CIOU - DIOU) ** 3, 3, True),
    Case("wiou", {}, WISE, exp(1), True),
    Case("wiou", {"version": 3}, IOU / (3 * 1.9 ** (IOU - 3)) * WISE, 1.21 * exp(1), True),
    Case("mpdiou", {"diagonal": 10}, IOU + (1 + 4) / 100, None, False),
    Case("shape_iou", {}, DIOU + SHAPE / 2, 3, True),
    Case("shape_iou", {"scale": 1}, IOU + (8 / 7 * 0.25 + 6 / 7) / 32 + SHAPE_WEIGHTED / 2, 4, True),
    Case("piou", {}, IOU + 1 - exp(-(P**2)), 2, True),
    Case("piou", {"version": 2}, 3 * X * exp(-(X**2)) * (IOU + 1 - exp(-(P**2))), 2.58, True),
    Case("nwd", {}, 1 - exp(-((1.25 + (1 + 4) / 4) ** 0.5) / 12.8), 1, False),
    Case("inner", {}, 1 - INNER, 1, True),
    Case("inner", {"base": "ciou", "ratio": 0.7}, CIOU + (1 - IOU) - INNER, 3, True),
    Case("focaler", {}, 1 - (1 - IOU) / 0.95, 1, True),
    Case("focaler", {"base": "giou", "low": 0.4, "high": 0.5}, IOU + 2 / 16 + (1 - IOU) - (0.6 - IOU) / 0.1, 2, True),
    Case(
        "focaler", {"base": "inner", "base_args": {"base": "siou"}, "low": 0.6}, SIOU + 2 * (1 - IOU) - INNER, 4, True
    ),
    Case("interp_iou", {}, IOU + 1 - NEARER, 2, True),
    Case("interp_iou", {"dynamic": True}, IOU + 1 - NEAR, 2, True),
    Case("bounded_iou", {}, BOUNDED, 3.6, True),
    Case("unified_iou", {}, TWICE, 3, True),
    Case("unified_iou", {"base": "iou", "start": 0.5, "focal": "hard"}, (1 - HALF**0.5) * (1 - HALF), 1, True),
    Case("unified_iou", {"base": "iou", "start": 0.5, "focal": "easy"}, HALF**0.5 * (1 - HALF), 1, True),
    Case("l1", {}, 1 + 2, None, False),
    Case("balanced_l1", {}, 1.5 + 1.5 / expm1(3) - 0.5 + 3 + 1.5 / expm1(3) - 0.5, None, False),
    Case("smooth_l1", {}, 0.5 + 1.5, None, False),
    Case("mse", {}, 1 + 4, None, False),
]
PRED, TARGET = torch.tensor([[0.0, 0, 4, 2]]), torch.tensor([[1.0, 0, 4, 4]])
SQUARE = [10.0, 10, 20, 20]
# every pair in both directions: special cases of geometry, the first ones of regular boxes
PAIRS = {
    "identical": (SQUARE, SQUARE),
    "apart": (SQUARE, [30, 30, 40, 40]),
    "nested": ([0, 0, 100, 100], [40, 40, 50, 50]),
    "one centre": ([0, 0, 30, 30], [10, 5, 20, 25]),
    "touching side": (SQUARE, [20, 10, 30, 20]),
    "touching corner": (SQUARE, [20, 20, 30, 30]),
    "no width": (SQUARE, [10, 10, 10, 20]),
    "no height": (SQUARE, [10, 15, 20, 15]),
    "a point": (SQUARE, [10, 10, 10, 10]),
    "a point inside": (SQUARE, [15, 15, 15, 15]),
    "a point apart": (SQUARE, [0, 0, 0, 0]),
    "points": ([5, 5, 5, 5], [9, 5, 9, 5]),
    "one point": ([5, 5, 5, 5], [5, 5, 5, 5]),
    "lines": ([5, 5, 5, 9], [5, 7, 9, 7]),
    "a speck": (SQUARE, [0, 0, 1e-30, 1e-30]),
    "tiny": ([0, 0, 1e-4, 1e-4], [5e-5, 0, 2e-4, 1e-4]),
    "huge and small": (SQUARE, [-3e4, -3e4, 3e4, 3e4]),
    "inverted": (SQUARE, [18, 16, 12, 11]),
}
HUGE = {
    "huge": ([0, 0, 1e6, 1e6], [1e5, 1e5, 2e6, 3e6]),
    "as huge as float32 can square": ([0, 0, 1e18, 1e18], [5e17, 0, 1e18, 1e15]),
    "very far": ([0, 0, 1, 1], [1e18, -1e18, 1e18, -1e18]),
}

everyone = pytest.mark.parametrize("case", CASES, ids=str)


def takes_eps(case):
    return "eps" in inspect.signature(ROLES["box"][case.name]).parameters


honest = pytest.mark.parametrize("case", list(filter(takes_eps, CASES)), ids=str)
TORCHVISION = {"giou": generalized_box_iou_loss, "diou": distance_box_iou_loss, "ciou": complete_box_iou_loss}
torchvision = pytest.mark.parametrize("name", TORCHVISION)


def made(case, **args):
    """Built, with whatever runs along held still."""
    loss = build("box", case.name, **case.args, **args)
    return loss.eval() if isinstance(loss, nn.Module) else loss


def pairs(cases, dtype=torch.float32):
    first, second = (torch.tensor(boxes, dtype=dtype) for boxes in zip(*cases.values(), strict=True))
    return torch.cat([first, second]), torch.cat([second, first])


def drawn(count=50, dtype=torch.float32):
    """Random boxes and others near them: some overlap much, some do not."""
    corner, far = torch.rand(2, count, 2, dtype=dtype) * 50
    boxes = torch.cat([corner, corner + 5 + far], 1)
    return boxes + torch.randn(count, 4, dtype=dtype), boxes


def value_and_gradient(loss, pred, target):
    pred = pred.detach().clone().requires_grad_()
    value = loss(pred, target)
    value.sum().backward()
    return value.detach(), pred.grad


def test_every_loss_has_a_case():
    assert {case.name for case in CASES} == set(ROLES["box"])


@everyone
def test_value_worked_by_hand(case):
    got = made(case)(PRED, TARGET)
    assert got.shape == (1,) and got.item() == pytest.approx(case.value, rel=1e-5)


@everyone
def test_finite_in_value_and_gradient(case):
    for dtype in (torch.float32, torch.float64):
        value, grad = value_and_gradient(made(case), *pairs(PAIRS | HUGE, dtype))
        assert value.dtype == dtype and value.isfinite().all(), value
        assert grad.isfinite().all(), grad


@everyone
def test_half_precision_is_computed_in_float32(case):
    for dtype in (torch.bfloat16, torch.float16):
        pred, target = (boxes.to(dtype) for boxes in pairs(PAIRS | {"huge": HUGE["huge"]} if case.largest else PAIRS))
        pred, target = pred.nan_to_num(), target.nan_to_num()  # float16 ends at 65504
        expected, _ = value_and_gradient(made(case), pred.float(), target.float())
        with torch.autocast("cpu", dtype):
            got, grad = value_and_gradient(made(case), pred, target)
        assert got.dtype == torch.float32 and grad.dtype == dtype
        # the gradient of a squared distance of 60000 is more than float16 holds
        assert grad.isfinite().all() or case.name == "mse"
        torch.testing.assert_close(got, expected)


@everyone
def test_nothing_gives_nothing(case):
    value, grad = value_and_gradient(made(case), torch.zeros(0, 4), torch.zeros(0, 4))
    assert value.shape == (0,) and grad.shape == (0, 4)


@everyone
def test_pairs_are_judged_one_by_one_wherever_they_lie(case):
    pred, target = drawn()
    loss, order = made(case), torch.randperm(50)
    expected = loss(pred, target)
    torch.testing.assert_close(loss(pred[order], target[order]), expected[order])
    torch.testing.assert_close(loss(pred[7:8], target[7:8]), expected[7:8])
    shift = torch.tensor([8.0, -16, 8, -16])
    torch.testing.assert_close(loss(pred + shift, target + shift), expected, rtol=1e-4, atol=1e-4)


@everyone
def test_only_some_depend_on_the_unit(case):
    pred, target = drawn()
    same = torch.isclose(made(case)(2 * pred, 2 * target), made(case)(pred, target), rtol=1e-4, atol=1e-5)
    assert same.all() if case.any_unit else not same.any()


@everyone
def test_perfect_is_free_and_nothing_is_negative(case):
    perfect = torch.tensor([SQUARE, [0, 0, 100, 50]])
    assert made(case)(perfect, perfect).abs().max() < 1e-5
    tilted = pairs({name: pair for name, pair in PAIRS.items() if name != "inverted"})
    values = torch.cat([made(case)(*some) for some in (drawn(), drawn()[::-1], tilted, pairs(PAIRS), pairs(HUGE))])
    assert values.min() > -1e-5
    if case.largest:
        values = torch.cat([made(case)(*some) for some in (drawn(), tilted, pairs(HUGE))])
        assert values.max() < case.largest + 1e-5


@everyone
def test_gradient_is_the_derivative(case, monkeypatch):
    pred, target = drawn(6, torch.float64)
    assert gradcheck(held(made(case), pred, target, monkeypatch), (pred.clone().requires_grad_(), target))


def held(loss, pred, target, monkeypatch):
    """The loss whose weights, what it detaches, stay those of these boxes."""
    kept, detach = [], torch.Tensor.detach

    def patched(instead):
        def call(p, g):
            calls = iter(range(99))
            with monkeypatch.context() as patch:
                patch.setattr(torch.Tensor, "detach", lambda x: instead(x, next(calls)))
                return loss(p, g)

        return call

    patched(lambda x, _: kept.append(detach(x)) or kept[-1])(pred, target)
    return patched(lambda _, i: kept[i])


def test_weights_carry_no_gradient():
    def gradient(name, **args):
        return value_and_gradient(made(Case(name, args, 0, 0, True)), pred, target)[1]

    pred, target = drawn(dtype=torch.float64)
    quality = box_iou(pred, target)[:, None]
    torch.testing.assert_close(gradient("focal_eiou", gamma=0.7), quality**0.7 * gradient("eiou"))
    wise = (1 - quality) / (3 * 1.9 ** (1 - quality - 3))
    torch.testing.assert_close(gradient("wiou", version=3), wise * gradient("wiou"), rtol=1e-6, atol=1e-9)
    _, far = value_and_gradient(build("box", "wiou"), pred + 200, target)
    torch.testing.assert_close(far[:, :2], far[:, 2:])  # moves the box, for the enclosing one is a weight
    gap = ((pred - target).abs() / (target[:, 2:] - target[:, :2]).repeat(1, 2)).mean(1, keepdim=True)
    x = 1.3 * torch.exp(-gap)
    torch.testing.assert_close(gradient("piou", version=2), 3 * x * torch.exp(-(x**2)) * gradient("piou"))


def test_far_boxes_are_drawn_to_their_target():
    """Where the weight had a gradient, they would be driven away."""
    pred, target = torch.tensor([[60.0, 0, 80, 20]]), torch.tensor([[0.0, 0, 20, 20]])
    args = {"piou": {"version": 2}, "wiou": {"version": 3}}
    areas = "giou diou ciou eiou siou wiou shape_iou piou nwd interp_iou unified_iou".split()
    for name in (*areas, "l1", "balanced_l1", "smooth_l1", "mse"):
        _, grad = value_and_gradient(build("box", name, **args.get(name, {})), pred, target)
        assert grad[0, [0, 2]].sum() > 0, name


@honest
def test_eps_is_honoured(case):
    pred, target = drawn(dtype=torch.float64)
    assert (made(case, eps=1e-2)(pred, target) - made(case)(pred, target)).abs().max() > 1e-9


def test_eps_reaches_every_term():
    """What torchvision's complete_box_iou_loss does not do."""
    pred, target = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 3, 4, 4]])
    assert build("box", "diou", eps=32.0)(pred, target).item() == pytest.approx(1 + 18 / 64)
    assert build("box", "ciou", eps=32.0)(pred, target).item() == pytest.approx(1 + 18 / 64)
    ciou = 10 / 16 + 1.25 / 34 + V**2 / (10 / 16 + V + 2)
    assert build("box", "ciou", eps=2.0)(PRED, TARGET).item() == pytest.approx(ciou)
    inner = IOU + 6 / 16 - WITHIN / (WITHIN / INNER + 2)
    assert build("box", "inner", eps=2.0)(PRED, TARGET).item() == pytest.approx(inner)
    assert build("box", "giou", eps=15.0)(pred, target).item() == pytest.approx(1 + 14 / 31)


@pytest.mark.parametrize(
    ("backend", "cases"), [("eager", CASES), ("aot_eager", [CASES[3]])], ids=["eager", "aot_eager"]
)
def test_all_compile_as_one_graph(backend, cases):
    losses = {str(case): made(case) for case in cases}
    pred, target = drawn()
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: {n: f(*x) for n, f in losses.items()}, fullgraph=True, backend=backend)
    for more in (0, 1):
        with torch.compiler.set_stance("fail_on_recompile" if more else "default"):
            pred, target = (pred + more).detach().requires_grad_(), target - more
            got, expected = compiled(pred, target), {n: f(pred, target) for n, f in losses.items()}
        torch.testing.assert_close(got, expected)
        grads = [torch.autograd.grad(sum(map(torch.sum, found.values())), pred)[0] for found in (got, expected)]
        torch.testing.assert_close(*grads)


@torchvision
def test_agrees_with_torchvision(name):
    pred, target = drawn(dtype=torch.float64)
    far = target + 100 * torch.rand(50, 2, dtype=torch.float64).repeat(1, 2)
    for other in (target, far, pred):
        ours = value_and_gradient(build("box", name), pred, other)
        theirs = value_and_gradient(TORCHVISION[name], pred, other)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@torchvision
def test_agrees_with_the_goldens(golden, name):
    data = golden("g5_boxes")
    boxes1, boxes2 = (torch.tensor(data[key]).requires_grad_() for key in ("boxes1", "boxes2"))
    value = build("box", name)(boxes1, boxes2)
    value.sum().backward()
    for got, key in ((value, "loss"), (boxes1.grad, "grad1"), (boxes2.grad, "grad2")):
        expected = torch.tensor(data[f"{name}_{key}"])
        known = expected.isfinite()
        assert got.isfinite().all() and known.float().mean() > 0.9
        torch.testing.assert_close(got[known], expected[known], rtol=1e-6, atol=1e-8)
    single, expected = build("box", name)(boxes1.float(), boxes2.float()), torch.tensor(data[f"{name}_loss_f32"])
    torch.testing.assert_close(single[expected.isfinite()], expected[expected.isfinite()], rtol=1e-5, atol=2e-6)


def test_ciou_has_a_gate_that_is_off():
    low, high = torch.tensor([[0.0, 0, 4, 2]]), torch.tensor([[1.0, 0, 4, 3]])
    ciou, gated, diou = build("box", "ciou"), build("box", "ciou", gated=True), build("box", "diou")
    assert gated(low, TARGET) == diou(low, TARGET) < ciou(low, TARGET)
    assert gated(high, TARGET) == ciou(high, TARGET) > diou(high, TARGET)


def test_the_shape_of_a_speck_does_not_pull():
    _, grad = value_and_gradient(build("box", "ciou"), torch.tensor([[0, 0, 1e-12, 1e-12]]), TARGET)
    assert grad.abs().max() < 1


def test_an_inverted_box_is_empty_and_earns_nothing():
    inverted = torch.tensor([[18.0, 16, 12, 11], [40, 40, 0, 0], [20, 10, 10, 20]])
    target = torch.tensor([SQUARE]).expand(3, 4)
    for name in ("iou", "giou", "diou", "ciou"):
        assert build("box", name)(inverted, target).min() >= 1


def test_powers_below_one_are_finite_too():
    for base in ("iou", "giou", "diou", "ciou"):
        value, grad = value_and_gradient(build("box", "alpha_iou", alpha=0.5, base=base), *pairs(PAIRS))
        assert value.isfinite().all() and grad.isfinite().all()


def test_running_mean_moves_in_training_with_the_pairs_that_have_a_target():
    wiou = build("box", "wiou", version=3, momentum=0.25)
    absent = torch.zeros(1, 4)
    wiou(torch.cat([PRED, PRED]), torch.cat([TARGET, absent]))
    assert wiou.mean.item() == pytest.approx(0.75 + 0.25 * IOU)
    wiou(PRED, absent)
    wiou(PRED[:0], TARGET[:0])
    wiou.eval()(PRED, PRED)
    assert wiou.mean.item() == pytest.approx(0.75 + 0.25 * IOU)
    restored = build("box", "wiou", version=3).eval()
    restored.load_state_dict(wiou.state_dict())
    assert restored(PRED, TARGET) == wiou(PRED, TARGET)
    assert not build("box", "wiou").state_dict()
    restored.mean.zero_()
    assert restored(torch.cat([PRED, PRED]), torch.cat([PRED, TARGET])).isfinite().all()
    compiled = torch.compile(wiou.train(), fullgraph=True, backend="eager")
    compiled(PRED, PRED)
    assert wiou.mean.item() == pytest.approx(0.75 * (0.75 + 0.25 * IOU))


def test_wrappers_change_nothing_at_the_settings_that_mean_nothing():
    pred, target = drawn()
    for name in ("ciou", "siou", "l1"):
        expected = build("box", name)(pred, target)
        torch.testing.assert_close(build("box", "inner", base=name, ratio=1)(pred, target), expected)
        torch.testing.assert_close(build("box", "focaler", base=name, low=0, high=1)(pred, target), expected)


@pytest.mark.parametrize("name", ["alpha", "gamma", "beta"])
def test_balanced_l1_has_no_knee_at_nothing(name):
    with pytest.raises(ValueError, match="must be above 0"):
        build("box", "balanced_l1", **{name: 0.0})(torch.rand(2, 4), torch.rand(2, 4))


@pytest.mark.parametrize("args", [{"low": 0.9, "high": 0.5}, {"low": -0.1}, {"high": 1.1}, {"alpha": 1.5}])
def test_interp_iou_stays_between_the_boxes(args):
    with pytest.raises(ValueError, match="0 <= low <= high <= 1 and alpha in"):
        build("box", "interp_iou", **args)(torch.rand(2, 4), torch.rand(2, 4))


def test_balanced_l1_below_its_knee_and_at_it():
    """By hand at half the knee; the slopes are alpha log(b x + 1) below it and gamma from there on."""
    b, true = expm1(3), torch.zeros(3, 4, dtype=torch.float64)
    off = torch.tensor([[1.0, 0, 0, 0], [2, 0, 0, 0], [2.0001, 0, 0, 0]], dtype=torch.float64)
    value, grad = value_and_gradient(build("box", "balanced_l1", beta=2.0), off, true)
    assert value[0].item() == pytest.approx(2 * (0.5 / b * (b / 2 + 1) * log(b / 2 + 1) - 0.25))
    assert grad[:, 0].tolist() == pytest.approx([0.5 * log(b / 2 + 1), 1.5, 1.5])
    assert (value[2] - value[1]).item() == pytest.approx(1.5e-4)


def test_an_interpolated_box_shows_the_way_where_boxes_lie_apart():
    pred, target = torch.tensor([[60.0, 0, 80, 20]]), torch.tensor([[0.0, 0, 20, 20]])
    assert not value_and_gradient(build("box", "iou"), pred, target)[1].any()
    for args in ({}, {"dynamic": True}, {"alpha": 0.5}):
        overlaps = {"alpha": 0.98, **args} != {"alpha": 0.5}
        assert value_and_gradient(build("box", "interp_iou", **args), pred, target)[1].any() == overlaps


@pytest.mark.parametrize(("schedule", "half"), [("linear", 1.25), ("cosine", 1.25), ("fraction", 0.8)])
def test_unified_iou_shrinks_its_boxes_as_the_training_goes_on(schedule, half):
    progress = torch.zeros(())
    loss = build("box", "unified_iou", given={"progress": progress}, schedule=schedule, base="iou")
    for done, ratio in ((0, 2.0), (0.5, half), (1, 0.5)):
        progress.fill_(done)
        still = build("box", "unified_iou", start=ratio, base="iou")
        assert loss(PRED, TARGET).item() == pytest.approx(still(PRED, TARGET).item())
        assert float(loss.ratio()) == pytest.approx(ratio)


def test_wrappers_hold_any_loss_and_its_state():
    assert build("box", "inner", base="mpdiou", base_args={"diagonal": 10})(PRED, TARGET).shape == (1,)
    assert build("box", "focaler", base="torch.nn.PairwiseDistance")(PRED, TARGET).shape == (1,)
    assert list(build("box", "inner", base="wiou", base_args={"version": 3}).state_dict()) == ["base.mean"]


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("mpdiou", {}, "box loss 'mpdiou' refused its arguments: it needs the argument 'diagonal' where no detector"),
        ("wiou", {"version": 2}, "box loss 'wiou': version must be one of 1, 3, got 2"),
        ("giou", {"epz": 1}, "box loss 'giou' has no argument 'epz'; it takes eps"),
        ("iou", {"form": "square"}, "box loss 'iou': form must be one of linear, log, got 'square'"),
        ("unified_iou", {"end": 0.0}, "start and end must be above 0, got 2.0 and 0.0"),
        ("inner", {"ratio": 0}, "box loss 'inner' refused its arguments: ratio must be above 0, got 0"),
        ("inner", {"base": "cious"}, "unknown box loss 'cious', did you mean ciou?"),
        ("inner", {"base": "mpdiou"}, "box loss 'mpdiou' refused its arguments: it needs the argument 'diagonal'"),
        ("focaler", {"low": 0.9, "high": 0.1}, "low and high must be 0 <= low < high <= 1, got 0.9 and 0.1"),
    ],
)
def test_mistakes_are_one_sentence(name, args, message):
    with pytest.raises(ValueError) as error:
        build("box", name, **args)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("case", [case for case in CASES if case.args.get("version") != 3], ids=str)
def test_functional_form(case):
    loss = getattr(cornernet.losses, f"{case.name}_loss")
    assert loss is cornernet.losses.functional.FUNCTIONS[loss.__name__] and loss.__doc__
    assert list(inspect.signature(loss).parameters)[:3] == ["boxes1", "boxes2", "reduction"]
    (pred, target), args = drawn(), case.args
    expected = made(case)(pred, target)
    torch.testing.assert_close(loss(boxes1=pred, boxes2=target, **args), expected)
    torch.testing.assert_close(loss(pred, target, "mean", **args), expected.mean())
    torch.testing.assert_close(loss(pred, target, reduction="sum", **args), expected.sum())
    empty = torch.zeros(0, 4, requires_grad=True)
    nothing = loss(empty, torch.zeros(0, 4), "mean", **args)
    nothing.backward()
    assert nothing == 0
    with pytest.raises(ValueError, match="reduction must be one of none, mean, sum, got 'men'"):
        loss(pred, target, reduction="men", **args)
    if takes_eps(case):
        torch.testing.assert_close(loss(pred, target, "none", 0.5, **args), made(case, eps=0.5)(pred, target))
