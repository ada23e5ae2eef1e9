"""Planes that are lent again."""

import pytest
import torch

from cornernet.ops.planes import Planes, zeros


def test_planes_come_back_blank_and_are_the_same_ones():
    planes = Planes()
    heat = planes.lend((2, 3, 4))
    assert heat.dtype == torch.float32 and heat.shape == (2, 3, 4) and heat.eq(0).all()
    for cells in (torch.tensor([0, 5, 5]), torch.tensor([23])):
        heat.view(-1)[cells] = 1
        planes.note(cells)
    assert heat.sum() == 3
    again = planes.lend((2, 3, 4))
    assert again.data_ptr() == heat.data_ptr() and again.eq(0).all()


def test_another_shape_is_another_block():
    planes = Planes()
    small = planes.lend((1, 2, 2))
    small.fill_(7)
    planes.note(torch.arange(4))
    large = planes.lend((2, 2, 2))
    assert large.shape == (2, 2, 2) and large.eq(0).all() and small.eq(7).all()


def test_whoever_still_needs_what_was_lent_gets_an_error():
    planes, x = Planes(), torch.rand(1, 2, 2, requires_grad=True)
    loss = (x * planes.lend((1, 2, 2))).sum()
    planes.note(torch.tensor([1]))
    planes.lend((1, 2, 2))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_zeros():
    assert torch.equal(zeros((2, 1, 3)), torch.zeros(2, 1, 3))
