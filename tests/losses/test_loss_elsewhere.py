"""Members from elsewhere inside AELoss: torch's losses, users' own, those that want the corner points."""

import functools

import pytest
import torch
from torch import nn
from torchvision.ops import sigmoid_focal_loss

from cornernet.losses import AELoss, build


def with_points(tl_tag, br_tag, mask, *, tl_point, br_point, factor=1.0):
    return {"far": factor * ((tl_point - br_point).abs().sum(-1) * mask).sum(), "tags": tl_tag.sum()}


def test_a_grouping_loss_gets_the_points_it_names(corner_batch):
    outs, targets = corner_batch()
    loss = AELoss(grouping_loss=functools.partial(with_points, factor=3.0), grouping_weight=0.5)
    points = torch.zeros(2, 5, 2), torch.ones(2, 5, 2)
    terms = loss.terms(outs, targets, points=points)
    assert list(terms) == ["focal", "far", "tags", "regr"] and terms["far"] == 3 * 2 * 4
    expected = terms["focal"] + 0.5 * terms["far"] + 0.5 * terms["tags"] + terms["regr"]
    torch.testing.assert_close(loss(outs, targets, points=points), expected[None])
    torch.testing.assert_close(AELoss()(outs, targets, points=points), AELoss()(outs, targets))
    with pytest.raises(ValueError, match="needs points"):
        loss(outs, targets)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (nn.L1Loss(), build("offset", "l1")),
        (nn.MSELoss(reduction="sum"), build("offset", "mse")),
        (nn.SmoothL1Loss(reduction="none", beta=0.5), build("offset", "smooth_l1", beta=0.5)),
        (build("offset", "torch.nn.functional.l1_loss"), build("offset", "l1")),
        (lambda pred, target: (pred - target).abs().mean(), build("offset", "l1")),
        (lambda a, b, m: ((a - b).abs().sum(-1) * m).sum() / (m.sum() + 1e-4), build("offset", "l1")),
    ],
)
def test_offset_losses_from_elsewhere_see_objects_only(corner_batch, theirs, ours):
    outs, targets = corner_batch()
    torch.testing.assert_close(AELoss(offset_loss=theirs)(outs, targets), AELoss(offset_loss=ours)(outs, targets))


def test_heatmap_losses_from_elsewhere_are_divided_by_corners_if_they_have_a_reduction(corner_batch):
    outs, targets = corner_batch()
    ours = AELoss(focal_loss=build("heatmap", "bce")).terms(outs, targets)["focal"]
    for reduction in ("mean", "sum", "none"):
        theirs = build("heatmap", "torch.nn.BCEWithLogitsLoss", reduction=reduction)
        torch.testing.assert_close(AELoss(focal_loss=theirs).terms(outs, targets)["focal"], ours)
    plain = AELoss(focal_loss=lambda logits, target: (logits * 0 + 7).mean())
    assert plain.terms(outs, targets)["focal"] == 14


def test_parameters_of_a_member_are_parameters_of_the_loss():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, pred, target):
            return (self.scale * (pred - target)).abs().mean()

    assert [name for name, _ in AELoss(offset_loss=Scaled()).named_parameters()] == ["offset_loss.loss.scale"]


def multiplied(tl_tag, br_tag, mask):
    """Sum of inner products, by a matrix product, which autocast would round."""
    return (tl_tag @ br_tag.transpose(1, 2)).sum()


def test_products_of_a_member_are_not_rounded_by_autocast(corner_batch):
    outs, targets = corner_batch(tag_dim=7)
    expected = sum(multiplied(outs[i + 2], outs[i + 3], None) for i in (0, 6)) / 2
    with torch.autocast("cpu", torch.bfloat16):
        got = AELoss(grouping_loss=multiplied).terms(outs, targets)
    torch.testing.assert_close(got["grouping"], expected)
    assert list(got) == ["focal", "grouping", "regr"]


def test_focal_and_bce_agree_with_torch(corner_batch):
    outs, targets = corner_batch()
    logits, target = outs[0], targets[0]
    corners = (target == 1).sum()
    for alpha, gamma in ((0.25, 2.0), (0.6, 1.5)):
        expected = sigmoid_focal_loss(logits, target, alpha, gamma, "sum") / corners
        torch.testing.assert_close(build("heatmap", "focal", alpha=alpha, gamma=gamma)(logits, target), expected)
    expected = sigmoid_focal_loss(logits, target, -1, 2, "sum") / corners
    torch.testing.assert_close(build("heatmap", "focal", alpha=None)(logits, target), expected)
    theirs = nn.BCEWithLogitsLoss(reduction="sum", pos_weight=torch.tensor(3.0))(logits, target) / corners
    torch.testing.assert_close(build("heatmap", "weighted_bce", pos_weight=3)(logits, target), theirs)
