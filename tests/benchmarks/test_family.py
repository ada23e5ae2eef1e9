"""The family at equal minutes: how many steps fit, what is trained, and that every run is a config that loads."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import family, family_steps, results
from cornernet import config

SQUEEZE = ("shapes12", "squeeze", "none")


@pytest.fixture
def steps(tmp_path):
    """A file that says that a step takes 0.4 seconds."""
    file = tmp_path / "steps.csv"
    results.append(
        file,
        family_steps.COLUMNS,
        [dict(zip(family.TIMED, SQUEEZE, strict=True)) | {"seconds": "0.4", "precision": "fp32"}],
    )
    return file


def test_seeds_take_the_steps_that_fit_and_what_is_there_is_skipped_in_whatever_precision(tmp_path, steps, monkeypatch):
    file, given = tmp_path / "family.csv", []

    def measured(base, words):
        given.append(words[-4:])
        return dict.fromkeys(("steps", *family.COLUMNS[7:]), "0")

    monkeypatch.setattr(family, "measured", measured)
    for seeds, precision in (((1,), ""), ((1, 2), "bf16")):
        family.main(str(file), str(steps), minutes=2, seeds=seeds, only=SQUEEZE, precision=precision)
    assert given == [
        [f"seed={seed}", f"train.precision={precision}", f"test.precision={precision}", "train.steps=300"]
        for seed, precision in ((1, "fp32"), (2, "bf16"))
    ]
    assert [row["precision"] for row in results.read(file)] == ["fp32", "bf16"]


def test_a_row_has_the_figures_of_its_evaluation(monkeypatch):
    found = {"AP": 0.12345, "AP50": 0.5, "AP75": 0.4, "AP_any_class": 0.75, "FDR": 0.25}

    def trained(base, words):
        folder = Path(next(word for word in words if word.startswith("work_dir=")).partition("=")[2])
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(found))

    monkeypatch.setattr(family, "_train", trained)
    network = torch.nn.Linear(3, 1)
    monkeypatch.setattr(family, "load_detector", lambda *_: [SimpleNamespace(network=network)])
    row = family.measured("configs/shapes.yaml", ["train.steps=7"])
    assert (row["steps"], row["parameters"]) == (7, 4)
    assert [row[name] for name in ("AP", "AP50", "AP_any_class", "FDR")] == ["0.1235", "0.5000", "0.7500", "0.2500"]
    assert {*row} == {*family.COLUMNS} - {*family.TIMED, "seed", "minutes", "precision"}


def test_a_step_that_was_never_timed_is_named(tmp_path, steps):
    with pytest.raises(ValueError, match="does not say what a step of shapes12, points, none takes"):
        family.main(str(tmp_path / "x.csv"), str(steps), only=("shapes12", "squeeze", "points", "none"))
    assert not (tmp_path / "x.csv").exists()  # nothing is trained before that is known


def test_every_run_is_a_config_and_no_two_are_alike():
    runs = list(family.wanted(10, (1, 2), tuple(family.SETS)))
    first = runs[: len(runs) // 2]  # of one seed
    settings = [config.text(config.load(run.base, run.overrides("folder"))) for run in first]
    assert len(runs) == 2 * 3 * 13 and len(set(settings)) == len(first)
    assert [run["seed"] for run in runs] == sorted(run["seed"] for run in runs)


def test_what_is_timed_already_stays_as_it_is(steps, monkeypatch):
    asked = []
    monkeypatch.setattr(family_steps, "timed", lambda runs, *rest: asked.extend(runs) or [])
    family_steps.main(str(steps), only=("shapes12", "squeeze"))
    assert [(run["member"], run["region"]) for run in asked] == [("squeeze", "cpn")]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_steps_are_timed_in_the_precision_and_on_the_folder_that_are_asked_for(tmp_path, monkeypatch, precision):
    given = []
    monkeypatch.setattr(family_steps, "typed_data", lambda settings: given.append(settings) or 1 / 0)
    with pytest.raises(ZeroDivisionError):  # far enough: what is timed is known
        family_steps.main(str(tmp_path / "s.csv"), only=("bccd", "points"), precision=precision, root="photos")
    assert (given[0].train.precision, given[0].test.precision, given[0].data.root) == (precision, precision, "photos")


@pytest.mark.slow
def test_steps_of_two_members_are_timed_in_turns(tmp_path):
    file = tmp_path / "s.csv"
    family_steps.main(str(file), rounds=1, only=("shapes12", "squeeze", "centripetal", "none"))
    rows = results.read(file)
    assert [row["member"] for row in rows] == ["squeeze", "centripetal"]
    assert float(rows[0]["seconds"]) < float(rows[1]["seconds"])
    assert float(rows[0]["ms_per_image"]) < float(rows[1]["ms_per_image"])
