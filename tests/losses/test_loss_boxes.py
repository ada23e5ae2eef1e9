"""What every box loss must satisfy; a loss without a line in CASES fails here."""

from math import atan, pi

import pytest
import torch
from torch.autograd import gradcheck
from torchvision.ops import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss

import cornernet.losses
from cornernet.losses import ROLES, box, build

# By hand, prediction (0, 0, 4, 2) and target (1, 0, 4, 4): areas 8 and 12, shared 6, union 14, around both 16 with
# diagonal^2 32; centres (2, 1) and (2.5, 2), distance^2 1.25; sizes (4, 2) and (3, 4).
IOU, DIOU = 4 / 7, 4 / 7 + 1.25 / 32
V = 4 / pi**2 * (atan(3 / 4) - atan(4 / 2)) ** 2
# name: value, largest value there is (None: grows with the boxes), same for boxes twice as large
CASES = {
    "iou": (IOU, 1, True),
    "giou": (IOU + 2 / 16, 2, True),
    "diou": (DIOU, 2, True),
    "ciou": (DIOU + V**2 / (IOU + V), 3, True),
    "l1": (1 + 2, None, False),
    "smooth_l1": (0.5 + 1.5, None, False),
    "mse": (1 + 4, None, False),
}
ARGS = {}  # what has no default
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
    "tiny": ([0, 0, 1e-4, 1e-4], [5e-5, 0, 2e-4, 1e-4]),
    "huge and small": (SQUARE, [-3e4, -3e4, 3e4, 3e4]),
    "inverted": (SQUARE, [18, 16, 12, 11]),
}
HUGE = {
    "huge": ([0, 0, 1e6, 1e6], [1e5, 1e5, 2e6, 3e6]),
    "as huge as float32 can square": ([0, 0, 1e18, 1e18], [5e17, 0, 1e18, 1e15]),
    "very far": ([0, 0, 1, 1], [1e18, -1e18, 1e18, -1e18]),
}

everyone = pytest.mark.parametrize("name", ROLES["box"])
overlaps = pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[1]])


def made(name, **args):
    return build("box", name, **ARGS.get(name, {}), **args)


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
    assert not set(ROLES["box"]) - set(CASES)


@everyone
def test_value_worked_by_hand(name):
    got = made(name)(PRED, TARGET)
    assert got.shape == (1,) and got.item() == pytest.approx(CASES[name][0], rel=1e-5)


@everyone
def test_finite_in_value_and_gradient(name):
    for dtype in (torch.float32, torch.float64):
        value, grad = value_and_gradient(made(name), *pairs(PAIRS | HUGE, dtype))
        assert value.dtype == dtype and value.isfinite().all(), value
        assert grad.isfinite().all(), grad


@everyone
def test_half_precision_is_computed_in_float32(name):
    for dtype in (torch.bfloat16, torch.float16):
        pred, target = (boxes.to(dtype) for boxes in pairs(PAIRS))
        expected, _ = value_and_gradient(made(name), pred.float(), target.float())
        with torch.autocast("cpu", dtype):
            got, grad = value_and_gradient(made(name), pred, target)
        assert got.dtype == torch.float32 and grad.dtype == dtype and grad.isfinite().all()
        torch.testing.assert_close(got, expected)


@everyone
def test_nothing_gives_nothing(name):
    value, grad = value_and_gradient(made(name), torch.zeros(0, 4), torch.zeros(0, 4))
    assert value.shape == (0,) and grad.shape == (0, 4)


@everyone
def test_pairs_are_judged_one_by_one_wherever_they_lie(name):
    pred, target = drawn()
    loss, order = made(name), torch.randperm(50)
    expected = loss(pred, target)
    torch.testing.assert_close(loss(pred[order], target[order]), expected[order])
    torch.testing.assert_close(loss(pred[7:8], target[7:8]), expected[7:8])
    shift = torch.tensor([8.0, -16, 8, -16])
    torch.testing.assert_close(loss(pred + shift, target + shift), expected, rtol=1e-4, atol=1e-4)


@everyone
def test_only_some_depend_on_the_unit(name):
    pred, target = drawn()
    same = torch.isclose(made(name)(2 * pred, 2 * target), made(name)(pred, target), rtol=1e-4, atol=1e-5)
    assert same.all() if CASES[name][2] else not same.any()


@overlaps
def test_bounds(name):
    perfect = torch.tensor([SQUARE, [0, 0, 100, 50]])
    assert made(name)(perfect, perfect).abs().max() < 1e-5
    values = [made(name)(*some) for some in (drawn(), pairs(PAIRS), pairs(HUGE), drawn()[::-1])]
    regular = pairs({k: v for k, v in PAIRS.items() if k not in ("inverted", "identical", "one point")})
    assert torch.cat(values).min() > -1e-5 and made(name)(*regular).min() >= 0
    assert made(name)(*regular).max() < CASES[name][1] + 1e-5


@everyone
def test_gradient_is_the_derivative(name):
    pred, target = drawn(6, torch.float64)
    loss = STOPPED[name](pred, target) if name in STOPPED else made(name)
    if name in STOPPED:
        torch.testing.assert_close(value_and_gradient(made(name), pred, target), value_and_gradient(loss, pred, target))
    assert gradcheck(loss, (pred.clone().requires_grad_(), target))


