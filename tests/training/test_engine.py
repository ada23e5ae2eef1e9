"""The training loop: its files, its stops and resumptions, and the arithmetic of batches and processes."""

import csv
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState

from cornernet import config, drawing
from cornernet.checkpoints import checkpoint
from cornernet.errors import Interrupted
from cornernet.evaluation import chosen
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.training import engine, logger, loop
from cornernet.version import PLUGINS

TRAIN = Path(__file__).resolve().parents[2] / "tools" / "train.py"


both = pytest.mark.parametrize("tiny", ["corner", "anchor"], indirect=True)  # runs a test over both detectors


@pytest.fixture(scope="session")
def tiny(request, tiny, tiny_anchor):
    """Config of a run that takes a second, of the corner detector unless `both` says otherwise."""
    return tiny_anchor if getattr(request, "param", "corner") == "anchor" else tiny


@pytest.fixture(autouse=True)
def fresh():
    """Accelerate remembers its first settings."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def train(tiny, tmp_path):
    """Train `tiny` with overrides in this process -> the run's folder."""

    def train(*overrides, name="run"):
        AcceleratorState._reset_state(reset_partial_state=True)
        folder = tmp_path / name
        engine.train(config.load(tiny, [f"work_dir={folder}", *overrides]))
        return folder

    return train


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def differing(first, second, path=""):
    """Paths at which two nested values with tensors are not bit for bit the same."""
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [path]
    if isinstance(first, dict):
        found = [] if first.keys() == second.keys() else [f"keys of {path}"]
        return found + [x for k in first.keys() & second.keys() for x in differing(first[k], second[k], f"{path}.{k}")]
    if isinstance(first, (list, tuple)):
        return [x for i, (a, b) in enumerate(zip(first, second, strict=True)) for x in differing(a, b, f"{path}.{i}")]
    return [] if first == second else [path]


def assert_same_end(first, second):
    ends = [checkpoint.load(folder / "last.pt") for folder in (first, second)]
    parts = [
        {key: end[key] for key in ("model", "averaged", "optimizer", "rng", "step", "metrics", "best")} for end in ends
    ]
    assert differing(*parts) == []


def test_curves_are_drawn_at_every_save(train, monkeypatch):
    drawn = []
    monkeypatch.setattr(drawing, "curves", lambda folder, *texts: drawn.append(rows(folder / "log.csv")[-1]["step"]))
    train("train.eval_every=0", "train.save_every=2", "train.log_every=0", "train.steps=5")
    assert drawn == ["2", "4", "5", "5"]  # the last one by the evaluation, with its figures


# -- what a run leaves ------------------------------------------------------------------------------------------


@both
def test_a_run_writes_all_its_files(tiny, tiny_run):
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {
        "config.yaml", "last.pt", "last.prev.pt", "best.pt", "log.csv", "eval.csv", "classes.csv", "metrics.json",
        "predictions.json", "curves.png", "predictions.png", "tensorboard",
    }  # fmt: skip
    assert list((tiny_run / "tensorboard").iterdir())


def test_its_log_and_evaluations(tiny_run):
    log, scores = rows(tiny_run / "log.csv"), rows(tiny_run / "eval.csv")
    assert [row["step"] for row in log] == ["1", "2", "3", "4"] and [row["step"] for row in scores] == ["2", "4"]
    assert {"lr", "images_per_s", "heatmap", "pull", "push", "offset", "total"} <= log[0].keys()
    assert {"AP", "AP50", "AR100"} <= scores[0].keys()
    classes, held = rows(tiny_run / "classes.csv"), json.loads((tiny_run / "metrics.json").read_text())["per_class"]
    names = ["ellipse", "rectangle", "triangle"]
    assert [(row["step"], row["class"]) for row in classes] == [(step, name) for step in "24" for name in names]
    for figure in ("AP", "AP50"):
        assert [float(row[figure]) for row in classes[3:]] == pytest.approx([one[figure] for one in held])


