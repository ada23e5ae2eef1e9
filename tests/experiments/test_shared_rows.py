"""Comparisons that are killed, copied, timed and searched end in one table."""

import shutil
from functools import partial

import pytest

from cornernet.experiments import matches, points, results, rows
from cornernet.experiments.compare import compare as run

GRID = ["train.lr=[1e-3,1e-4]", "train.steps=4"]


class Killed(BaseException):
    """In place of a signal that nothing survives."""


def kill(*_):
    raise Killed


def files(folder):
    """What of a comparison is committed, by name, and its table."""
    kept = [
        *folder.glob("compare-*.csv"),
        *folder.glob("compare-*/*.npz"),
        folder / "comparison.md",
        folder / "comparison.csv",
    ]
    return {path.relative_to(folder): path.read_bytes() for path in kept}


@pytest.fixture
def undisturbed(tiny, tmp_path, quick):
    """Folder of a comparison that nobody has killed."""
    run(tiny, GRID, seeds=2, out=tmp_path / "undisturbed")
    assert len(quick.done) == 4 and len(files(tmp_path / "undisturbed")) == 7
    quick.done.clear()
    return tmp_path / "undisturbed"


PLACES = {  # where it is killed -> what is trained when it is started again
    "before the training": ("cornernet.experiments.compare._trained", 4),
    "between training and matches": ("cornernet.experiments.recording.records", 3),
    "between matches and row": ("cornernet.experiments.rows.add", 3),
    "between row and table": ("cornernet.experiments.compare.write", 3),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_comparison_that_is_killed_ends_in_the_same_table(tiny, tmp_path, quick, undisturbed, monkeypatch, place):
    name, trained = PLACES[place]
    with monkeypatch.context() as patched:
        patched.setattr(name, kill)
        with pytest.raises(Killed):
            run(tiny, GRID, seeds=2, out=tmp_path / "out")
    quick.done.clear()
    run(tiny, GRID, seeds=2, out=tmp_path / "out")
    assert len(quick.done) == trained and files(tmp_path / "out") == files(undisturbed)


def test_a_score_that_is_killed_between_its_files_is_done_again(tiny, tmp_path, quick, monkeypatch):
    def score(names, checkpoint, overrides, out):
        out.mkdir(exist_ok=True)
        for name in names:
            shutil.copy(checkpoint.parent / name, out)
        if len(names) == 1:
            raise Killed

    grid = [*GRID, "test.kernel=[3,5]"]
    monkeypatch.setattr("cornernet.experiments.recording.evaluate_checkpoint", partial(score, ["metrics.json"]))
    with pytest.raises(Killed):
        run(tiny, grid, out=tmp_path)
    both = partial(score, ["metrics.json", "predictions.json"])
    monkeypatch.setattr("cornernet.experiments.recording.evaluate_checkpoint", both)
    held, _ = run(tiny, grid, out=tmp_path)
    assert len(held) == 4 and len(quick.done) == 2


def test_a_clone_needs_the_committed_files_alone(tiny, tmp_path, quick, undisturbed):
    name = f"compare-{tiny.stem}"
    shutil.copytree(undisturbed / name, tmp_path / "results" / name)
    shutil.copy(undisturbed / f"{name}.csv", tmp_path / "results")
    found, folder = run(tiny, GRID, seeds=2, out=tmp_path / "out", results=tmp_path / "results")
    assert not quick.done and [path.name for path in folder.iterdir() if path.is_dir()] == ["comparison"]
    assert (folder / "comparison.md").read_bytes() == (undisturbed / "comparison.md").read_bytes()
    held = results.read(tmp_path / "results" / f"{name}.csv")
    assert [row._replace(runs=()) for row in sorted(held, key=lambda x: x.label["train.lr"])] == [
        row._replace(runs=()) for row in sorted(found, key=lambda x: x.label["train.lr"])
    ]
    assert all(len(matches.load(path).images) == 2 for row in found for path in row.matches)
    run(tiny, GRID, seeds=3, out=tmp_path / "out", results=tmp_path / "results")
    assert len(quick.done) == 2 and (tmp_path / "results" / f"{name}.csv").read_text().count("point") == 6


def test_rows_of_other_settings_stay_and_are_named(tiny, tmp_path, quick, undisturbed, caplog):
    caplog.set_level("INFO", logger="cornernet")
    before = rows.read(undisturbed / f"compare-{tiny.stem}.csv")
    table, _ = run(tiny, [*GRID, "train.ema=null"], seeds=2, out=undisturbed)
    assert len(quick.done) == 4 and [row.seeds for row in table] == [[317, 318]] * 2
    assert [x for x in rows.read(undisturbed / f"compare-{tiny.stem}.csv") if x in before] == before
    (said,) = [line for line in caplog.messages if "other settings" in line]
    assert "stay and are not counted" in said and f"1e-3 seed 317 (config {before[0]['config']})" in said
    caplog.clear()
    run(tiny, [*GRID[1:], "train.lr=[1e-3,1e-2]", "train.ema=null"], out=undisturbed)
    assert "1e-4" not in caplog.text  # a member that is not asked for


SEARCHED = """
config: {tiny}
vary: {{loss.heatmap.name: [neg, bce]}}
search: {{loss.heatmap.weight: [1, 2, 4], train.lr: [1e-3]}}
seeds: {seeds}
out: out
name: searched
"""


def best(settings):
    """bce is best with a weight of 2, neg with that of the first of equal ones."""
    return {"bce1": 0.25, "bce2": 0.5, "bce4": 0.375}.get(
        "".join(text.rpartition("=")[2] for text in settings if text.startswith("loss.heatmap."))
    )


def comparison(tmp_path, tiny, text, seeds):
    (tmp_path / "searched.yaml").write_text(text.format(tiny=tiny, seeds=seeds))
    return run(tmp_path / "searched.yaml")


def test_every_member_takes_the_best_of_its_trials(tiny, tmp_path, quick):
    quick.ap = best
    table, folder = comparison(tmp_path, tiny, SEARCHED, [1, 2])
    assert [row.searched for row in table] == [
        "loss.heatmap.weight=1 train.lr=1e-3", "loss.heatmap.weight=2 train.lr=1e-3",
    ]  # fmt: skip
    trials, trained = quick.settings[:6], quick.settings[6:]
    assert all("data.val.search=0.2" in settings and "seed=317" in settings for settings in trials)
    assert not any("data.val.search=0.2" in settings for settings in trained) and len(trained) == 4
    assert [settings[-1] for settings in trained] == ["seed=1", "seed=1", "seed=2", "seed=2"]
    assert ["loss.heatmap.weight=2" in settings for settings in trained] == [False, True] * 2
    held = rows.read(folder / "searched.csv")
    assert [row["kind"] for row in held] == ["trial"] * 6 + ["point"] * 4
    assert {row["searched"] for row in held if row["kind"] == "trial"} == {
        f"loss.heatmap.weight={x} train.lr=1e-3" for x in (1, 2, 4)
    }
    assert len(list((folder / "searched").glob("*.npz"))) == 4
    comparison(tmp_path, tiny, SEARCHED, [2, 3])  # the trials are not made anew
    assert len(quick.settings) == 12


def test_a_trial_that_fails_is_named_and_has_no_say(tiny, tmp_path, quick):
    quick.ap, quick.fails = best, lambda settings: "loss.heatmap.weight=2" in settings
    with pytest.raises(
        ValueError, match=r"2 of 8 trainings failed: trial neg loss\.heatmap\.weight=2 train\.lr=1e-3 seed 317"
    ):
        comparison(tmp_path, tiny, SEARCHED, [1])
    assert "loss.heatmap.weight=4" in quick.settings[-1]  # of bce


TIMED = """
config: {tiny}
members: {{a: [], b: [loss.heatmap.name=bce]}}
budget: {{minutes: 2}}
seeds: {seeds}
out: out
name: timed
"""


def test_minutes_become_steps_that_all_seeds_share(tiny, tmp_path, quick):
    comparison(tmp_path, tiny, TIMED, [1])
    timings, trained = quick.settings[:2], quick.settings[2:]
    assert all(f"train.steps={points.TIMED}" in settings for settings in timings) and len(trained) == 2
    # 8 images a second behind the first 20 steps, batches of 4
    assert all("train.steps=240" in settings for settings in trained)
    held = rows.read(tmp_path / "out" / "timed.csv")
    assert [(row["kind"], row["steps"], row["minutes"]) for row in held[:2]] == [("timing", "240", "2")] * 2
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    (tmp_path / "out").mkdir()
    rows.add(tmp_path / "out" / "timed.csv", held)  # another machine, however fast it is
    table, _ = comparison(tmp_path, tiny, TIMED, [1, 2])
    assert len(quick.settings) == 6 and all("train.steps=240" in settings for settings in quick.settings[4:])
    assert [row.steps for row in table] == [[240, 240]] * 2 and [row.seeds for row in table] == [[1, 2]] * 2


def test_a_member_that_cannot_be_timed_is_not_trained(tiny, tmp_path, quick):
    quick.fails = lambda settings: f"train.steps={points.TIMED}" in settings and "loss.heatmap.name=bce" in settings
    with pytest.raises(ValueError, match="1 of 3 trainings failed: timing b"):
        comparison(tmp_path, tiny, TIMED, [1])
    assert [row.label for row in results.read(tmp_path / "out" / "timed.csv")] == [{"member": "a"}]


@pytest.mark.parametrize("stopped", [4, 2])
def test_a_row_says_the_steps_that_were_trained(tiny, tmp_path, quick, stopped):
    """Patience may end a training before its settings do."""
    quick.stops = stopped
    table, _ = run(tiny, GRID, seeds=2, out=tmp_path)
    assert [row.steps for row in table] == [[stopped] * 2] * 2
    run(tiny, GRID, seeds=2, out=tmp_path)
    assert len(quick.done) == 4
