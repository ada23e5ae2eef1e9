"""Reading a map inside boxes: by hand, and against torchvision's kernel, degenerate boxes and empty input included."""

import pytest
import torch
from torchvision.ops import roi_align as kernel

from cornernet.ops import roi_align
from cornernet.ops.roi_align import by_rows


def test_a_ramp_is_read_in_the_middle_of_each_part():
    features = torch.arange(8.0).expand(1, 1, 6, 8)  # the centre of column i, i + 0.5, has value i
    found = roi_align.roi_align(features, torch.tensor([[[1.0, 1.0, 5.0, 3.0]]]), 2, 1)
    assert found.flatten().tolist() == [1.5, 3.5, 1.5, 3.5]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("bins", "samples"), [(1, 1), (1, 3), (5, 2), (7, 1)])
def test_values_are_those_of_torchvision(bins, samples, layout):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 6, 9, dtype=torch.double).to(memory_format=layout)
    low = torch.rand(2, 40, 2, dtype=torch.double) * 14 - 4
    boxes = torch.cat([low, low + torch.rand(2, 40, 2, dtype=torch.double) * 8], 2)  # many lie partly or all outside
    boxes[0, :3] = torch.tensor([[2, 2, 2, 2], [5, 4, 3, 1], [-1e9, -1e9, 1e9, 1e9]])  # a point, turned, enormous
    numbers = torch.arange(2.0, dtype=torch.double).repeat_interleave(40)[:, None]
    expected = kernel(features, torch.cat([numbers, boxes.flatten(0, 1)], 1), bins, 1.0, samples, aligned=True)
    torch.testing.assert_close(by_rows(features, boxes, bins, samples), expected)


@pytest.mark.parametrize(("bins", "samples"), [(1, 3), (5, 1)])
def test_gradients_are_those_of_torchvision(bins, samples):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 6, 9, dtype=torch.double, requires_grad=True)
    low = torch.rand(2, 40, 2, dtype=torch.double) * 14 - 4
    boxes = torch.cat([low, low + torch.rand(2, 40, 2, dtype=torch.double) * 8], 2)
    numbers = torch.arange(2.0, dtype=torch.double).repeat_interleave(40)[:, None]
    expected = kernel(features, torch.cat([numbers, boxes.flatten(0, 1)], 1), bins, 1.0, samples, aligned=True)
    found = roi_align.roi_align(features, boxes, bins, samples)
    weights = torch.randn_like(found)
    ours, theirs = (torch.autograd.grad((x * weights).sum(), features)[0] for x in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_a_box_that_learns_is_read_by_torchvision_which_gives_it_none():
    boxes = torch.tensor([[[0.5, 1.0, 4.0, 4.5]]], requires_grad=True)
    features = torch.randn(1, 2, 5, 5, requires_grad=True)
    found = roi_align.roi_align(features, boxes, 3, 1)
    assert torch.autograd.grad(found.sum(), features)[0].abs().sum() > 0


def test_half_precision_is_read_in_float32_and_no_boxes_are_none():
    features, boxes = torch.randn(2, 3, 4, 4).bfloat16(), torch.zeros(2, 0, 4)
    assert roi_align.roi_align(features, boxes, 2, 1).shape == (0, 3, 2, 2)
    found = roi_align.roi_align(features, torch.tensor([[[0.0, 0.0, 4.0, 4.0]]]).expand(2, 1, 4), 2, 1)
    assert found.dtype == torch.float32