@both
def test_its_config_trains_the_same_again(tiny, tiny_run):
    saved = config.load(tiny_run / "config.yaml")
    assert saved == config.load(tiny, [f"work_dir={tiny_run}"])


def test_its_checkpoint_makes_sense_alone(tiny_run):
    held = checkpoint.load(tiny_run / "last.pt")
    assert held["step"] == held["scored"] == 4 and held["class_names"] == ["ellipse", "rectangle", "triangle"]
    assert held["category_ids"] == [1, 2, 3] and held["config"]["model"]["backbone"]["channels"] == [8, 8, 8]
    assert held["versions"]["torch"] == torch.__version__ and held["versions"]["plugins"] == PLUGINS
    second = (tiny_run / "config.yaml").read_text().splitlines()[1]
    assert second == f"# plug-ins of contract {PLUGINS}, docs/plugins.md"


def test_the_figures_of_the_last_evaluation_are_returned(tiny, tmp_path):
    figures = engine.train(config.load(tiny, [f"work_dir={tmp_path / 'x'}", "train.steps=1"]))
    assert figures == checkpoint.load(tmp_path / "x" / "last.pt")["metrics"] and "AP50" in figures


def test_without_intervals_it_saves_and_scores_at_the_end(train):
    folder = train("train.log_every=0", "train.save_every=0", "train.eval_every=0", "train.steps=2")
    assert [row["step"] for row in rows(folder / "log.csv")] == ["2"] == [r["step"] for r in rows(folder / "eval.csv")]
    assert checkpoint.load(folder / "last.pt")["step"] == 2


def test_a_run_of_no_steps_scores_its_weights(train):
    folder = train("train.steps=0")
    assert checkpoint.load(folder / "last.pt")["step"] == 0 and len(rows(folder / "eval.csv")) == 1


def test_a_validation_set_without_objects_still_has_a_best(train, monkeypatch):
    monkeypatch.setattr("cornernet.evaluation.metrics.Metrics.figures", lambda self: {"AP": -1.0})
    assert (train("train.steps=1") / "best.pt").exists()


@pytest.mark.parametrize(
    ("figures", "saved", "gone"),
    [
        ([-1.0, -1.0, -1.0], [1, 2, 3], ()),  # nothing to measure with: the latest is as good as any
        ([0.0, 0.0, 0.0], [1], ()),
        ([-1.0, 0.0, -1.0, 0.5], [1, 2, 4], ()),
        ([0.5, 0.4, 0.4], [1, 2], (2,)),  # best.pt was moved away before the second
    ],
)
def test_best_is_the_first_of_the_best_or_the_latest_where_there_is_nothing_to_compare(figures, saved, gone):
    state = SimpleNamespace(best=-math.inf, stale=0, metrics={}, step=0)
    steps = []

    def save(now, name):
        steps.append(now.step)
        return True

    saves = SimpleNamespace(save=save, there=lambda name: bool(steps) and state.step not in gone)
    run = SimpleNamespace(state=state, metric=chosen("AP"), saves=saves)
    for state.step, ap in enumerate(figures, 1):
        state.metrics = {"AP": ap}
        loop._keep_the_best(run)
    assert steps == saved
    worse = len(figures) - 1 - figures.index(max(figures))
    assert state.stale == (worse if max(figures) >= 0 else 0)  # patience counts on, but where nothing is measured


@pytest.mark.parametrize("part", ["detector", "averaged"])
def test_weights_that_are_not_finite_behind_a_finite_loss_end_the_run_at_the_next_row_of_the_log(
    train, tmp_path, monkeypatch, part
):
    step = loop._step

    def spoilt(run, batches, rate):
        found = step(run, batches, rate)
        if run.state.step == 1:  # the second step
            module = run.state.detector if part == "detector" else run.state.averaged.module
            next(module.parameters()).data.fill_(float("inf"))
        return found

    monkeypatch.setattr(loop, "_step", spoilt)
    monkeypatch.setattr(loop.NonFiniteSteps, "too_many", lambda self, wait=False: False)
    knobs = "train.steps=9", "train.save_every=1", "train.log_every=1", "train.eval_every=0", "train.ema=0.9"
    with pytest.raises(FloatingPointError, match=r"at step 2 and .*last\.pt of step 1 .* is (averaged )?network"):
        train(*knobs)
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 1


