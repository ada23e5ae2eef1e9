"""Embeddings and tags that are zero, equal, tiny or huge: no loss that sees them answers with an outsized gradient."""

import pytest
import torch

from cornernet.losses import ROLES, build
from cornernet.losses.adapt import takes_points
from cornernet.losses.embedded import SHORT, length, unit

ROWS, SIZE, CLASSES = 8, 16, 3
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, -1, 0])
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
SETTINGS = [("feature", name, {}) for name in sorted(ROLES["feature"])]
SETTINGS += [("feature", "triplet", {"mining": mining}) for mining in ("batch_all", "semi_hard")]
SETTINGS += [("feature", "contrastive", {"power": 1}), ("feature", "l2_softmax", {"learn_scale": True})]
SETTINGS += [("grouping", name, {}) for name in sorted(ROLES["grouping"])]


def loss_of(role, name, args):
    """A loss of one tensor: the embeddings, or the tags of both corners."""
    torch.manual_seed(0)
    loss = build(role, name, given={"num_classes": CLASSES, "dim": SIZE}, **args)
    if role == "feature":
        return torch.randn(ROWS, SIZE), lambda x: loss(x, LABELS)
    points = {"tl_point": 9 * torch.rand(2, 4, 2), "br_point": 9 + 9 * torch.rand(2, 4, 2)}
    named = points if takes_points(loss) else {}
    return torch.randn(2, 2, 4, 2), lambda x: sum(loss(x[0], x[1], MASK, **named).values())


def largest(loss, x):
    """The length of the longest row of the gradient."""
    x = x.clone().requires_grad_()
    value = loss(x)
    value.backward()
    assert value.isfinite() and x.grad.isfinite().all()
    return x.grad.norm(dim=-1).max()


def one_zero(x):
    return x.index_fill(-2, torch.tensor([0]), 0)


@pytest.mark.parametrize(("role", "name", "args"), SETTINGS)
def test_no_gradient_is_outsized(role, name, args):
    x, loss = loss_of(role, name, args)
    usual = largest(loss, x)
    two_equal = x.index_copy(-2, torch.tensor([1]), x.narrow(-2, 0, 1))
    for strange in (0 * x, one_zero(x), two_equal, x.narrow(-2, 0, 1).expand_as(x), 1e-8 * x, 1e-4 * x):
        assert largest(loss, strange) <= 10 * usual.clamp(min=0.1)
    assert largest(loss, 1e12 * x) <= 10 * usual * 1e12  # of those that grow with the length of what they see


def test_short_rows_have_the_gradient_of_their_direction_and_long_ones_their_own():
    torch.manual_seed(0)
    x, w = torch.randn(1, 5, dtype=torch.float64), torch.randn(1, 5, dtype=torch.float64)

    def slope(x):
        x = x.clone().requires_grad_()
        (unit(x) * w).sum().backward()
        return x.grad

    one = x / x.norm()
    torch.testing.assert_close(unit(1e-3 * one), one, rtol=1e-5, atol=0)
    torch.testing.assert_close(slope(1e-3 * one), slope(one), rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(slope(1.01 * SHORT * one), slope(one) / (1.01 * SHORT), rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(slope(0 * one), w) and not unit(0 * one).any()


def test_lengths_neither_overflow_nor_change():
    x = torch.tensor([[3.0, 4.0], [3e30, 4e30], [0.0, 0.0]])
    torch.testing.assert_close(length(x), torch.tensor([[5.0], [5e30], [1e-6]]))
    torch.testing.assert_close(unit(x)[:2], torch.tensor([[0.6, 0.8], [0.6, 0.8]]))
