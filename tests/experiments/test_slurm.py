"""Points as jobs, by the executors of submitit that need no SLURM."""

import csv

import pytest

from cornernet.experiments import compare, planning, points, slurm

pytest.importorskip("submitit", reason="pip install submitit")
GRID = ["train.lr=[1e-3,1e-4]", "train.steps=4"]


def debug(tiny, overrides, tmp_path, **more):
    return compare.compare(
        tiny, overrides, seeds=[317], out=tmp_path, executor="slurm", slurm={"cluster": "debug", **more}
    )


def test_every_point_is_a_job_and_what_is_done_is_none(tiny, tmp_path, quick, monkeypatch, caplog):
    caplog.set_level("INFO", logger="cornernet")
    rows, _ = debug(tiny, GRID, tmp_path)
    assert len(rows) == 2 and len(quick.done) == 2 and "2 jobs: DEBUG" in caplog.text
    with (tmp_path / f"compare-{tiny.stem}.csv").open(newline="") as file:
        assert [row["kind"] for row in csv.DictReader(file)] == ["point", "point"]
    monkeypatch.setattr(slurm, "_executor", None)
    assert debug(tiny, GRID, tmp_path)[0] == rows and len(quick.done) == 2


def test_a_job_that_fails_is_named_when_the_others_are_done(tiny, tmp_path, quick):
    quick.fails = lambda settings: "train.lr=1e-4" in settings
    with pytest.raises(ValueError, match=r"1 of 2 trainings failed: 1e-4 seed 317"):
        debug(tiny, GRID, tmp_path)
    assert len(quick.done) == 2


def test_a_job_that_ends_by_an_error_is_named(tiny, tmp_path, quick, monkeypatch, caplog):
    monkeypatch.setattr(compare.recording, "records", lambda *a: 1 / 0)
    monkeypatch.setattr("pdb.post_mortem", lambda: None)  # into which the executor would lead
    with pytest.raises(ValueError, match=r"2 of 2 trainings failed"):
        debug(tiny, GRID, tmp_path)
    assert "1e-3 seed 317, job" in caplog.text and "ZeroDivisionError: division by zero" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [({"timeout": 3}, "slurm: Parameter 'timeout' need to be prefixed"), ({"timeout_min": "x"}, "expected type")],
)
def test_an_option_that_is_not_known_is_a_sentence(tiny, tmp_path, quick, options, message):
    with pytest.raises(ValueError, match=message):
        debug(tiny, GRID, tmp_path, **options)
    assert not quick.done


@pytest.mark.slow
def test_a_job_is_a_process_that_writes_its_row(tiny, tmp_path, quick):
    """By the local executor; the trainings themselves came to their end before."""
    found = planning.plan(tiny, GRID, out=tmp_path)
    for point in points.points(found, {}):
        point.folder.mkdir(parents=True)
        quick.finish(point.folder)
    options = {"cluster": "local", "timeout_min": 9}
    rows, _ = compare.compare(tiny, GRID, out=tmp_path, executor="slurm", slurm=options)
    assert not quick.done and [row.seeds for row in rows] == [[317]] * 2 and all(row.matches[0] for row in rows)
    assert len(list((tmp_path / slurm.FOLDER).glob("*_result.pkl"))) == 2


@pytest.mark.slow
def test_a_job_trains_as_the_comparison_itself_would(tiny, tmp_path):
    """Two real trainings in jobs of their own, and the same two without: equal figures."""
    options = {"cluster": "local", "timeout_min": 9}
    jobs, _ = compare.compare(tiny, GRID, seeds=[1], out=tmp_path / "jobs", executor="slurm", slurm=options)
    here, _ = compare.compare(tiny, GRID, seeds=[1], out=tmp_path / "here")
    timed = {"seconds_per_image": None}
    assert [row.figures | timed for row in jobs] == [row.figures | timed for row in here]
    assert [row.steps for row in jobs] == [[4], [4]]