def test_without_a_save_the_weights_are_looked_at_where_the_log_has_a_row(train, monkeypatch):
    step = loop._step

    def spoilt(run, batches, rate):
        found = step(run, batches, rate)
        next(run.state.detector.buffers()).fill_(float("nan"))
        return found

    monkeypatch.setattr(loop, "_step", spoilt)
    with pytest.raises(FloatingPointError, match=r"not finite at step 2 .*there is no earlier last\.pt"):
        train("train.steps=9", "train.save_every=0", "train.log_every=2", "train.eval_every=0")


def test_a_taken_folder_is_refused_before_anything_is_written(tiny, tiny_run):
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")}
    with pytest.raises(ValueError, match=r"already holds a run; train\.resume=auto goes on with it"):
        engine.train(config.load(tiny, [f"work_dir={tiny_run}"]))
    assert before == {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.steps=-1", r"train\.steps must be at least 0 and at most \d+, got -1"),
        ("train.save_every=-1", r"train\.save_every must be at least 0"),
        ("train.clip_norm=0", r"train\.clip_norm must be above 0 or null, got 0"),
        ("train.clip_norm=nan", r"train\.clip_norm must be above 0 or null"),
        ("train.lr=-1", r"train\.lr must be above 0"),
        ("train.ema=1", r"train\.ema must be above 0 and below 1"),
        ("test.kernel=4", r"test\.kernel must be a positive odd number"),
        ("test.scales=[]", r"test\.scales must hold one number or more"),
        ("test.batch_size=0", "batch_size must be at least 1"),
        ("data.input_size=[65,64]", "nearest: height 64 or 80, width 64 or 80"),
        ("loss.heatmap.name=nag", r"did you mean neg\?"),
        ("loss.feature.weight=-1", r"loss\.feature\.weight must be at least 0 and at most 1000000 or null, got -1"),
        ("loss.offset.weight=nan", r"loss\.offset\.weight must be at least 0"),
        ("train.precision=fp16", r"train\.precision=fp16 needs a GPU; bf16 and fp32 run on a CPU"),
        ("train.batch_size=0", r"train\.batch_size must be at least 1"),
        ("train.accumulate=3", r"train\.batch_size 4 does not divide into 3 equal parts"),
        ("train.init=none.pt", r"there is no checkpoint none\.pt"),
        ("train.resume=none.pt", r"there is no checkpoint none\.pt"),
    ],
)
def test_settings_that_cannot_work_fail_before_the_first_step(train, tmp_path, override, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(override)
    assert not list(tmp_path.glob("run/*"))


# -- stopping and going on --------------------------------------------------------------------------------------

STEPS = ["train.steps=40", "train.eval_every=30", "train.save_every=4"]
FAST = "corner", signal.SIGHUP  # test_saving.py resumes every detector; there without a process that is killed
STOPS = ("HUP", signal.SIGHUP, 129, 2), ("TERM", signal.SIGTERM, 143, 2), ("INT", signal.SIGINT, 130, 1)


def launch(tiny, folder, *overrides):
    """Start the run in a process group of its own, with one thread."""
    command = [sys.executable, TRAIN, tiny, f"work_dir={folder}", "train.resume=auto", *STEPS, *overrides]
    return subprocess.Popen(
        command, start_new_session=True, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),  # whoever ignores hangups here
    )  # fmt: skip