def _ciou_held(pred, target):
    """CIoU whose trade-off is that of these boxes, a constant."""

    def aspect(p, g):
        (w, h), (wg, hg) = ((b[:, 2:] - b[:, :2]).unbind(1) for b in (p, g))
        return 4 / pi**2 * ((wg / hg).atan() - (w / h).atan()) ** 2

    v = aspect(pred, target)
    a = v / (build("box", "iou")(pred, target) + v + 1e-7)
    return lambda p, g: build("box", "diou")(p, g) + a * aspect(p, g)


STOPPED = {"ciou": _ciou_held}  # weights without gradient: (pred, target) -> the loss with its weights held as they are


@everyone
def test_eps_is_honoured(name):
    pred, target = drawn(dtype=torch.float64)
    for takes in [made(name)] if CASES[name][1] else []:
        assert (made(name, eps=1e-2)(pred, target) - takes(pred, target)).abs().max() > 1e-9


def test_eps_reaches_every_term():
    """What torchvision's complete_box_iou_loss does not do."""
    pred, target = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 3, 4, 4]])
    assert made("diou", eps=32.0)(pred, target).item() == pytest.approx(1 + 18 / 64)
    assert made("ciou", eps=32.0)(pred, target).item() == pytest.approx(1 + 18 / 64)
    assert made("giou", eps=16.0)(pred, target).item() == pytest.approx(1 + 14 / 32)


def test_all_compile_as_one_graph():
    losses = {name: made(name) for name in ROLES["box"]}
    pred, target = drawn()
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: {n: f(*x) for n, f in losses.items()}, fullgraph=True, backend="aot_eager")
    for more in (0, 1):
        with torch.compiler.set_stance("fail_on_recompile" if more else "default"):
            pred, target = (pred + more).requires_grad_(), target - more
            got, expected = compiled(pred, target), {n: f(pred, target) for n, f in losses.items()}
            torch.testing.assert_close(got, expected)
            grads = [torch.autograd.grad(sum(map(torch.sum, found.values())), pred)[0] for found in (got, expected)]
            torch.testing.assert_close(*grads)


TORCHVISION = {"giou": generalized_box_iou_loss, "diou": distance_box_iou_loss, "ciou": complete_box_iou_loss}


@pytest.mark.parametrize("name", TORCHVISION)
def test_agrees_with_torchvision(name):
    pred, target = drawn(dtype=torch.float64)
    far = target + 100 * torch.rand(50, 2, dtype=torch.float64).repeat(1, 2)
    for other in (target, far, pred):
        ours, theirs = value_and_gradient(made(name), pred, other), value_and_gradient(TORCHVISION[name], pred, other)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", TORCHVISION)
def test_agrees_with_the_goldens(golden, name):
    data = golden("g5_boxes")
    boxes1, boxes2 = (torch.tensor(data[key]).requires_grad_() for key in ("boxes1", "boxes2"))
    value = made(name)(boxes1, boxes2)
    value.sum().backward()
    for got, key in ((value, "loss"), (boxes1.grad, "grad1"), (boxes2.grad, "grad2")):
        expected = torch.tensor(data[f"{name}_{key}"])
        known = expected.isfinite()
        assert got.isfinite().all() and known.float().mean() > 0.9
        torch.testing.assert_close(got[known], expected[known], rtol=1e-6, atol=1e-8)
    single = made(name)(boxes1.float(), boxes2.float())
    known = torch.tensor(data[f"{name}_loss_f32"]).isfinite()
    torch.testing.assert_close(single[known], torch.tensor(data[f"{name}_loss_f32"])[known], rtol=1e-5, atol=2e-6)
    mean, total = (cornernet.losses.box.FUNCTIONS[f"{name}_loss"](boxes1, boxes2, r).item() for r in ("mean", "sum"))
    assert mean == pytest.approx(value.mean().item()) and total == pytest.approx(value.sum().item())


def test_ciou_has_a_gate_that_is_off():
    low, high = torch.tensor([[0.0, 0, 4, 2]]), torch.tensor([[1.0, 0, 4, 3]])
    assert made("ciou", gated=True)(low, TARGET) == made("diou")(low, TARGET) < made("ciou")(low, TARGET)
    assert made("ciou", gated=True)(high, TARGET) == made("ciou")(high, TARGET) > made("diou")(high, TARGET)


def test_an_inverted_box_is_empty_and_earns_nothing():
    inverted = torch.tensor([[18.0, 16, 12, 11], [40, 40, 0, 0], [20, 10, 10, 20]])
    target = torch.tensor([SQUARE]).expand(3, 4)
    for name in ("iou", "giou", "diou", "ciou"):
        assert made(name)(inverted, target).min() >= 1


@everyone
def test_functional_form(name):
    loss = getattr(cornernet.losses, f"{name}_loss")
    assert loss is getattr(box, f"{name}_loss") and loss.__name__ == f"{name}_loss" and loss.__doc__
    (pred, target), args = drawn(), ARGS.get(name, {})
    expected = made(name)(pred, target)
    torch.testing.assert_close(loss(boxes1=pred, boxes2=target, **args), expected)
    torch.testing.assert_close(loss(pred, target, "mean", **args), expected.mean())
    torch.testing.assert_close(loss(pred, target, reduction="sum", **args), expected.sum())
    empty = torch.zeros(0, 4, requires_grad=True)
    nothing = loss(empty, torch.zeros(0, 4), "mean", **args)
    nothing.backward()
    assert nothing == 0
    with pytest.raises(ValueError, match="reduction must be one of none, mean, sum, got 'men'"):
        loss(pred, target, reduction="men", **args)
    if CASES[name][1]:
        torch.testing.assert_close(loss(pred, target, "none", 0.5, **args), made(name, eps=0.5)(pred, target))
