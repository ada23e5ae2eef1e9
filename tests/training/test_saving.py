"""Saving that survives a full disk, and resuming from the last whole checkpoint of the same run."""

import math
import os
from contextlib import nullcontext

import pytest
import torch

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.errors import Damaged, Unsaved
from cornernet.training import engine, loop, resuming, run_folder, saving, state
from cornernet.training.saving import Saves

QUIET = ["train.eval_every=0", "train.save_every=1", "train.log_every=0", "train.ema=null"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, caplog):
    """No images, which take time, and every message."""
    caplog.set_level("INFO", logger="cornernet")
    monkeypatch.setattr("cornernet.training.logger.predictions", lambda *a: None)


@pytest.fixture
def train(tiny, tmp_path):
    def train(*overrides, name="run"):
        engine.train(config.load(tiny, [f"work_dir={tmp_path / name}", *QUIET, *overrides]))
        return tmp_path / name

    return train


@pytest.fixture(scope="session")
def three(tiny, tmp_path_factory):
    """Bytes of last.pt and last.prev.pt of a run stopped between steps 3 and 4, and where it was."""
    folder = tmp_path_factory.mktemp("three") / "run"
    save = checkpoint.save

    def stopping(state, path, keep=False):
        save(state, path, keep)
        if state["step"] == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save", stopping)
        engine.train(config.load(tiny, [f"work_dir={folder}", *QUIET]))
    return folder


