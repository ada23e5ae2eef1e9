"""The public door: what `import cornernet` offers, and what it costs."""

import inspect
import subprocess
import sys

import pytest

import cornernet
from cornernet import config
from cornernet.evaluation.metrics import Metrics

NAMES = {"Predictor", "train", "evaluate", "config", "detectors", "losses", "ops"}


def test_everything_is_listed_and_documented():
    assert NAMES < set(dir(cornernet)) and NAMES | {"__version__"} == set(cornernet.__all__)
    for name in NAMES:
        assert inspect.getdoc(getattr(cornernet, name)), name
    assert cornernet.losses.build("box", "giou") and cornernet.losses.giou_loss
    with pytest.raises(AttributeError, match="'cornernet' has no attribute 'trian'"):
        _ = cornernet.trian


def test_a_room_is_imported_when_it_is_asked_for():
    code = "import sys, cornernet; dir(cornernet); assert 'omegaconf' not in sys.modules\n"
    code += "cornernet.config.load('shapes')\n"
    code += "assert 'torch' not in sys.modules; cornernet.losses.giou_loss, cornernet.ops, cornernet.detectors.build\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_editors_see_what_is_imported_late():
    source = inspect.getsource(cornernet).partition("if TYPE_CHECKING:")[2].partition("\n\n\n")[0]
    assert all(name in source for name in NAMES - {"train", "evaluate"})


def test_training_and_scoring_give_figures(tiny, tmp_path, capfd):
    given = config.load(tiny, ["train.steps=1"])
    figures = cornernet.train(given, [f"work_dir={tmp_path / 'run'}"])
    assert {"AP", "AP50"} <= figures.keys() and given.work_dir == ""
    capfd.readouterr()
    metrics = cornernet.evaluate(tmp_path / "run" / "last.pt", ["data.shapes.val_images=3"], out=tmp_path / "scored")
    assert isinstance(metrics, Metrics) and metrics.images == 3 and (tmp_path / "scored" / "metrics.json").is_file()
    assert capfd.readouterr().out == ""


def test_a_config_is_given_by_its_path_or_name_too(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cornernet.train(tiny, ["train.steps=0"])
    cornernet.train(config.load(tiny), ["train.steps=0"], name="mine")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mine", "tiny"]
    with pytest.raises(FileNotFoundError, match="did you mean shapes"):
        cornernet.train("shaps")
    with pytest.raises(ValueError, match=r"did you mean train\.steps"):
        cornernet.train("shapes", ["train.step=1"])
