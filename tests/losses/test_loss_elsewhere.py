"""Members from elsewhere inside AELoss: torch's losses, users' own, those that want the corner points."""

import csv
import functools
import sys

import pytest
import torch
from torch import nn
from torchvision.ops import sigmoid_focal_loss

from cornernet import config
from cornernet.losses import ROLES, AELoss, build
from cornernet.training import engine


def with_points(tl_tag, br_tag, mask, *, tl_point, br_point, factor=1.0):
    return {"far": factor * ((tl_point - br_point).abs().sum(-1) * mask).sum(), "tags": tl_tag.sum()}


def test_a_grouping_loss_gets_the_points_it_names(corner_batch):
    outs, targets = corner_batch()
    loss = AELoss(grouping_loss=functools.partial(with_points, factor=3.0), grouping_weight=0.5)
    points = torch.zeros(2, 5, 2), torch.ones(2, 5, 2)
    terms = loss.terms(outs, targets, points=points)
    assert list(terms) == ["heatmap", "far", "tags", "offset"] and terms["far"] == 3 * 2 * 4
    expected = terms["heatmap"] + 0.5 * terms["far"] + 0.5 * terms["tags"] + terms["offset"]
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
    ours = AELoss(focal_loss=build("heatmap", "bce")).terms(outs, targets)["heatmap"]
    for reduction in ("mean", "sum", "none"):
        theirs = build("heatmap", "torch.nn.BCEWithLogitsLoss", reduction=reduction)
        torch.testing.assert_close(AELoss(focal_loss=theirs).terms(outs, targets)["heatmap"], ours)
    plain = AELoss(focal_loss=lambda logits, target: (logits * 0 + 7).mean())
    assert plain.terms(outs, targets)["heatmap"] == 14


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
    assert list(got) == ["heatmap", "grouping", "offset"]


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


OWN = {
    "heatmap": ("((logits.sigmoid() - target) ** 2).mean()", "logits, target"),
    "grouping": ("{'apart': ((tl_tag - br_tag) ** 2).mean(-1).mul(mask).sum()}", "tl_tag, br_tag, mask"),
    "offset": ("(pred - target).abs().mul(mask[..., None]).sum()", "pred, target, mask"),
    "box": ("(boxes1 - boxes2).abs().sum(1)", "boxes1, boxes2"),
    "classification": ("logits.logsumexp(1) * (labels >= 0)", "logits, labels"),
    "feature": ("(embeddings ** 2).sum(1).mul(labels >= 0).mean() / num_classes", "embeddings, labels, num_classes"),
}


@pytest.fixture
def own_losses(tmp_path, monkeypatch):
    """A user's module with one loss a role, named after it."""
    functions = [f"def {role}({call}, factor=1.0):\n    value = {body}\n    "
                 "return {k: factor * v for k, v in value.items()} if isinstance(value, dict) else factor * value\n"
                 for role, (body, call) in OWN.items()]  # fmt: skip
    (tmp_path / "own_losses.py").write_text("\n\n".join(functions), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_losses", None)


@pytest.mark.parametrize("role", OWN)
def test_a_users_own_loss_is_built_by_its_path_in_every_role(own_losses, role):
    assert OWN.keys() == ROLES.keys()
    tensors = {
        "heatmap": (torch.randn(1, 2, 3, 3), torch.rand(1, 2, 3, 3)),
        "grouping": (torch.randn(1, 4, 2), torch.randn(1, 4, 2), torch.ones(1, 4)),
        "offset": (torch.randn(1, 4, 2), torch.randn(1, 4, 2), torch.ones(1, 4)),
        "box": (torch.rand(5, 4), torch.rand(5, 4)),
        "classification": (torch.randn(5, 3), torch.tensor([0, 1, 3, -1, 2])),
        "feature": (torch.randn(5, 3), torch.tensor([0, 1, 2, -1, 2])),
    }[role]
    given = {"num_classes": 3, "dim": 3}
    once, twice = (build(role, f"own_losses.{role}", given=given, factor=f)(*tensors) for f in (1.0, 2.0))
    for value, double in zip(*((x.values() if isinstance(x, dict) else [x]) for x in (once, twice)), strict=True):
        torch.testing.assert_close(double, 2 * value)
    with pytest.raises(ValueError, match=f"{role} loss 'own_losses.{role}' has no argument 'fcator'; it takes factor"):
        build(role, f"own_losses.{role}", given=given, fcator=1.0)


@pytest.mark.parametrize("role", ["heatmap", "grouping", "offset", "feature"])
def test_a_users_own_loss_trains_the_corner_detector(own_losses, tiny, tmp_path, role):
    overrides = [f"loss.{role}.name=own_losses.{role}", f"loss.{role}.args.factor=2.0", f"work_dir={tmp_path / 'run'}"]
    engine.train(config.load(tiny, [*overrides, "train.steps=2", "train.eval_every=0"]))
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    term = {"heatmap": "heatmap", "grouping": "apart", "offset": "offset"}.get(role, role)
    assert float(last[term]) > 0


@pytest.mark.parametrize("wrapper", ["inner", "focaler"])
def test_a_wrapper_goes_around_a_users_own_box_loss(own_losses, wrapper):
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 1, 4, 4]])
    loss = build("box", wrapper, base="own_losses.box", base_args={"factor": 3.0})
    torch.testing.assert_close(loss(boxes, boxes), torch.zeros(2), rtol=0, atol=1e-5)
    assert (loss(boxes, boxes + 1) > 3 * 4 - 0.1).all()