@pytest.fixture(scope="session")
def undisturbed(tiny, tmp_path_factory):
    """Weights at the end of the same run without a stop."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    engine.train(config.load(tiny, [f"work_dir={folder}", *QUIET]))
    return weights(folder)


@pytest.fixture
def stopped(three, tmp_path):
    """A copy of that run."""
    (tmp_path / "run").mkdir()
    for name in (run_folder.LAST, run_folder.PREVIOUS, "log.csv"):
        (tmp_path / "run" / name).write_bytes((three / name).read_bytes())
    return tmp_path / "run"


def weights(folder):
    return checkpoint.load(folder / "last.pt")["model"]


def same(first, second):
    return all(torch.equal(value, second[key]) for key, value in first.items())


def test_stopped_and_resumed_every_detector_ends_the_same(any_tiny, tmp_path, monkeypatch):
    def train(name, *overrides):
        engine.train(config.load(any_tiny, [f"work_dir={tmp_path / name}", *QUIET, "train.save_every=2", *overrides]))

    train("whole")
    save = checkpoint.save

    def stopping(state, path, keep=False):
        save(state, path, keep)
        if state["step"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint, "save", stopping)
        train("stopped")
    begun = weights(tmp_path / "stopped")
    train("stopped", "train.resume=auto")
    ended = weights(tmp_path / "whole")
    assert same(ended, weights(tmp_path / "stopped")) and not same(ended, begun)


# -- falling back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "gone"])
def test_a_damaged_last_one_falls_back_and_ends_the_same(stopped, undisturbed, train, caplog, harm):
    last = stopped / "last.pt"
    data = last.read_bytes()
    place = len(data) // 2
    flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    last.write_bytes({"cut": data[:-100], "flipped": flipped, "empty": b"", "gone": b""}[harm])
    if harm == "gone":
        last.unlink()
    train("train.resume=auto")
    expected = "there is no checkpoint" if harm == "gone" else "is damaged or not a checkpoint"
    assert expected in caplog.text and "going on from that" in caplog.text
    assert f"resumed from {stopped / 'last.prev.pt'} at step 2" in caplog.text
    assert (stopped / "last.damaged.pt").exists() == (harm != "gone")
    assert checkpoint.load(stopped / "last.prev.pt")["step"] == 4
    assert same(weights(stopped), undisturbed)


def test_the_good_one_is_not_replaced_by_the_damaged_one(stopped, train, monkeypatch):
    """Nor is it at risk before the next save is whole."""
    (stopped / "last.pt").write_bytes(b"damaged")
    replace = os.replace

    def killed(source, target):
        if target.name == "last.pt":  # at the last moment of the first save
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        train("train.resume=auto")
    monkeypatch.undo()
    assert checkpoint.load(stopped / "last.prev.pt")["step"] == 2


def test_without_a_whole_one_it_stops_instead_of_starting_anew(stopped, train):
    (stopped / "last.pt").write_bytes(b"x")
    (stopped / "last.prev.pt").write_bytes(b"y")
    with pytest.raises(Damaged, match=r"last\.prev\.pt is damaged"):
        train("train.resume=auto")
    assert (stopped / "last.pt").read_bytes() == b"x"


def test_a_named_checkpoint_has_no_substitute(stopped, train):
    (stopped / "last.pt").write_bytes(b"x")
    with pytest.raises(Damaged, match=r"last\.pt is damaged .*last\.prev\.pt is the one saved before it"):
        train(f"train.resume={stopped / 'last.pt'}", name="other")


def test_a_folder_with_the_previous_one_alone_is_taken(stopped, train):
    for name in ("last.pt", "log.csv"):
        (stopped / name).unlink()
    with pytest.raises(ValueError, match="already holds a run"):
        train()


# -- what does not belong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.head.channels=4", r"model\.head\.channels: 8 -> 4"),
        ("model.min_overlap=0.7", r"model\.min_overlap: 0\.3 -> 0\.7"),
        ("train.ema=0.5", r"train\.ema: null -> 0\.5"),
        ("train.optimizer=sgd", r"train\.optimizer: adam -> sgd"),
        ("loss.feature.name=center", r"loss\.feature\.name: none -> center"),
    ],
)
def test_another_run_is_refused_key_by_key(stopped, train, override, message):
    with pytest.raises(ValueError, match=rf"last\.pt is of another run: {message}\. Resume it with the same"):
        train("train.resume=auto", override)


def test_two_keys_are_both_named(stopped, train):
    with pytest.raises(ValueError, match=r"model\.head\.channels: 8 -> 4; train\.optimizer: adam -> adamw"):
        train("train.resume=auto", "train.optimizer=adamw", "model.head.channels=4")


def test_what_may_differ_is_listed(stopped, train, caplog):
    train("train.resume=auto", "train.lr=1e-4", "loss.heatmap.name=focal", "data.transforms.flip.p=0", "seed=5")
    line = next(x.getMessage() for x in caplog.records if "other settings than before" in x.getMessage())
    for text in ("train.lr: 0.001 -> 0.0001", "loss.heatmap.name: neg -> focal", "data.transforms.flip.p: 0.5 -> 0",
                 "seed: 317 -> 5"):  # fmt: skip
        assert text in line
    assert "work_dir" not in line and "resume" not in line


@pytest.mark.parametrize("layouts", [["true", "false"], ["false", "true"]])
def test_what_the_optimizer_remembers_takes_the_layout_of_its_weight(train, tmp_path, layouts):
    first, then = layouts
    train(f"train.channels_last={first}", "train.steps=1")
    held = checkpoint.load(tmp_path / "run" / "last.pt")
    settings = config.override(config.from_container(held["config"]), [f"train.channels_last={then}"])
    now = state.initial_state(settings, held["class_names"], held["category_ids"], torch.device("cpu"))
    resuming.restore(now, held, tmp_path / "run" / "last.pt")
    wide = [p for p in now.detector.parameters() if p.ndim == 4 and p.shape[2] > 1]
    assert wide and all(now.optimizer.state[p]["exp_avg"].stride() == p.stride() for p in wide)
    kept = {tuple(v["exp_avg"].shape): v["exp_avg"] for v in held["optimizer"]["state"].values()}
    assert any(torch.equal(now.optimizer.state[p]["exp_avg"], kept[tuple(p.shape)]) for p in wide)
    assert all(kept[tuple(p.shape)].stride() != p.stride() for p in wide if p.shape[1] > 1)


def changed(stopped, change):
    held = checkpoint.load(stopped / "last.pt")
    change(held)
    checkpoint.save(held, stopped / "last.pt")


def first(state):
    return next(iter(state.values()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held.pop("rng"), r"holds no rng, so it cannot be resumed"),
        (lambda held: held.update(best="much"), r"holds no best, so it cannot be resumed"),
        (lambda held: held.update(rng=torch.ones(3)), r"holds no state of torch's random numbers at rng"),
        (lambda held: held.update(optimizer={}), r"holds an optimizer that is not this run's: 'param_groups'"),
        (lambda held: held["optimizer"]["param_groups"].pop(), r"holds an optimizer that is not this run's: "),
        (
            lambda held: held["optimizer"]["state"][0].update(exp_avg=torch.ones(7)),
            r"not this run's: exp_avg of shape \[7\] for a weight of shape",
        ),
        (lambda held: first(held["model"]).fill_(math.nan), r"holds weights that are not finite: 1 tensor"),
        (lambda held: held["model"].pop(next(iter(held["model"]))), r"tensors 1 missing"),
        (lambda held: held["model"].update(more=torch.ones(1)), r"tensors 1 unknown \(first: more\)"),
        (
            lambda held: held["model"].update({k: v.to(torch.int32) for k, v in held["model"].items() if v.dim()}),
            r"tensors \d+ of another type",
        ),
        (lambda held: held["config"]["train"].update(lrr=1), r"the saved config: unknown key train\.lrr"),
        (lambda held: held["config"].update(model=3), r"the saved config: model takes no value of its own"),
        (lambda held: held.update(class_names=["a"]), r"was trained on the classes \['a'\]"),
    ],
)
def test_a_checkpoint_that_is_not_whole_inside_is_a_sentence(stopped, train, change, message):
    changed(stopped, change)
    with pytest.raises(ValueError, match=message) as caught:
        train("train.resume=auto")
    assert "\n" not in str(caught.value)


# -- a full disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def full_from(monkeypatch, full_disk):
    """Let the disk be full for the saves of these steps."""
    save = checkpoint.save

    def full_from(first, until, names=(run_folder.LAST,)):
        def onto_full(state, path, keep=False):
            with full_disk(*names) if first <= state["step"] < until else nullcontext():
                save(state, path, keep)

        monkeypatch.setattr(checkpoint, "save", onto_full)

    return full_from


def test_a_full_disk_costs_saves_and_not_the_run(undisturbed, train, full_from, caplog):
    full_from(2, 4)
    folder = train()
    lines = [x.getMessage() for x in caplog.records]
    failed = [x for x in lines if "could not be saved at step" in x]
    assert len(failed) == 2 and "No space left on device; last.pt of step 1 stands" in failed[0]
    assert "2 saves failed on the way, but not the last one" in lines
    assert checkpoint.load(folder / "last.pt")["step"] == 4
    assert same(weights(folder), undisturbed)


def test_a_last_save_that_fails_ends_with_a_sentence(train, tmp_path, full_from):
    full_from(3, 9)
    message = r"came to step 4, but could not save last\.pt \(No space left on device\); last\.pt of step 2 stands"
    with pytest.raises(Unsaved, match=message):
        train()
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 2


def test_a_best_one_that_could_not_be_saved_is_told_at_the_end(train, tmp_path, full_from):
    full_from(4, 9, names=(run_folder.BEST,))
    with pytest.raises(Unsaved, match=r"could not save best\.pt .*; last\.pt of step 4 stands"):
        train()
    held = checkpoint.load(tmp_path / "run" / "last.pt")
    assert held["best"] == -math.inf and held["scored"] == 4


def test_a_best_one_is_tried_again_at_the_next_evaluation(train, full_from):
    full_from(2, 3, names=(run_folder.BEST,))
    folder = train("train.eval_every=2")
    assert checkpoint.load(folder / "best.pt")["step"] == 4


def test_figures_survive_a_disk_that_does_not_take_their_files(train, full_disk, caplog):
    with full_disk("predictions.json"):
        folder = train()
    assert "AP50" in checkpoint.load(folder / "last.pt")["metrics"]
    assert "predictions.json could not be written: No space left" in caplog.text


def test_weights_that_are_not_finite_are_not_saved(train, tmp_path, monkeypatch):
    rate = loop.optim.rate
    monkeypatch.setattr(loop.optim, "rate", lambda step, knobs: math.inf if step == 2 else rate(step, knobs))
    with pytest.raises(FloatingPointError, match=r"not finite at step 3 and are not saved; last\.pt of step 2 stands"):
        train("train.optimizer=sgd")
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 2


def test_all_processes_hear_whether_a_save_failed(tmp_path, monkeypatch):
    """The one that writes tells the others, which must not part ways over it."""
    heard = []
    monkeypatch.setattr(saving, "broadcast_object_list", lambda x: (heard.append(x), [False])[1])
    monkeypatch.setattr(saving, "finite", lambda module: True)

    class Other:
        is_main_process, scaler, num_processes, device = False, None, 1, "cpu"

    class Now:
        detector, averaged, step = None, None, 3

    assert Saves(tmp_path, Other()).save(Now()) is False and heard == [[False]]


# -- restarted by torchrun --------------------------------------------------------------------------------------


def restarted(monkeypatch, launch="job-7", count="1"):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", launch)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)


def test_a_restarted_launch_goes_on_by_itself(stopped, train, monkeypatch, caplog):
    (stopped / run_folder.LAUNCH).write_text("job-7")
    restarted(monkeypatch)
    train()
    assert "resumed from" in caplog.text and checkpoint.load(stopped / "last.pt")["step"] == 4


@pytest.mark.parametrize("mark", [None, "job-6"])
def test_a_restarted_launch_takes_no_other_run(stopped, train, monkeypatch, mark):
    """Its first attempt was refused, and so is the second."""
    if mark:
        (stopped / run_folder.LAUNCH).write_text(mark)
    restarted(monkeypatch)
    with pytest.raises(ValueError, match="already holds a run"):
        train()


def test_a_launch_marks_its_folder_and_a_first_attempt_is_none(train, monkeypatch):
    restarted(monkeypatch, count="0")
    folder = train("train.steps=1")
    assert (folder / run_folder.LAUNCH).read_text() == "job-7"
    with pytest.raises(ValueError, match="already holds a run"):
        train()


def test_killed_before_its_first_save_it_starts_again_in_its_folder(train, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / run_folder.LAUNCH).write_text("job-7")
    (tmp_path / "run" / "log.csv").write_text("step,lr\n1,0.1\n")
    restarted(monkeypatch)
    assert checkpoint.load(train() / "last.pt")["step"] == 4


def foreign(path, **changes):
    """The checkpoint with fields of its own, and a checksum that is right."""
    held = checkpoint.load(path)
    for key, change in changes.items():
        held[key] = change(held[key])
    checkpoint.save(held, path)
    return path


def of_first(change):
    """A change of what the optimiser remembers of its first weight."""
    return lambda held: {**held, "state": {**held["state"], 0: change(held["state"][0])}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": lambda _: 10**30}, r"not a checkpoint of this toolkit: its step is 1000"),
        ({"step": lambda _: -5}, "its step is -5"),
        ({"step": lambda _: True}, "its step is True"),
        ({"averaged": lambda _: 5}, "its averaged weights are a number"),
        ({"model": lambda held: {key: x.to_sparse() for key, x in held.items()}}, "is no ordinary tensor"),
        ({"model": lambda held: {key: x.to("meta") for key, x in held.items()}}, "is no ordinary tensor"),
        ({"optimizer": of_first(lambda own: {**own, "step": torch.ones(2)})}, "that is not this run's: step of shape"),
        ({"optimizer": of_first(lambda own: {"step": own["step"]})}, r"it remembers \['step'\] of a weight"),
        ({"optimizer": of_first(lambda own: {**own, "exp_avg": torch.zeros(())})}, r"exp_avg of shape \[\]"),
        ({"optimizer": of_first(lambda own: {**own, "exp_avg": own["exp_avg"] * math.nan})}, "is not finite"),
        ({"config": lambda held: {**held, "work_dir": "${oc.env:HOME}"}}, r"asks to look something up by \$"),
    ],
)
def test_foreign_contents_are_refused_in_a_sentence(train, stopped, changes, message):
    foreign(stopped / "last.pt", **changes)
    with pytest.raises(ValueError, match=message):
        train("train.resume=auto")


def test_an_average_that_is_not_there_is_missed(train, tmp_path):
    folder = train("train.ema=0.9", name="averaged")
    foreign(folder / "last.pt", averaged=lambda _: None)
    with pytest.raises(ValueError, match="holds no average of the weights"):
        train("train.ema=0.9", f"train.resume={folder / 'last.pt'}", name="other")


def test_settings_of_the_optimizer_are_the_configs(train, stopped, undisturbed):
    """Not those of a checkpoint, which may come from elsewhere."""
    turned = {"maximize": True, "betas": (0.0, 0.0), "amsgrad": False, "eps": 1.0}
    groups = lambda held: {**held, "param_groups": [{**group, **turned} for group in held["param_groups"]]}  # noqa: E731
    foreign(stopped / "last.pt", optimizer=groups)
    folder = train("train.resume=auto")
    assert all(torch.equal(a, b) for a, b in zip(weights(folder).values(), undisturbed.values(), strict=True))


def test_resuming_needs_no_file_of_the_start(train, tiny_run, tmp_path):
    """What train.init named may be gone when the same command line goes on."""
    start = tmp_path / "start.pt"
    start.write_bytes((tiny_run / "last.pt").read_bytes())
    train(f"train.init={start}", "train.steps=2", name="begun")
    start.unlink()
    folder = train(f"train.init={start}", "train.steps=3", "train.resume=auto", name="begun")
    assert checkpoint.load(folder / "last.pt")["step"] == 3


def test_buffers_that_are_not_finite_are_not_saved(tiny):
    norm = torch.nn.BatchNorm2d(2)
    assert saving.finite(norm)
    norm.running_var[0] = math.inf
    assert not saving.finite(norm)
