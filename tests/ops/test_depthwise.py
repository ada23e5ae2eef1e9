"""Depthwise convolutions: values and gradients are those of PyTorch's own, and when they are computed another way."""

import pytest
import torch
import torch.nn.functional as F

from cornernet.ops import depthwise as ops
from cornernet.ops.depthwise import depthwise, pays

SHAPES = [  # height and width of the features, those of the filter, stride, padding
    (11, 13, 5, 5, 1, 2), (9, 8, 7, 7, 1, 3), (6, 7, 3, 4, 1, 1), (6, 6, 5, 5, 1, 0), (8, 9, 1, 10, 1, 4),
    (3, 3, 5, 5, 1, 2), (1, 1, 5, 5, 1, 2), (1, 1, 7, 7, 1, 3), (12, 14, 5, 5, 2, 2), (12, 14, 6, 6, 2, 2),
    (9, 9, 7, 7, 3, 0), (2, 2, 6, 6, 2, 2), (8, 10, 3, 3, 2, 1), (8, 10, 4, 4, 2, 1),
]  # fmt: skip


def both(shape, dtype=torch.double, layout=torch.contiguous_format):
    """Features, filter and bias; a function's value and gradients of a weighted sum of it."""
    height, width, tall, wide, stride, padding = shape
    torch.manual_seed(0)
    shapes = ((2, 4, height, width), (4, 1, tall, wide), (4,))
    x, weight, bias = (torch.randn(size).to(dtype) for size in shapes)
    x = x.to(memory_format=layout)
    for given in (x, weight, bias):
        given.requires_grad_()

    def of(y):
        torch.manual_seed(1)
        return [y, *torch.autograd.grad((y * torch.randn(y.shape).to(y)).sum(), (x, weight, bias))]

    ours = of(depthwise(x, weight, bias, stride, padding))
    return ours, of(F.conv2d(x, weight, bias, stride, padding, 1, 4))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_pytorch(shape, layout, monkeypatch):
    monkeypatch.setattr(ops, "pays", lambda *_: True)
    for found, expected in zip(*both(shape, layout=layout), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_half_precision_is_as_near_as_its_rounding(shape):
    exact = both(shape, torch.float)[1]
    for found, expected in zip(both(shape, torch.bfloat16)[0], exact, strict=True):
        assert found.dtype == torch.bfloat16
        assert (found.float() - expected).norm() <= 0.03 * expected.norm()


def test_autocast_decides_the_precision_and_weights_get_their_gradient_in_their_own():
    x, weight = torch.randn(1, 3, 8, 8, requires_grad=True), torch.randn(3, 1, 5, 5, requires_grad=True)
    bias = torch.randn(3, requires_grad=True)
    for given, wanted in ((x, torch.bfloat16), (x.double(), torch.double)):  # which autocast leaves as it is
        with torch.autocast("cpu", torch.bfloat16):
            y = depthwise(given, weight.to(given.dtype), bias, 1, 2)
        assert y.dtype == wanted
        found = torch.autograd.grad(y.float().sum(), (x, weight, bias))
        exact = torch.autograd.grad(F.conv2d(x, weight, bias, 1, 2, 1, 3).sum(), (x, weight, bias))
        for mine, theirs in zip(found, exact, strict=True):
            assert mine.dtype == torch.float32
            torch.testing.assert_close(mine, theirs, rtol=0.03, atol=0.05)


def test_one_gradient_alone():
    x, weight = torch.randn(1, 3, 8, 8), torch.randn(3, 1, 5, 5)
    expected = F.conv2d(x, weight, None, 1, 2, 1, 3).square().sum()
    for wanted in (x, weight):
        wanted.requires_grad_()
        loss = depthwise(x, weight, None, 1, 2).square().sum()
        torch.testing.assert_close(loss, expected)
        (found,) = torch.autograd.grad(loss, wanted)
        (plain,) = torch.autograd.grad(F.conv2d(x, weight, None, 1, 2, 1, 3).square().sum(), wanted)
        torch.testing.assert_close(found, plain)
        wanted.requires_grad_(False)


def test_it_is_taken_for_gradients_that_are_slow_otherwise():
    x, wide, narrow = torch.randn(1, 3, 8, 8, requires_grad=True), torch.randn(3, 1, 5, 5), torch.randn(3, 1, 3, 3)
    assert pays(x, wide, 1) and not pays(x, narrow, 1) and not pays(x, narrow, 2) and not pays(x, wide, 2)
    assert pays(x.bfloat16(), narrow, 2) and not pays(x.detach(), wide, 1)
    with torch.no_grad():
        assert not pays(x, wide, 1)
    assert not pays(torch.empty(1, 3, 8, 8, device="meta", requires_grad=True), wide, 1)


def test_a_second_gradient_is_refused_and_not_wrong():
    x, weight = torch.randn(1, 3, 8, 8, requires_grad=True), torch.randn(3, 1, 5, 5, requires_grad=True)
    (first,) = torch.autograd.grad(depthwise(x, weight, None, 1, 2).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
