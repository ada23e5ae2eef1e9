"""A detector is one file: docs/centre_detector.py by its name, in a folder of plug-ins, and by its dotted path."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.checkpoints.load import load_detector
from cornernet.detectors import detector as contract
from cornernet.errors import BadPlugin
from cornernet.losses import ROLES, role_of
from cornernet.training import engine, preflight

FILE = Path(__file__).resolve().parents[2] / "docs" / "centre_detector.py"
OWN = "model: {detector: NAME, args: {width: 8}, backbone: {stacks: 2}}\nloss: {heatmap: {name: focal}}\n"
SHORT = ["train.steps=2", "train.save_every=2", "train.eval_every=0"]


def config_file(folder, tiny, name):
    """Config of a run of the detector, in a folder."""
    path = folder / "own.yaml"
    path.write_text(f"base: {tiny}\n{OWN.replace('NAME', name)}")
    return path


# -- by its name --------------------------------------------------------------------------------------------------

USE = """
import json, sys
from pathlib import Path
import numpy as np
from cornernet import drawing, evaluate, Predictor, train
from cornernet.checkpoints import checkpoint
from cornernet.evaluation.diagnosis import diagnose_checkpoint
from cornernet.export.export import export
from cornernet.training import show_data

drawing.curves = lambda folder, *texts: None  # which take longer than a step
source, folder = sys.argv[1:]
word, best, last = [f"work_dir={folder}/run", "train.save_every=2"], f"{folder}/run/best.pt", f"{folder}/run/last.pt"
train(source, [*word, "train.steps=2"])
train(source, [*word, "train.steps=3", "train.resume=auto"])
said = {"step": checkpoint.load(last)["step"], "images": evaluate(best, out=f"{folder}/scored").images}
image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
fixed = ["data.longest_side=64", "test.nms.min_score=0"]
said["predicted"] = [len(r.boxes) for r in Predictor.load(best, "cpu", fixed)(image)]
try:
    diagnose_checkpoint(best)
except ValueError as error:
    said["diagnosis"] = str(error)
said["shown"] = show_data.show(source, [], 1, Path(folder, "shown")).objects
made = export(best, fixed)
said["rows"], said["lost"] = made.rows, made.compared.apart.lost
both = [Predictor.load(path, "cpu", fixed)(image)[0] for path in (best, made.plan.out)]
said["apart"] = float((both[0].boxes - both[1].boxes).abs().max())
print(json.dumps(said))
"""


def run(script, plugins, *words):
    environment = {**os.environ, "CORNERNET_PLUGINS": str(plugins)}
    command = [sys.executable, "-c", script, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)


def test_one_file_does_all_that_a_detector_does_and_nothing_else_is_touched(tiny, tmp_path):
    (tmp_path / "mine" / "detectors").mkdir(parents=True)
    shutil.copy(FILE, tmp_path / "mine" / "detectors" / "centre.py")
    done = run(USE, tmp_path / "mine", config_file(tmp_path, tiny, "centre"), tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["step"] == 3 and said["images"] == 2 and said["shown"] > 0
    assert said["predicted"][0] > 0 and said["diagnosis"] == "CentreDetector offers no diagnosis (oracle)"
    assert said["rows"] == 20 and said["lost"] == 0 and said["apart"] < 1e-3
    with pytest.raises(ValueError, match=r"best\.pt: unknown detector 'centre'\. Choose from anchor, corner, .*CORNER"):
        load_detector(tmp_path / "run" / "best.pt")


def test_a_plugin_that_is_no_detector_is_named(tmp_path, enter):
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "centre.py").write_text("ROLES = ('heatmap',)\n")
    with pytest.raises(BadPlugin, match=r"centre\.py defines no build, which a detector must"):
        enter(detectors)


# -- by its dotted path ---------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Dotted path of the file, in a folder of the user's on the Python path."""
    (tmp_path / "own_parts").mkdir()
    shutil.copy(FILE, tmp_path / "own_parts" / "centre.py")
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_parts.centre"
    for name in ("own_parts", "own_parts.centre"):
        sys.modules.pop(name, None)


def test_one_file_trains_by_its_dotted_path_where_it_is_typed(tiny, path, tmp_path):
    source, words = config_file(tmp_path, tiny, path), [f"work_dir={tmp_path}/run", *SHORT]
    engine.train(config.load(source, words))
    last = tmp_path / "run" / "last.pt"
    with pytest.raises(ValueError, match=r"holds model\.detector=own_parts\.centre, which is code from elsewhere"):
        load_detector(last)
    detector, settings, _ = load_detector(last, [f"model.detector={path}"])
    assert type(detector).__name__ == "CentreDetector" and detector.loss is None and settings.model.args == {"width": 8}
    engine.train(config.load(source, [*words, "train.resume=auto", "train.steps=3"]))
    assert checkpoint.load(last)["step"] == 3


