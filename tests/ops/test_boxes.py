"""Geometry of boxes against values worked by hand and torchvision."""

import pytest
import torch
from torchvision.ops import box_area, box_iou

from cornernet.ops import boxes as ops

P, G = torch.tensor([0.0, 0, 4, 2]), torch.tensor([1.0, 0, 4, 4])


def test_by_hand():
    assert ops.box_wh(G).tolist() == [3, 4] and ops.center(G).tolist() == [2.5, 2]
    assert ops.area(P) == 8 and ops.intersection(P, G) == 6 and ops.union(P, G) == 14
    assert ops.box_iou(P, G, eps=2.0) == 6 / 16
    assert ops.enclosing(P, G).tolist() == [0, 0, 4, 4]
    assert ops.squared_diagonal(P) == 20 and ops.squared_center_distance(P, G) == 1.25
    assert ops.scaled(P, 0.5).tolist() == [1, 0.5, 3, 1.5] and torch.equal(ops.scaled(P, 1), P)


def test_agrees_with_torchvision_and_leaves_leading_dimensions():
    corner, size = torch.rand(2, 7, 5, 2, dtype=torch.float64)
    first, second = torch.cat([corner, corner + size], -1), torch.cat([size, size + corner], -1)
    pairwise = box_iou(first.flatten(0, 1), second.flatten(0, 1)).diagonal().view(7, 5)
    torch.testing.assert_close(ops.box_iou(first, second, eps=0.0), pairwise)
    torch.testing.assert_close(ops.area(first), box_area(first.flatten(0, 1)).view(7, 5))


@pytest.mark.parametrize("other", [[4.0, 0, 8, 2], [4.0, 2, 5, 3], [9.0, 9, 10, 10], [3.0, 1, 1, 1]])
def test_without_a_shared_area_there_is_no_gradient(other):
    p = P.clone().requires_grad_()
    shared = ops.intersection(p, torch.tensor(other))
    shared.backward()
    assert shared == 0 and not p.grad.any()


def test_a_box_turned_inside_out_has_no_area_but_one_without_width_may_grow():
    turned = torch.tensor([[4.0, 2, 0, 0], [4.0, 0, 0, 2]])
    assert not ops.area(turned).any() and not ops.box_iou(turned, P).any()
    line = torch.tensor([1.0, 0, 1, 2], requires_grad=True)
    ops.area(line).backward()
    assert line.grad.tolist() == [-2, 0, 2, 0]
