"""A loss that makes no sense in its role is told so; members of the package, and torch's that make sense, are not."""

import warnings

import pytest
import torch

from cornernet.losses import ROLES, build, trial

MEMBERS = [(role, name, classes) for role in ROLES for name in ROLES[role] for classes in (1, 2)]
MEMBERS = [m for m in MEMBERS if m[2] == 2 or m[0] == "classification"]  # one class: of the place `pair`
TORCH = [name for name in dir(torch.nn) if name.endswith("Loss")]
DISTANCES = {"L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"}
FIT = {  # of all losses that torch has, with or without a reduction
    "heatmap": DISTANCES | {"BCEWithLogitsLoss", "MultiLabelSoftMarginLoss"}, "offset": DISTANCES, "box": DISTANCES,
    "classification": set(), "grouping": set(), "feature": set(),
}  # fmt: skip


def why_not(role, loss, classes=2):
    """What is said of a loss, be it found by its values or raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broadcasting, which is what is to be found
            return trial.unfit(role, loss, classes, 4 if role == "feature" else 2)
    except Exception as error:
        return trial.raised(role, error)


@pytest.mark.parametrize(("role", "name", "classes"), MEMBERS)
def test_every_loss_of_the_package_makes_sense(role, name, classes):
    given = {"num_classes": classes, "dim": 4, "image_size": (64, 64), "progress": torch.zeros(())}
    assert why_not(role, build(role, name, given=given), classes) == ""


@pytest.mark.parametrize(("role", "name", "classes"), MEMBERS)
def test_a_trial_warns_of_nothing(role, name, classes):
    """Neither where the loss has weights of its own, so that all it gives has a gradient."""
    given = {"num_classes": classes, "dim": 4, "image_size": (64, 64), "progress": torch.zeros(())}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trial.unfit(role, build(role, name, given=given), classes, 4 if role == "feature" else 2)
    assert said == []


@pytest.mark.parametrize("role", FIT)
def test_of_torchs_losses_those_alone_that_make_sense_are_taken(role):
    taken = set()
    for name in TORCH:
        for reduction in ({}, {"reduction": "none"}):
            try:
                loss = build(role, f"torch.nn.{name}", **reduction)
            except ValueError:  # it has to be made with more than that
                continue
            reasons = [why_not(role, loss, classes) for classes in ((1, 2) if role == "classification" else (2,))]
            assert all("\n" not in reason for reason in reasons)
            taken |= {name} if "" in reasons else set()
    assert taken == FIT[role]


CASES = [
    ("heatmap", lambda x, y: ((x > 0) == (y > 0)).float().mean(), "a corner that is missed costs no more than"),
    ("heatmap", lambda x, y: (x.detach().sigmoid() - y).square().sum(), "it has no gradient"),
    ("heatmap", lambda x, y: (x.sigmoid() - y).square(), "must give one number, got a tensor of shape [2, 2, 5, 6]"),
    ("offset", lambda x, y, mask: (x - y).square().sum(), "slots without an object count"),
    ("offset", lambda x, y, mask: ((x - y).square() * mask[..., None]).sum() / 0, "a wrong offset costs no more"),
    ("box", lambda a, b: (a - b).square().sum(1).detach(), "it has no gradient"),
    ("box", lambda a, b: 1 - (a - b).square().sum(1), "a wrong box costs no more than the true one (0 beside 5)"),
    ("box", lambda a, b: (a[:, None] - b).square().sum(2), "[5] or [5, 4] of 5 rows, got [5, 5]"),
    ("classification", lambda x, y: (x[:, :1] - y).abs(), "[7] or [7, 2] of 7 rows, got [7, 7]"),
    ("classification", lambda x, y: x.softmax(1)[range(7), y.clamp(0, 1)] * (y >= 0), "a wrong class costs less"),
    ("classification", lambda x, y: (1 + x).square().sum(1), "rows labelled -1, which are to be ignored, count"),
    ("classification", torch.nn.CrossEntropyLoss(reduction="none"), "is out of bounds; its labels are classes"),
    ("feature", lambda x, y: (0 * x).sum(), "it has no gradient"),
    ("grouping", lambda a, b, mask: {"x": -((a - b).square() * mask[..., None]).sum()}, "corners of two objects"),
    ("grouping", lambda a, b, mask: (a - b).square().sum() + a.sum(), "slots without an object count"),
    ("feature", torch.nn.CrossEntropyLoss(), "is out of bounds; its labels are classes"),
    ("feature", torch.nn.CrossEntropyLoss(ignore_index=-1), "must be finite in a batch without objects, got nan"),
    ("feature", lambda x, y: x.square().mean() + (1 + x[4]).sum(), "rows labelled -1, which hold nothing, count"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "loss", "reason"), CASES)
def test_what_makes_no_sense_is_told(role, loss, reason):
    assert reason in why_not(role, loss)


def test_a_gradient_that_is_not_finite_is_told():
    class Steep(torch.autograd.Function):
        """A square whose gradient is wrong."""

        @staticmethod
        def forward(ctx, x):
            return x.square()

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.nan

    assert why_not("box", lambda a, b: Steep.apply(a - b).sum(1)) == "its gradient is not finite"
