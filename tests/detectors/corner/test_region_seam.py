"""A region stage is one file: from a folder of plug-ins by its name, and by its dotted path where that was typed."""

import os
import subprocess
import sys

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.checkpoints.load import load_detector
from cornernet.training import preflight

FILE = '''
"""The mean over the map says what every box holds."""

from torch import nn
from cornernet.structures import RegionLogits

class average(nn.Module):
    """One linear map."""

    def __init__(self, channels: int, num_classes: int, bias: bool = True):
        super().__init__()
        self.logits = nn.Linear(channels, num_classes, bias)

    def maps(self, features):
        return (features.mean((2, 3), keepdim=True),)

    def forward(self, maps, boxes):
        return RegionLogits(None, self.logits(maps[0].flatten(1))[:, None].expand(-1, boxes.shape[1], -1))
'''
USE = """
import sys
from cornernet import config, detectors
from cornernet.cli import list as command
from cornernet.profiling import random_batch
settings = config.load(sys.argv[1], ["model.region.name=average", "model.region.class_corners=false"])
terms = detectors.build(settings, 3)(random_batch(settings))
print(type(detectors.build(settings, 3).network.regions[0]).__name__, *terms)
command.main("regions", "average", None)
"""
DOTTED = "model.region.name=own_region.average"


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A folder of the user's on the Python path with one file."""
    (tmp_path / "own_region.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_region", None)


@pytest.mark.slow
def test_one_file_serves_by_its_name_and_nothing_else_is_touched(tiny, tmp_path):
    folder = tmp_path / "mine" / "detectors" / "corner" / "region"
    folder.mkdir(parents=True)
    (folder / "average.py").write_text(FILE, encoding="utf-8")
    environment = {**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")}
    done = subprocess.run([sys.executable, "-c", USE, tiny], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    first, _, *rest = done.stdout.splitlines()
    assert first.startswith("average heatmap") and "classification" in first and "total" in first
    assert any("average.py" in row for row in rest) and "bias true" in done.stdout


@pytest.fixture
def held(own_file, tiny):
    """Checkpoint of a detector whose region stage is the user's, by its dotted path."""
    settings = config.load(tiny, [DOTTED, "model.backbone.stacks=1", "model.region.args.bias=false"])
    detector, path = detectors.build(settings, 3), own_file / "last.pt"
    said = {"model": detector.state_dict(), "config": config.to_dict(settings), "class_names": list("abc"), "step": 1}
    checkpoint.save({**said, "category_ids": [1, 2, 3]}, path)
    sys.modules.pop("own_region")
    return path


def test_a_checkpoint_that_names_a_path_looks_nothing_up_until_it_is_typed_again(held):
    with pytest.raises(ValueError, match=r"code from elsewhere; if you trust it, say so: model\.region\.name=own_reg"):
        load_detector(held)
    with pytest.raises(ValueError, match=r"region stage 'own_region\.average' is code from elsewhere, and is only"):
        detectors.build(config.from_container(checkpoint.load(held)["config"]), 3)
    assert "own_region" not in sys.modules
    detector, settings, _ = load_detector(held, [DOTTED])
    assert type(detector.network.regions[0]).__name__ == "average" and settings.model.region.args == {"bias": False}
    assert detector.predict(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).boxes.shape[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.region.args.bais=true"], "has no argument 'bais'; .*did you mean bias"),
        (["model.region.args.bias=7.5"], "bias must be bool, got 7.5"),
        (["model.region.name=own_region.avarage"], "module own_region has no avarage, did you mean average"),
    ],
)
def test_what_is_wrong_is_a_sentence(own_file, tiny, words, message):
    with pytest.raises(ValueError, match=message):
        detectors.build(config.load(tiny, [DOTTED, *words]), 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("average(nn.Module)", "average"), "region stage 'own_region.average' must derive from torch.nn.Module"),
        (("def maps", "def mops"), "region stage 'own_region.average' lacks maps: see cornernet."),
        (("class average(nn.Module)", "def average(x)"), "region stage 'own_region.average' must be a class, got f"),
        (("def forward", "def foreward"), f"{DOTTED} does not work on a small batch: NotImplementedError"),
        (("features.mean((2, 3)", "features.mean((2, 4)"), f"{DOTTED} does not work on a small batch: IndexError"),
    ],
)
def test_what_is_no_region_stage_is_a_sentence_before_data_is_read(own_file, tiny, words, message):
    (own_file / "own_region.py").write_text(FILE.replace(*words), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        preflight.check(config.load(tiny, [DOTTED]))
    assert str(error.value).startswith(message)
