"""Trainings of a comparison are evaluated six times, unless that was chosen otherwise."""

import pytest

from cornernet import config
from cornernet.experiments.evaluations import evaluations


@pytest.mark.parametrize(
    ("file", "typed", "expected"),
    [
        ("steps: 600, eval_every: 0", [], ["train.eval_every=100"]),
        ("steps: 600, eval_every: 5000", [], ["train.eval_every=100"]),
        ("steps: 605, eval_every: 300", [], ["train.eval_every=100"]),
        ("steps: 600, eval_every: 100", [], []),
        ("steps: 600, eval_every: 50", [], []),
        ("steps: 3, eval_every: 0", [], ["train.eval_every=1"]),
        ("steps: 600, eval_every: 50", ["train.steps=120"], ["train.eval_every=20"]),
        ("steps: 600, eval_every: 300, patience: 2", [], []),
        ("steps: 600, eval_every: 50", ["train.eval_every=0"], []),
        ("steps: 600, eval_every: 50", ["train={eval_every: 300}"], []),
    ],
)
def test_six_evaluations_unless_chosen_otherwise(tmp_path, file, typed, expected):
    path = tmp_path / "one.yaml"
    path.write_text(f"train: {{{file}}}\n")
    assert evaluations(config.load(path, typed)) == expected
