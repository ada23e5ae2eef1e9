"""The way from a name and arguments in a config to a loss, and every way in which it can be wrong."""

import sys

import pytest
import torch

import cornernet.losses
from cornernet.losses import ROLES, build, neg_loss
from cornernet.losses.discover import members


def test_roles_hold_what_their_folders_hold():
    bce = {"bce", "weighted_bce", "balanced_bce"}
    assert ROLES["heatmap"].keys() == bce | {"neg", "focal", "quality_focal", "varifocal", "dice", "mse"}
    assert ROLES["classification"].keys() == bce | {"focal", "cross_entropy", "dice"}
    assert ROLES["grouping"]["ae"].__module__ == "cornernet.losses.grouping.ae"
    assert all(f.__name__ == name and f.__doc__ for losses in ROLES.values() for name, f in losses.items())
    assert ROLES["heatmap"]["neg"] is neg_loss and callable(cornernet.losses.build)


def test_arguments_are_bound():
    logits, target = torch.randn(1, 1, 3, 3) * 9, torch.rand(1, 1, 3, 3)
    assert build("heatmap", "neg", clamp=None, alpha=1)(logits, target) == neg_loss(logits, target, 1.0, clamp=None)
    assert isinstance(build("offset", "torch.nn.HuberLoss", delta=2), torch.nn.HuberLoss)
    assert build("offset", "torch.nn.functional.huber_loss", delta=2.0).keywords == {"delta": 2.0}


@pytest.mark.parametrize(
    ("role", "name", "args", "message"),
    [
        ("heat", "neg", {}, "there is no role 'heat' for a loss; there are heatmap, grouping, offset, box"),
        ("heatmap", "nge", {}, "unknown heatmap loss 'nge', did you mean neg? Choose from balanced_bce, bce,"),
        ("offset", "zzz", {}, "unknown offset loss 'zzz'. Choose from l1, mse, smooth_l1, or give the dotted path"),
        ("offset", None, {}, "offset loss: the name must be a string, got None"),
        ("heatmap", "neg", {"clmp": 1}, "heatmap loss 'neg' has no argument 'clmp'; it takes alpha, beta, clamp"),
        ("heatmap", "neg", {"target": 1}, "heatmap loss 'neg' has no argument 'target'; it takes alpha, beta, clamp"),
        ("heatmap", "bce", {"x": 1}, "heatmap loss 'bce' has no argument 'x'; it takes none"),
        ("heatmap", "neg", {"alpha": "2"}, "heatmap loss 'neg': alpha must be float, got '2'"),
        ("heatmap", "neg", {"alpha": True}, "alpha must be float, got True"),
        ("heatmap", "neg", {"beta": None}, "beta must be float, got None"),
        ("grouping", "ae", {"chunk_size": [4]}, "grouping loss 'ae': chunk_size must be float or null, got [4]"),
        ("offset", "torch.nn.HuberLoss", {"detla": 1}, "has no argument 'detla'; it takes reduction, delta"),
        ("offset", "my_losses.Own", {}, "offset loss 'my_losses.Own' refused its arguments: 'anything'"),
        ("offset", "torch.nn.HuberLoss", {"delta": "1"}, "delta must be float, got '1'"),
        ("offset", "torch.nn.HuberLos", {}, "module torch.nn has no HuberLos, did you mean HuberLoss?"),
        ("offset", "no_such_package.Loss", {}, "there is no module no_such_package on the Python path"),
        ("offset", "torch.nothing.Loss", {}, "there is no module torch.nothing on the Python path"),
        ("offset", "math.pi", {}, "offset loss 'math.pi' is a float, expected a function or a class"),
        ("offset", "my_losses.Uncallable", {}, "is a class whose objects cannot be called"),
        ("offset", "my_losses.strict", {}, "'my_losses.strict' needs the argument 'knee'; it takes knee, mode, times"),
        ("offset", "my_losses.strict", {"knee": 1, "mode": "c"}, "mode must be one of a, b, got 'c'"),
        ("offset", "my_losses.strict", {"knee": 1, "times": True}, "times must be int, got True"),
        ("offset", "my_losses.strict", {"knee": 1, "times": 1.5}, "times must be int, got 1.5"),
        ("offset", "my_broken.loss", {}, "importing my_broken failed with ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_are_one_sentence(my_losses, role, name, args, message):
    with pytest.raises(ValueError) as error:
        build(role, name, **args)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_own_losses_by_dotted_path(my_losses):
    pred, target, mask = torch.ones(1, 2, 2), torch.zeros(1, 2, 2), torch.ones(1, 2)
    assert build("offset", "my_losses.strict", knee=2, mode="b")(pred, target, mask) == 2
    assert build("offset", "my_losses.Own", anything=3)(pred, target, mask) == 3


@pytest.fixture
def my_losses(tmp_path, monkeypatch):
    """Two modules of a user: one with losses of every kind, one that cannot be imported."""
    (tmp_path / "my_broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "my_losses.py").write_text(
        """
from typing import Literal

class Uncallable:
    pass

class Own:
    def __init__(self, **options):
        self.value = options["anything"]

    def __call__(self, pred, target, mask):
        return self.value

def strict(pred, target, mask, knee: float, mode: Literal["a", "b"] = "a", times: int = 1):
    return knee
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_losses", None)


def test_a_file_without_its_loss_is_refused(tmp_path, monkeypatch):
    (tmp_path / "role_of_mine").mkdir()
    (tmp_path / "role_of_mine" / "__init__.py").touch()
    (tmp_path / "role_of_mine" / "huber.py").write_text("def hubre(): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"role_of_mine/huber.py must define huber"):
        members("role_of_mine", [str(tmp_path / "role_of_mine")])
