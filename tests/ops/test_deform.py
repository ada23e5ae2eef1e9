"""Deformable convolution by taps against a plain convolution and torchvision's kernel, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import deform_conv2d

from cornernet.ops.deform import by_taps, deform_conv


def case(size=(7, 5), spread=3.0):
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, *size, dtype=torch.double), torch.randn(4, 3, 3, 3, dtype=torch.double)
    return x, spread * torch.randn(2, 18, *size, dtype=torch.double), weight


def test_without_offsets_it_is_a_convolution():
    x, offsets, weight = case(spread=0)
    torch.testing.assert_close(deform_conv(x, offsets, weight), F.conv2d(x, weight, padding=1))


@pytest.mark.parametrize("size", [(7, 5), (1, 1), (2, 9)])
@pytest.mark.parametrize("spread", [0.5, 3.0, 40.0])
def test_value_and_gradients_are_those_of_torchvision(size, spread):
    given = [x.requires_grad_() for x in case(size, spread)]
    found, expected = by_taps(*given), deform_conv2d(*given, padding=1)
    torch.testing.assert_close(found, expected)
    upstream = torch.randn_like(found)
    for ours, theirs in zip(*(torch.autograd.grad(x, given, upstream) for x in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_half_precision_is_read_in_float32():
    x, offsets, weight = case()
    with torch.autocast("cpu", torch.bfloat16):
        found = deform_conv(x.bfloat16(), offsets.float(), weight.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, by_taps(x.bfloat16().float(), offsets.float(), weight.float()))
