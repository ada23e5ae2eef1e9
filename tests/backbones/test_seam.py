"""A backbone is one file that serves both detectors: by its name from a folder of plug-ins, and by its dotted path."""

import os
import re
import subprocess
import sys

import pytest
import torch

from cornernet import config, detectors
from cornernet.backbones import BACKBONES, Backbone, build
from cornernet.backbones.building import members
from cornernet.checkpoints import checkpoint
from cornernet.checkpoints.load import load_detector
from cornernet.config import Backbone as Settings
from cornernet.training import engine

FILE = '''
"""Three strided convolutions."""

from torch import nn
from cornernet.backbones import Backbone

class plain(Backbone):
    """Levels of stride 4, 8 and 16."""

    strides, multiple = (4, 8, 16), 16

    def __init__(self, width: int = 8, bias: bool = True):
        super().__init__()
        self.channels = [width, width + 2, width + 4]
        ends = zip([3, *self.channels], self.channels, (4, 2, 2))
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 3, stride, padding=1, bias=bias) for a, b, stride in ends)

    def segments(self):
        return list(self.steps)

    def keep(self, first, last):
        del self.steps[last + 1 :]

    def forward(self, images):
        levels = [images]
        for step in self.steps:
            levels.append(step(levels[-1]).relu())
        return [levels[1:]]
'''
SHORT = [
    "train.steps=2",
    "data.shapes.train_images=4",
    "data.shapes.val_images=1",
    "train.save_every=2",
    "train.eval_every=0",
]
STEP = ["model.backbone.args.width=6", "model.backbone.stride=8", "train.gradient_checkpointing=true"]
TRAIN = """
import sys
from cornernet import checkpoints, config, drawing
from cornernet.training import engine
drawing.curves = lambda folder, *texts: None  # which take longer than a step
for source in sys.argv[1:3]:
    folder = f"{sys.argv[3]}/{config.load(source).model.detector}"
    engine.train(config.load(source, [*sys.argv[4:], f"work_dir={folder}"]))
    network = checkpoints.load.load_detector(folder + "/last.pt")[0].network
    print(type(network.backbone.body).__name__, network.backbone.strides[0])
"""


def words(name):
    return [f"model.backbone.name={name}", *STEP]


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A folder of the user's on the Python path with one file."""
    (tmp_path / "own_plain.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_plain", None)


def test_one_file_trains_both_detectors_by_its_name_and_nothing_else_is_touched(tiny, tiny_anchor, tmp_path):
    (tmp_path / "mine" / "backbones").mkdir(parents=True)
    (tmp_path / "mine" / "backbones" / "plain.py").write_text(FILE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, tiny, tiny_anchor, tmp_path, *words("plain"), *SHORT],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.findall("^plain .*", done.stdout, re.MULTILINE) == ["plain 8", "plain 4"]


@pytest.mark.parametrize("kind", ["tiny", "tiny_anchor"])
def test_it_trains_by_its_dotted_path_and_a_checkpoint_loads_where_that_is_typed_again(own_file, kind, request):
    given = words("own_plain.plain")
    engine.train(config.load(request.getfixturevalue(kind), [*given, *SHORT, f"work_dir={own_file / kind}"]))
    with pytest.raises(ValueError, match=r"code from elsewhere; if you .*: model\.backbone\.name=own_plain"):
        load_detector(own_file / kind / "last.pt")
    detector, _, _ = load_detector(own_file / kind / "last.pt", [given[0]])
    assert type(detector.network.backbone.body) is sys.modules["own_plain"].plain
    assert detector.cell_size() == (8 if kind == "tiny" else 4)


def test_nobody_imports_a_path_that_was_not_typed(own_file):
    with pytest.raises(ValueError, match=r"backbone 'own_plain\.plain' is code from elsewhere"):
        build(Settings("own_plain.plain"))
    assert "own_plain" not in sys.modules


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "model.backbone.name=resnet19",
            r"^unknown backbone 'resnet19', did you mean resnet18\? Choose from ",
        ),
        ("model.backbone.name=time/regnet", r"^unknown backbone 'time/regnet'"),
        (
            "model.backbone.args.widht=6",
            r"'own_plain\.plain' has no argument 'widht'; .*did you mean width\?$",
        ),
        ("model.backbone.args.width=wide", r"^backbone 'own_plain\.plain': width must be int, got 'wide'$"),
        ("model.backbone.stride=16", None),
        ("model.backbone.stride=2", r"stride=2 asks for .*, and the backbone offers strides 4, 8, 16$"),
        (
            "model.backbone.weights=w.pth",
            r"w\.pth does not go with model\.backbone\.name=own_plain\.plain",
        ),
        ("model.backbone.name=own_plain.nn", r"backbone 'own_plain\.nn' is a module, expected a function or a class"),
        (
            "model.backbone.name=torch.nn.Identity",
            r"'torch\.nn\.Identity' makes a Identity, expected a cornernet",
        ),
        ("data.input_size=[60,56]", r"data\.input_size \[60, 56\] does not suit"),
    ],
)
def test_what_is_wrong_is_a_sentence_before_any_data_is_read(own_file, tiny, given, message):
    settings = config.load(tiny, ["model.backbone.name=own_plain.plain", given])
    if message is None:
        assert detectors.build(settings, 3).cell_size() == 16
        return
    with pytest.raises(ValueError, match=message) as error:
        detectors.build(settings, 3)
    assert "\n" not in str(error.value)