def signal_group_at(process, folder, step, number):
    """Wait until the log has reached the step, then signal the whole group, as a terminal or a scheduler does."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        log = folder / "log.csv"
        if log.exists() and log.read_text().count("\n") > step:
            break
        time.sleep(0.002)
    os.killpg(process.pid, number)
    return process.communicate(timeout=120)[1]


@pytest.mark.parametrize(
    ("tiny", "first"),
    [
        pytest.param(
            kind, (number, *rest), marks=pytest.mark.slow if (kind, number) != FAST else (), id=f"{kind}-{name}"
        )
        for kind in ("corner", "anchor")
        for name, number, *rest in STOPS
    ],
    indirect=["tiny"],
)
def test_stopped_killed_and_resumed_it_ends_bit_for_bit_the_same(tiny, train, tmp_path, first):
    """Each time at a random step, with another number of workers, most likely within an epoch and between two saves."""
    folder, seed = tmp_path / "stopped", random.Random(317)
    torch.set_num_threads(1)  # sums differ in their last bit between numbers of threads; `launch` has one
    for number, code, workers in (first, (signal.SIGKILL, -9, 1)):
        done = checkpoint.load(folder / "last.pt")["step"] if folder.exists() else 0
        process = launch(tiny, folder, f"data.workers={workers}")
        err = signal_group_at(process, folder, done + seed.randint(5, 11), number)  # 5: behind a save
        assert process.returncode == code, err
        assert "Traceback" not in err and "DataLoader worker" not in err, err
        held = checkpoint.load(folder / "last.pt")
        assert done < held["step"] < 40
        if code > 0:
            assert f"stopped at step {held['step']} of 40; train.resume=auto goes on from there" in err
    resumed = train("train.resume=auto", *STEPS, name="stopped")
    undisturbed = train(*STEPS, name="undisturbed")
    assert_same_end(resumed, undisturbed)
    log, expected = rows(resumed / "log.csv"), rows(undisturbed / "log.csv")
    for row in (*log, *expected):
        row.pop("images_per_s"), row.pop("memory_mib")
    assert log == expected
    assert [row["step"] for row in rows(resumed / "eval.csv")] == ["30", "40"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@both
def test_a_signal_lets_the_step_end_and_saves(tiny, train, tmp_path, monkeypatch, number):
    tick = logger.RunLogger.tick

    def interrupted(self, *what):
        tick(self, *what)
        if self.bar.done == 1:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(logger.RunLogger, "tick", interrupted)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"stopped at step 1 of 4") as caught:
        train()
    assert caught.value.number == number and signal.getsignal(number) is before
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 1


def test_an_evaluation_that_was_cut_off_comes_first_after_resuming(train, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(loop.evaluate, "evaluate", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train("train.eval_every=0")
    held = checkpoint.load(tmp_path / "run" / "last.pt")
    assert held["step"] == 4 and held["metrics"] == {}
    folder = train("train.eval_every=0", "train.resume=auto")
    assert [row["step"] for row in rows(folder / "eval.csv")] == ["4"] and (folder / "best.pt").exists()
    assert checkpoint.load(folder / "last.pt")["metrics"]


def test_resuming_a_finished_run_changes_nothing(train):
    folder = train()
    before = (folder / "last.pt").read_bytes()
    train("train.resume=auto")
    assert (folder / "last.pt").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["center", *(pytest.param(x, marks=pytest.mark.slow) for x in ("arcface", "sphereface"))]
)
def test_what_a_feature_loss_learns_is_saved_resumed_and_left_out_of_prediction(train, name):
    wanted = f"loss.feature.name={name}", "train.eval_every=0", "train.save_every=2"
    straight = train(*wanted)
    stopped = train(*wanted, "train.steps=2", "train.schedule=constant", name="stopped")
    resumed = train(*wanted, "train.resume=auto", name="stopped")
    held = checkpoint.load(straight / "last.pt")
    own = {key: value for key, value in held["model"].items() if key.startswith("loss.feature_loss.")}
    assert own and all(value.any() for value in own.values())
    assert differing(own, {key: checkpoint.load(resumed / "last.pt")["model"][key] for key in own}) == []
    assert stopped == resumed and float(rows(straight / "log.csv")[-1]["feature"]) > 0
    figures = [evaluate_checkpoint(straight / "last.pt", x).metrics.AP50 for x in ([], ["loss.feature.name=none"])]
    assert figures[0] == figures[1] >= 0
    train("train.steps=0", f"train.init={straight / 'last.pt'}", "loss.feature.name=softmax", name="other")


def test_resuming_from_a_path_goes_on_in_a_new_folder(train):
    short = train("train.steps=2", name="short")
    longer = train(f"train.resume={short / 'last.pt'}", name="longer")
    assert_same_end(longer, train(name="whole"))
    assert [row["step"] for row in rows(longer / "log.csv")] == ["3", "4"]


def test_settings_of_the_optimiser_may_change_on_resuming(train):
    train("train.steps=2", "train.weight_decay=0.5", "train.optimizer=adamw")
    folder = train("train.resume=auto", "train.weight_decay=0.25", "train.optimizer=adamw")
    groups = checkpoint.load(folder / "last.pt")["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.25, 0.0]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.head.channels=4", r"is of another run: model\.head\.channels: 8 -> 4\. Resume it with the same"),
        ("model.backbone.channels=[8,8,4]", r"model\.backbone\.channels: \[8, 8, 8\] -> \[8, 8, 4\]"),
        ("train.ema=null", r"is of another run: train\.ema: 0\.9 -> null"),
        ("train.optimizer=sgd", r"is of another run: train\.optimizer: adam -> sgd"),
    ],
)
def test_a_checkpoint_of_another_run_is_not_resumed(train, tiny_run, override, message):
    with pytest.raises(ValueError, match=message):
        train(f"train.resume={tiny_run / 'last.pt'}", override)


def test_another_feature_loss_is_not_resumed(train):
    train("loss.feature.name=arcface", "train.steps=1")
    with pytest.raises(ValueError, match=r"is of another run: loss\.feature\.name: arcface -> cosface"):
        train("loss.feature.name=cosface", "train.resume=auto")


def test_a_checkpoint_of_other_classes_is_not_resumed(train, tiny_run, tmp_path):
    held = checkpoint.load(tiny_run / "last.pt")
    checkpoint.save({**held, "class_names": ["a", "b", "c"]}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"was trained on the classes \['a', 'b', 'c'\], the data has \['ellipse"):
        train(f"train.resume={tmp_path / 'other.pt'}")


def test_weights_alone_cannot_be_resumed(train, tiny_run, tmp_path):
    held = checkpoint.load(tiny_run / "last.pt")
    checkpoint.save({key: held[key] for key in checkpoint.KINDS}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"holds no optimizer, averaged, rng, .* train\.init starts from it"):
        train(f"train.resume={tmp_path / 'weights.pt'}")


@pytest.mark.parametrize("averaged", [True, False])
@both
def test_init_starts_from_the_weights_that_count(tiny, train, tiny_run, tmp_path, averaged):
    held = checkpoint.load(tiny_run / "last.pt")
    checkpoint.save({**held, "averaged": held["averaged"] if averaged else None}, tmp_path / "init.pt")
    folder = train(f"train.init={tmp_path / 'init.pt'}", "train.steps=0")
    got, wanted = checkpoint.load(folder / "last.pt"), held["averaged" if averaged else "model"]
    assert got["step"] == 0 and differing(got["model"], wanted) == [] and differing(got["averaged"], wanted) == []


@both
def test_init_from_another_model_is_a_sentence(tiny, train, tiny_run):
    with pytest.raises(ValueError, match=r"holds another model .* made with: model\.backbone\.stem_channels: 8 -> 4"):
        narrow = ["model.backbone.stem_channels=4", "model.backbone.channels=[4,4,4]", "model.head.pool_channels=4"]
        train(f"train.init={tiny_run / 'last.pt'}", *narrow)


@pytest.mark.filterwarnings("error:Detected call of")
def test_frozen_parts_stay_and_a_run_with_them_resumes_exactly(train, tiny_run, caplog):
    own = ["train.freeze=[backbone]", "train.lr_factors={heads: 0.5, heads.1: 2}", f"train.init={tiny_run / 'last.pt'}"]
    own += ["train.steps=2", "train.schedule=constant", "train.eval_every=0"]
    with caplog.at_level("INFO", "cornernet"):
        straight = train(*own)
    assert "last.pt: 420 of 420 tensors taken; its classes are the same" in caplog.text
    train(*own, "train.steps=1", name="stopped")
    assert_same_end(train(*own, "train.resume=auto", name="stopped"), straight)
    held, start = checkpoint.load(straight / "last.pt"), checkpoint.load(tiny_run / "last.pt")["averaged"]
    for weights in (held["model"], held["averaged"]):
        moved = {name for name in start if not torch.equal(weights[name], start[name])}
        assert moved and all(name.startswith("network.heads.") for name in moved)
    groups = held["optimizer"]["param_groups"]
    assert [group["lr"] for group in groups] == [1e-3, 1e-3, 5e-4, 5e-4, 2e-3, 2e-3]
    assert len(held["optimizer"]["state"]) == sum(len(group["params"]) for group in groups)
    for other in ("train.freeze=[backbone.stem]", "train.lr_factors={}", "train.lr_factors={backbone: 1}"):
        with pytest.raises(ValueError, match=r"is of another run: train\.(freeze|lr_factors)"):
            changed = [other if other.partition("=")[0] in text else text for text in own]
            train(*changed, "train.resume=auto", name="stopped")


# -- arithmetic -------------------------------------------------------------------------------------------------


def test_too_many_bad_steps_stop_with_every_term_and_keep_what_was_saved(train, tmp_path):
    wild = [
        "train.optimizer=sgd",
        "train.lr=1000",
        "train.eval_every=0",
        "train.save_every=1",
        "train.max_nonfinite_steps=3",
    ]
    with pytest.raises(FloatingPointError, match=r"3 steps in a row not finite and skipped; at step \d") as caught:
        train(*wild, "train.steps=9")
    assert all(f"{name}=" in str(caught.value) for name in ("heatmap", "pull", "push", "offset", "total"))
    assert 1 <= checkpoint.load(tmp_path / "run" / "last.pt")["step"] < 9


@pytest.mark.parametrize("accumulate", [1, 2])
@both
def test_a_bad_step_is_left_out_and_counted(tiny, train, monkeypatch, caplog, accumulate):
    """The second of two: everything but the step is as after the first."""
    parts = [f"train.accumulate={accumulate}", "train.eval_every=0"]
    before = checkpoint.load(train("train.steps=1", *parts, name="before") / "last.pt")
    judge = loop.NonFiniteSteps.judge

    def spoilt(self, step, terms, parameters):
        return judge(self, step, {**terms, "spoilt": torch.tensor(float("nan" if step == 1 else 0))}, parameters)

    monkeypatch.setattr(loop.NonFiniteSteps, "judge", spoilt)
    folder = train("train.steps=2", *parts)
    after = checkpoint.load(folder / "last.pt")
    assert differing(*({key: held[key] for key in ("model", "averaged")} for held in (before, after))) == []
    assert differing(before["optimizer"]["state"], after["optimizer"]["state"]) == []
    assert after["step"] == 2 and after["skipped"] == 1
    assert [row["step"] for row in rows(folder / "log.csv")] == ["1"]
    assert "step 2 is skipped" in caplog.text and "1 non-finite step skipped" in caplog.text


def test_a_run_goes_on_behind_its_bad_batch(train, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(loop.optim, "rate", lambda step, knobs: 1e30 if step == 0 else 0.0)
        with pytest.raises(FloatingPointError, match=r"train\.resume=\S+bad_batch\.pt goes on behind it"):
            train("train.optimizer=sgd", "train.max_nonfinite_steps=2", "train.eval_every=0")
    path = tmp_path / "run" / "bad_batch.pt"
    assert checkpoint.load(path)["step"] == 3  # the second of two bad steps behind the first is done
    with pytest.raises(FloatingPointError, match=r"1 step in a row not finite and skipped; at step 4"):
        train(f"train.resume={path}", "train.optimizer=sgd", "train.max_nonfinite_steps=1", name="behind")


@both
def test_bf16_trains(tiny, train):
    last = rows(train("train.precision=bf16", "train.clip_norm=1") / "log.csv")[-1]
    assert float(last["total"]) > 0


@pytest.mark.parametrize("tiny", ["corner", pytest.param("anchor", marks=pytest.mark.slow)], indirect=True)
def test_gradient_checkpointing_trains_the_same_weights(tiny, train):
    """Of anchors, tests/backbones/test_recompute.py compares loss and gradients."""
    plain = checkpoint.load(train("train.accumulate=2", name="plain") / "last.pt")
    twice = checkpoint.load(train("train.accumulate=2", "train.gradient_checkpointing=true", name="twice") / "last.pt")
    assert differing(*({key: held[key] for key in ("model", "averaged")} for held in (plain, twice))) == []


def test_a_compiled_network_is_not_computed_twice(train):
    with pytest.raises(ValueError, match="do not go together"):
        train("train.compile=true", "train.gradient_checkpointing=true")


def test_both_layouts_train_the_same(train):
    """A first step of SGD moves the weights by the gradient alone, so that a wrong one shows."""
    still = ("train.optimizer=sgd", "train.lr=0.01", "train.steps=1", "train.ema=null", "train.schedule=constant")
    first, second, start = (
        checkpoint.load(train(*still, *more, name=name) / "last.pt")["model"]
        for name, more in (
            ("last", ["train.channels_last=true"]),
            ("first", ["train.channels_last=false"]),
            ("start", ["train.steps=0"]),
        )
    )
    key = "network.heads.0.tl_heat.0.weight"
    assert first[key].is_contiguous(memory_format=torch.channels_last) and second[key].is_contiguous()
    for key, value in first.items():
        if value.ndim == 4:
            moved = second[key] - start[key]
            torch.testing.assert_close(value - start[key], moved, rtol=1e-2, atol=1e-3 * float(moved.abs().max()))
    assert max((first[key] - start[key]).abs().max() for key in first if first[key].ndim == 4) > 1e-3


EXACT = [  # terms that are means over images, and statistics that do not depend on the batch
    "train.freeze_norm=true", "loss.heatmap.name=dice", "loss.heatmap.weight=10", "loss.offset.weight=0",
    "train.optimizer=sgd", "train.lr=0.1", "train.batch_size=8", "train.steps=3", "train.ema=null",
    "train.eval_every=0",
]  # fmt: skip


def test_accumulation_is_the_whole_batch_where_terms_are_means_over_images(train):
    """Others differ: heatmaps and offsets are divided by the objects of a part, BatchNorm sees a part alone."""
    whole = checkpoint.load(train(*EXACT, name="whole") / "last.pt")["model"]
    parts = checkpoint.load(train(*EXACT, "train.accumulate=2", name="parts") / "last.pt")["model"]
    start = checkpoint.load(train(*EXACT, "train.steps=0", name="start") / "last.pt")["model"]
    for key, value in whole.items():
        torch.testing.assert_close(parts[key], value, rtol=1e-4, atol=1e-6)
    assert max((whole[key] - start[key]).abs().max() for key in whole) > 1e-3


def test_frozen_norms_keep_their_statistics(train):
    held = checkpoint.load(train("train.freeze_norm=true", "train.steps=1") / "last.pt")["model"]
    statistics = [value for key, value in held.items() if key.endswith(("running_mean", "num_batches_tracked"))]
    assert statistics and not any(value.any() for value in statistics)
    assert any((value != 1).any() for key, value in held.items() if key.endswith("norm.weight"))


def test_the_rate_of_the_schedule_is_the_one_that_is_used(train):
    folder = train("train.schedule=step", "train.milestones=[2]", "train.steps=3")
    assert [float(row["lr"]) for row in rows(folder / "log.csv")] == pytest.approx([1e-3, 1e-3, 1e-4])
    assert checkpoint.load(folder / "last.pt")["optimizer"]["param_groups"][0]["lr"] == pytest.approx(1e-4)


def torchrun(tiny, folder, *overrides, launcher=()):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node=2",
        *launcher,
        TRAIN,
        tiny,
    ]
    return subprocess.Popen(
        [*command, f"work_dir={folder}", *overrides], start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@both
def test_two_processes_have_the_loss_curve_of_one(tiny, train, tmp_path):
    """BatchNorm must be frozen for it, since each process would see the statistics of its own half."""
    same = ["train.steps=20", "train.freeze_norm=true", "train.optimizer=sgd", "train.eval_every=10", "train.lr=1e-3"]
    process = torchrun(tiny, tmp_path / "two", *same)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    one, two = rows(train(*same, name="one") / "log.csv"), rows(tmp_path / "two" / "log.csv")
    assert len(one) == len(two) == 20
    for name in set(one[0]) - {"step", "lr", "images_per_s", "memory_mib"}:
        assert [float(row[name]) for row in two] == pytest.approx([float(row[name]) for row in one], rel=1e-4)
    assert out.count("AP_small") == 2  # tables of two evaluations, printed once each


@pytest.mark.slow
@both
def test_two_processes_train_the_same_with_gradients_logged(tiny, tmp_path):
    for every in "01":
        words = "train.steps=3", "train.eval_every=0", "train.accumulate=2", f"train.gradients_every={every}"
        process = torchrun(tiny, tmp_path / every, *words)
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    assert_same_end(tmp_path / "0", tmp_path / "1")
    logged = rows(tmp_path / "1" / "gradients.csv")
    assert [row["step"] for row in logged] == ["1", "2", "3"]
    # a part of a batch may be one image of one object, which pushes nothing away
    assert all(max(float(row[name]) for row in logged) > 0 for name in logged[0])


@pytest.mark.slow
@both
def test_two_processes_score_the_weights_that_they_save(tiny, tmp_path):
    """BatchNorm's statistics differ from process to process; the evaluation must use those of the checkpoint."""
    folder = tmp_path / "two"
    # after fewer steps the best corners of one kind are all of one class, and those of the other kind of another
    words = "train.steps=60", "train.eval_every=0", "train.ema=0.9", "test.ae_threshold=99", "test.top_k=70"
    process = torchrun(tiny, folder, *words)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    evaluate_checkpoint(folder / "last.pt", out=tmp_path / "again")
    scored, again = (json.loads((x / "predictions.json").read_text()) for x in (folder, tmp_path / "again"))
    assert len(scored) == len(again) > 0
    for one, other in zip(scored, again, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)


