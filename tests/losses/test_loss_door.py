"""The way from a name and arguments in a config to a loss, and every way in which it can be wrong; the door."""

import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cornernet.losses
import cornernet.ops
from cornernet.losses import ROLES, build, neg_loss
from cornernet.losses.discover import members


def test_roles_hold_what_their_folders_hold():
    bce, graded = {"bce", "weighted_bce", "balanced_bce"}, {"mal", "quality_focal", "varifocal"}
    assert ROLES["heatmap"].keys() == bce | {"neg", "focal", "quality_focal", "varifocal", "dice", "mse"}
    assert ROLES["classification"].keys() == bce | {"focal", "cross_entropy", "dice", *graded}
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
        ("heatmap", "neg", {"alpha": True}, "alpha must be float, got true"),
        ("heatmap", "neg", {"alpha": float("nan")}, "heatmap loss 'neg': alpha must be a number, got nan"),
        ("heatmap", "neg", {"beta": None}, "beta must be float, got null"),
        ("grouping", "ae", {"chunk_size": [4]}, "grouping loss 'ae': chunk_size must be float or null, got [4]"),
        ("offset", "torch.nn.HuberLoss", {"detla": 1}, "has no argument 'detla'; it takes reduction, delta"),
        ("offset", "my_losses.Own", {}, "offset loss 'my_losses.Own' refused its arguments: 'anything'"),
        ("offset", "torch.nn.HuberLoss", {"delta": "1"}, "delta must be float, got '1'"),
        ("offset", "torch.nn.HuberLos", {}, "module torch.nn has no HuberLos, did you mean HuberLoss?"),
        ("offset", "no_such_package.Loss", {}, "there is no module no_such_package on the Python path"),
        ("offset", "torch.nothing.Loss", {}, "there is no module torch.nothing on the Python path"),
        ("offset", "math.pi", {}, "offset loss 'math.pi' is a number, expected a function or a class"),
        ("offset", "my_losses.Uncallable", {}, "is a class whose objects cannot be called"),
        ("offset", "my_losses.strict", {}, "'my_losses.strict' needs the argument 'knee'; it takes knee, mode, times"),
        ("offset", "my_losses.strict", {"knee": 1, "mode": "c"}, "mode must be one of a, b, got 'c'"),
        ("offset", "my_losses.strict", {"knee": 1, "times": True}, "times must be int, got true"),
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


# --- what the door shows, and what it needs ---

ROOT = Path(__file__).resolve().parents[2]
CHECKED = """
from cornernet import losses
from cornernet.losses import AELoss, build, giou_loss, mpdiou_loss
losses.ciou_loss(1, 2, "mean", eps=1e-6, gated=True)
giou_loss(1, 2, "maen")  # wrong
mpdiou_loss(1, 2, diagonal="wide")  # wrong
losses.guio_loss(1, 2)  # wrong
"""
BLOCKED = "numpy scipy omegaconf cv2 torchvision accelerate pycocotools tqdm matplotlib tensorboard PIL yaml"
BLOCK = """
import sys
sys.path.insert(0, sys.argv[1])
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[2].split():
            raise ModuleNotFoundError(f"{name} was asked for")
sys.meta_path.insert(0, Refuse())
import importlib, torch
for name in sys.argv[3:]:
    importlib.import_module(name)
loss = importlib.import_module("cornernet.losses").build("box", "inner", base="ciou")
assert loss(torch.rand(2, 4), torch.rand(2, 4)).shape == (2,)
assert not [name for name in sys.modules if name.startswith(("cornernet.config", "cornernet.cli", "cornernet.data"))]
"""


def test_every_public_name_is_listed():
    names = {f"{name}_loss" for name in ROLES["box"]} | {"AELoss", "build", "default_weight", "neg_loss", "ROLES"}
    assert names <= set(cornernet.losses.__all__) <= set(dir(cornernet.losses))
    found = {}
    exec("from cornernet.losses import *", found)
    assert found["giou_loss"] is cornernet.losses.giou_loss and names <= set(found)


@pytest.mark.skipif(shutil.which("mypy", path=str(Path(sys.executable).parent)) is None, reason="needs mypy")
def test_a_type_checker_knows_the_box_losses(tmp_path):
    (tmp_path / "asks.py").write_text(CHECKED, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-site-packages",
        "--ignore-missing-imports",
        "--follow-imports=silent",
    ]
    command += ["--no-incremental", str(tmp_path / "asks.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}
    )
    wrong = [number for number, line in enumerate(CHECKED.splitlines(), 1) if "# wrong" in line]
    assert [int(n) for n in re.findall(r"asks.py:(\d+): error", done.stdout)] == wrong, done.stdout + done.stderr


def test_losses_and_ops_import_torch_alone():
    """What else the toolkit requires is kept from them, and no other room is entered."""
    ops = [f"cornernet.ops.{module.name}" for module in pkgutil.iter_modules(cornernet.ops.__path__)]
    command = [sys.executable, "-W", "ignore", "-c", BLOCK, str(ROOT), BLOCKED, "cornernet.losses", *ops]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
