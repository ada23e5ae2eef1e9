"""A callback is one file: told at four moments, by its name and by its dotted path, and never the end of a run."""

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from cornernet import config
from cornernet.config import from_container, override, to_dict
from cornernet.errors import Interrupted
from cornernet.evaluation.evaluated import nothing
from cornernet.training import engine, loop
from cornernet.training.callbacks import CALLBACKS, MOMENTS
from cornernet.training.telling import Callbacks, ending, makers

FILE = '''"""Notes what it is told."""

import json


class notes:
    def __init__(self):
        self.told = []

    def run_started(self, config, folder):
        self.told.append(["started", config["train"]["steps"], folder.name, (folder / "config.yaml").is_file()])
        self.folder = folder

    def step_logged(self, step, figures):
        self.told.append(["step", step, sorted(figures)])

    def evaluation_done(self, step, metrics, folder):
        here = [(folder / name).is_file() for name in ("metrics.json", "last.pt", "best.pt")]
        self.told.append(["evaluation", step, sorted(metrics)[:3], here])

    def run_ended(self, state):
        self.told.append(["ended", state])
        (self.folder / "told.json").write_text(json.dumps(self.told))
'''
FIGURES = ["heatmap", "images_per_s", "lr", "memory_mib", "offset", "pull", "push", "total"]
TOLD = [
    ["started", 2, "run", True],
    ["step", 1, FIGURES],
    ["step", 2, FIGURES],
    ["evaluation", 2, ["AP", "AP50", "AP50_any_class"], [True, True, True]],
    ["ended", "finished"],
]
SHORT = ["train.steps=2", "data.shapes.train_images=4", "data.shapes.val_images=1"]


@pytest.mark.slow
def test_one_file_is_told_by_its_dotted_path(tiny, tmp_path, monkeypatch):
    (tmp_path / "notes.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    named = "train.callbacks=[notes.notes,json_lines]"
    engine.train(config.load(tiny, [*SHORT, named, f"work_dir={tmp_path / 'run'}"]))
    assert json.loads((tmp_path / "run" / "told.json").read_text()) == TOLD
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [x["event"] for x in events] == ["started", "step", "step", "evaluation", "ended"]
    assert events[2]["step"] == 2 and events[2]["total"] > 0 and events[3]["AP"] >= -1
    assert events[-1]["state"] == "finished" and events[0]["time"] <= events[-1]["time"]
    # the run goes on without them, and a checkpoint's own are not looked up
    engine.train(config.load(tiny, [*SHORT, "train.steps=3", "train.resume=auto", f"work_dir={tmp_path / 'run'}"]))
    assert json.loads((tmp_path / "run" / "told.json").read_text()) == TOLD


def test_one_file_is_told_by_its_name_and_nothing_else_is_touched(tiny, tmp_path):
    (tmp_path / "mine" / "training" / "callbacks").mkdir(parents=True)
    (tmp_path / "mine" / "training" / "callbacks" / "notes.py").write_text(FILE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "cornernet", "train", str(tiny), *SHORT, "train.callbacks=[notes]",
         f"work_dir={tmp_path / 'run'}"],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "told.json").read_text()) == TOLD


class Failing:
    """Raises at a moment, and notes the others."""

    def __init__(self, moment):
        self.moment, self.told = moment, []
        for each in MOMENTS:
            setattr(self, each, lambda *what, each=each: self._told(each, what))

    def _told(self, moment, what):
        self.told.append(moment)
        if moment == self.moment:
            raise OSError("no network\nat all")
        for given in what:
            if isinstance(given, dict):
                given["total"] = "changed"


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_that_fails_is_dropped_and_the_others_are_told(moment, caplog, tmp_path):
    bad, good, figures = Failing(moment), Failing(None), {"total": 1.0}
    with Callbacks({"bad": lambda: bad, "good": lambda: good}) as callbacks:
        callbacks.start(config.Config(), tmp_path)
        callbacks.tell("step_logged", 1, figures)
        callbacks.tell("evaluation_done", 1, figures, tmp_path)
    assert tuple(good.told) == MOMENTS and tuple(bad.told) == MOMENTS[: MOMENTS.index(moment) + 1]
    said = f"callback bad failed at {moment} with OSError: no network at all; it is called no more, the run goes on"
    assert [x.message for x in caplog.records] == [
        said, "callbacks that failed on the way and were not told the rest: bad",
    ]  # fmt: skip
    assert figures == {"total": 1.0}


def test_one_that_cannot_be_made_is_dropped(caplog, tmp_path):
    with Callbacks({"a": lambda: 1 / 0, "b": object}) as callbacks:
        callbacks.start(config.Config(), tmp_path)
        assert callbacks.callbacks == {}
    assert "callback a failed at start with ZeroDivisionError" in caplog.text
    assert "callback b failed at start with ValueError: it has none of the methods run_started, step" in caplog.text