@pytest.mark.slow
@both
def test_ctrl_c_under_torchrun_saves(tiny, tmp_path):
    process = torchrun(tiny, tmp_path / "run", "train.steps=5000", "train.eval_every=0", "train.save_every=0")
    err = signal_group_at(process, tmp_path / "run", 5, signal.SIGINT)
    assert "stopped at step" in err and process.returncode != 0, err
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] >= 5


@pytest.mark.slow
@both
def test_a_rank_that_is_killed_brings_the_job_back_by_itself(tiny, tmp_path):
    """The same command line, which without a restart would refuse a folder that holds a run."""
    ends, steps = [], ["train.steps=40", "train.eval_every=0", "train.save_every=5"]
    for name, killed in (("undisturbed", 0), ("killed", 2)):
        folder = tmp_path / name
        process = torchrun(tiny, folder, *steps, launcher=["--max-restarts=3"])
        for round in range(killed):
            rank = rank_at(folder, 7 + 12 * round, process)
            os.kill(rank, signal.SIGKILL)
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        assert err.count("resumed from") == killed, err
        ends.append(checkpoint.load(folder / "last.pt"))
        assert [row["step"] for row in rows(folder / "log.csv")] == [str(step) for step in range(1, 41)]
    assert differing(*({key: end[key] for key in ("model", "averaged", "optimizer", "step")} for end in ends)) == []


def rank_at(folder, step, process):
    """Wait for the step in the log -> a process of the job: now the first, now the second."""
    deadline = time.monotonic() + 300
    log = folder / "log.csv"
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.read_text().count("\n") > step:
            break
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = [int(x) for x in children if "train.py" in Path(f"/proc/{x}/cmdline").read_text()]
    assert len(ranks) == 2
    return ranks[step % 2]