def test_a_backbone_takes_its_typed_keys_from_them_alone(tiny):
    with pytest.raises(ValueError, match=r"'hourglass' has its stacks from model\.backbone\.stacks, not from"):
        detectors.build(config.load(tiny, ["model.backbone.args.stacks=3"]), 3)
    changed = config.load(tiny, ["model.backbone.args.width=3", "model.backbone.name=resnet18"])
    assert changed.model.backbone.args == {"width": 3}  # typed together, in any order
    assert config.override(changed, ["model.backbone.name=hourglass"]).model.backbone.args == {}


class Declared(Backbone):
    """Whatever is declared."""

    def __init__(self, **declared):
        super().__init__()
        vars(self).update(declared)

    def forward(self, images):
        return [[images]]

    def segments(self):
        return []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"strides": [4], "channels": [3]}, "has no multiple; see cornernet.backbones.Backbone"),
        (
            {"strides": [4, 16], "channels": [3, 3], "multiple": 4},
            r"of strides \[4, 16\] and channels \[3, 3\]",
        ),
        ({"strides": [3, 6], "channels": [3, 3], "multiple": 4}, "powers of two, each twice the one before"),
        ({"strides": [4, 8], "channels": [3], "multiple": 4}, "expected as many of both"),
        ({"strides": [], "channels": [], "multiple": 4}, "expected as many of both"),
    ],
)
def test_what_an_instance_must_offer(args, message):
    with pytest.raises(ValueError, match=message):
        build(Settings(f"{__name__}.Declared", args=args), typed=True)


def test_a_file_without_what_it_is_named_after_fails_with_its_name(tmp_path, monkeypatch):
    (tmp_path / "some_backbones").mkdir()
    (tmp_path / "some_backbones" / "wide.py").write_text("def narrow(): ...", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"wide\.py must define wide, a function or class that makes the backbone"):
        members("some_backbones", [str(tmp_path / "some_backbones")], ())


# --- what ships ---


@pytest.mark.parametrize("name", [name.replace("timm", "timm/mobilenetv3_small_100") for name in BACKBONES])
def test_what_an_instance_declares_is_what_it_gives(name):
    if "/" in name:
        pytest.importorskip("timm")
    made = build(Settings(name, stem_channels=4, channels=[4, 6, 8], blocks=[1, 1, 1])).eval()
    height, width = made.multiple * 2 - 3, made.multiple
    with torch.no_grad():
        found = made(torch.rand(1, 3, height, width))
    assert len(found) == made.stacks and len(made.segments()) > 3
    for levels in found:
        shapes = [(1, c, -(-height // s), width // s) for c, s in zip(made.channels, made.strides, strict=True)]
        assert [tuple(level.shape) for level in levels] == shapes


def test_a_checkpoint_whose_plugin_is_not_here_is_named_with_where_to_find_more(tiny, tmp_path):
    engine.train(config.load(tiny, [f"work_dir={tmp_path}", "train.steps=0", "train.eval_every=0"]))
    held = checkpoint.load(tmp_path / "last.pt")
    held["config"]["model"]["backbone"]["name"] = "absent"
    checkpoint.save(held, tmp_path / "last.pt")
    with pytest.raises(
        ValueError, match=r"^\S*last\.pt: unknown backbone 'absent'\. Choose .*; CORNERNET_PLUGINS names"
    ):
        load_detector(tmp_path / "last.pt")
    held["config"]["train"]["callbacks"] = 3
    checkpoint.save(held, tmp_path / "last.pt")
    with pytest.raises(ValueError, match=r"^\S*last\.pt: the saved config: train\.callbacks"):
        load_detector(tmp_path / "last.pt")