def test_how_a_run_ended():
    assert ending(None) == "finished" and ending(FloatingPointError()) == "failed"
    assert ending(Interrupted(2, "stopped")) == ending(KeyboardInterrupt()) == "interrupted"
    told = []
    one = SimpleNamespace(run_ended=told.append)
    with pytest.raises(Interrupted), Callbacks({"one": lambda: one}) as callbacks:
        callbacks.start(config.Config(), None)
        raise Interrupted(15, "stopped at step 1")
    assert told == ["interrupted"]


def test_a_run_that_fails_tells_so(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(loop, "_step", lambda *_: 1 / 0)
    words = [*SHORT, "train.callbacks=[json_lines]", f"work_dir={tmp_path / 'run'}"]
    with caplog.at_level(logging.INFO), pytest.raises(ZeroDivisionError):
        engine.train(config.load(tiny, words))
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [x["event"] for x in events] == ["started", "ended"] and events[1]["state"] == "failed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tensorbord", r"unknown callback 'tensorbord'\. Choose from json_lines, or give the dotted path"),
        ("json_line", "did you mean json_lines"),
        ("os.getpid", None),
        ("os.path.join", r"callback 'os\.path\.join' must be a class or function without arguments: missing a requ"),
        ("os.sep", r"callback 'os\.sep' must be a class or function without arguments"),
        ("fractions.Fraction", "has none of the methods run_started, step_logged, evaluation_done, run_ended"),
        ("no_such_module.it", "there is no module no_such_module on the Python path"),
    ],
)
def test_what_is_no_callback_ends_a_run_before_it_starts(name, message):
    settings = override(config.Config(), [f"train.callbacks=[{name}]"])
    if message is None:
        assert list(makers(settings)) == [name]
        return
    with pytest.raises(ValueError, match=message):
        makers(settings)


def test_what_came_inside_a_file_is_not_looked_up(tiny, tmp_path):
    words = ["train.callbacks=[os.getpid]", f"work_dir={tmp_path / 'run'}"]
    held = from_container(to_dict(config.load(tiny, words)))
    assert config.untyped(held, "train") == ["train.callbacks=[os.getpid]"] and config.untyped(held) == []
    with pytest.raises(ValueError, match=r"the config holds train\.callbacks=\[os\.getpid\], which is code from else"):
        engine.train(held)
    assert not (tmp_path / "run").exists() and list(CALLBACKS) == ["json_lines"]


DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("state", "code", "word"), [("finished", 0, "FINISHED"), ("failed", 1, "FAILED")])
def test_the_trackers_are_callbacks_by_their_dotted_paths(monkeypatch, tmp_path, state, code, word):
    """Their services are stand-ins, which take any call; so the moments and their arguments are right, no more."""
    services = {name: MagicMock() for name in ("wandb", "mlflow")}
    for name, service in services.items():
        monkeypatch.setitem(sys.modules, name, service)
    monkeypatch.syspath_prepend(DOCS)
    settings = config.override(config.Config(), ["train.callbacks=[trackers.Wandb,trackers.Mlflow]"])
    callbacks = Callbacks(makers(settings))
    with contextlib.suppress(OSError), callbacks:
        callbacks.start(settings, tmp_path)
        callbacks.tell("step_logged", 1, {"total": 1.0})
        callbacks.tell("evaluation_done", 2, {"AP": 0.5, "AP_large": -1.0}, tmp_path)
        if state == "failed":
            raise OSError
    assert not callbacks.dropped
    run, mlflow = services["wandb"].init(), services["mlflow"]
    assert [(*call.args, call.kwargs["step"]) for call in run.log.call_args_list] == [
        ({"train/total": 1.0}, 1), ({"val/AP": 0.5}, 2),
    ]  # fmt: skip
    assert [(*call.args, call.kwargs["step"]) for call in mlflow.log_metrics.call_args_list] == [
        ({"train/total": 1.0}, 1), ({"val/AP": 0.5}, 2),
    ]  # fmt: skip
    run.finish.assert_called_once_with(exit_code=code)
    mlflow.end_run.assert_called_once_with(word)
    assert mlflow.log_dict.call_args.args[0]["train"]["callbacks"] == ["trackers.Wandb", "trackers.Mlflow"]


def test_one_tracker_needs_not_the_other(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", MagicMock())
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as if it were not installed
    monkeypatch.syspath_prepend(DOCS)
    with Callbacks(makers(config.override(config.Config(), ["train.callbacks=[trackers.Wandb]"]))) as callbacks:
        callbacks.start(config.Config(), tmp_path)
    assert not callbacks.dropped


def test_the_example_of_the_page_is_a_metric():
    (metric,) = re.findall(r"```python\n(.*?)```", (DOCS / "plugins.md").read_text(encoding="utf-8"), re.DOTALL)
    known = {}
    exec(metric, known)
    assert known["strays"](nothing()) == -1 and known["shown"](2) == "2.0 an image" and known["HIGHER"] is False