def test_a_path_to_its_build_is_taken_too(tiny, path, tmp_path):
    settings = config.load(config_file(tmp_path, tiny, f"{path}.build"))
    assert detectors.kind(settings).__name__ == path and list(detectors.roles(settings)) == ["heatmap", "offset"]
    with pytest.raises(ValueError, match=r"own_parts\.centre.*code from elsewhere, and is only looked up where you"):
        detectors.build(config.from_container(config.to_dict(settings)), 3)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model.args.widht=8", "model.args: unknown key widht; did you mean width?"),
        ("model.args.colour=8", "model.args: unknown key colour; there are width, depth"),
        ("model.args.width=wide", "model.args: width must be a whole number, got wide"),
        ("model.args.width=0", "model.args.width must be at least 1"),
        (
            "loss.box.name=ciou",
            "loss.box.name=ciou: the own_parts.centre detector has no box loss; it has heatmap",
        ),
        ("train.gradients_every=5", "CentreNetwork does not say which of its parts all heads read"),
        ("train.gradient_checkpointing=true", "CentreNetwork does not say which of its parts can be computed twice"),
    ],
)
def test_what_is_wrong_is_said_before_any_data_is_read(tiny, path, tmp_path, word, message):
    with pytest.raises(ValueError) as error:
        preflight.check(config.load(config_file(tmp_path, tiny, path), [word]))
    assert message in str(error.value)


def test_another_detector_does_not_get_its_keys(tiny, path, tmp_path):
    source = config_file(tmp_path, tiny, path)
    assert config.load(source, ["model.args.depth=1"]).model.args == {"width": 8, "depth": 1}
    changed = config.load(source, ["model.args.radius=1", "model.detector=corner"])
    assert changed.model.args == {"radius": 1}
    with pytest.raises(ValueError, match=r"the corner detector has no keys of its own, got model\.args\.radius"):
        detectors.build(changed, 3)


# -- what every detector declares and offers --------------------------------------------------------------------------


def test_the_detectors_of_the_package():
    assert sorted(detectors.DETECTORS) == ["anchor", "corner", "points"]
    for module in detectors.DETECTORS.values():
        assert {role_of(place) for place in module.ROLES} <= set(ROLES) and module.__doc__


class Bare(contract.Detector):
    """Offers nothing of its own."""

    def __init__(self, network):
        super().__init__()
        self.network = network


@dataclass
class Needy:
    """A key that must be given."""

    width: int


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        ({"build": None}, "model.detector=odd defines no build, which a detector must"),
        ({"ROLES": ()}, r"the odd detector must declare ROLES, some of heatmap, .*, got \(\)"),
        ({"ROLES": ("heat",)}, r"the odd detector must declare ROLES, .*, got \('heat',\)"),
        ({"ROLES": "box"}, "the odd detector must declare ROLES, .*, got 'box'"),
        ({"SECTION": {"width": 3}}, r"must declare a dataclass as its SECTION, got \{'width': 3\}"),
        ({"SECTION": Needy}, "model.args: width must be given"),
        ({"build": lambda *_: torch.nn.ReLU()}, "the odd detector lacks its base class Detector, it is a ReLU"),
        ({"build": lambda *_: Bare(torch.nn.ReLU())}, "the odd detector lacks a network that is a Network"),
        (
            {"build": lambda *_: Bare(contract.Network())},
            "the odd detector lacks cell_size, describe, fit_size, forward, predict: see cornernet.detectors.detector",
        ),
    ],
)
def test_what_is_no_detector_is_a_sentence(monkeypatch, offered, message):
    module = ModuleType("odd")
    vars(module).update({"build": lambda *_: None, "ROLES": ("heatmap",), **offered})
    monkeypatch.setitem(detectors.DETECTORS, "odd", module)
    with pytest.raises(ValueError, match=message):
        detectors.build(config.override(config.Config(), ["model.detector=odd"]), 3)


def test_an_unknown_name_is_told_with_the_one_that_was_meant():
    with pytest.raises(
        ValueError, match=r"unknown detector 'cornr', did you mean corner\? Choose from anchor, corner, points"
    ):
        detectors.build(config.override(config.Config(), ["model.detector=cornr"]), 3)


def test_what_is_left_out_is_said_or_empty():
    bare = Bare(contract.Network())
    assert bare.draw_targets(None, [1, 2]) == [[], []] and bare.graph_overrides() == [] and not bare.parts
    with pytest.raises(ValueError, match=r"Bare offers no diagnosis"):
        bare.oracle(*[torch.zeros(1)] * 4)


def test_the_package_s_own_by_path_needs_no_consent():
    settings = config.from_container(
        config.to_dict(config.override(config.Config(), ["model.detector=cornernet.detectors.anchor"]))
    )
    assert not config.untyped(settings, "model")
    assert detectors.kind(settings) is detectors.DETECTORS["anchor"]
