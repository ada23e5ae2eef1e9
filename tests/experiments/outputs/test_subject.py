"""What is gathered for the outputs of a comparison."""

from types import SimpleNamespace

import pytest

from cornernet.experiments.outputs import subject


def logged(folder, ap, gradients=""):
    folder.mkdir()
    (folder / "eval.csv").write_text("step,AP\n10,-1\n20,0.1\n" + "".join(f"{30 + k},{x}\n" for k, x in enumerate(ap)))
    if gradients:
        (folder / "gradients.csv").write_text(f"step,heatmap,pull\n{gradients}")
    return folder


def test_courses_and_gradients_are_of_the_folders_that_are_here(hand, tmp_path):
    first = [logged(tmp_path / "a1", [0.2], "0,1,2\n5,3,\n"), logged(tmp_path / "a2", [0.4], "0,3,4\n"), None]
    rows = [
        hand.row("a", [0.2, 0.4, 0.5], runs=first), hand.row("a again", [0.2, 0.4, 0.6], runs=first),
        hand.row("b", [0.3], runs=[logged(tmp_path / "b", [])]), hand.row("far away", [0.3], runs=[None]),
    ]  # fmt: skip
    found = subject.gather(SimpleNamespace(name="x", minutes=None, search={}), rows)
    assert list(found.courses) == ["a"]  # scores of the same trainings once; one evaluation is no course
    assert found.courses["a"] == [[(20, 0.1), (30, 0.2)], [(20, 0.1), (30, 0.4)]]
    assert found.gradients == {"a": {"heatmap": [(0, 2.0)], "pull": [(0, 3.0)]}}


@pytest.mark.parametrize(
    "minutes, steps, search, words",
    [
        (None, [400, 400], {}, "Equal steps: 400 in each training."),
        (None, [400, 300], {}, "Unequal steps: 300 to 400."),
        (2.5, [400, 300], {}, "as many steps as take it 2.5 minutes."),
        (None, [9, 9], {"a": [1, 2], "b": [1, 2, 3]}, "each member had 6 trials on training images"),
    ],
)
def test_the_budget_is_stated(hand, minutes, steps, search, words):
    rows = [hand.row("a", [0.5])._replace(steps=[x]) for x in steps]
    assert words in subject.budget(SimpleNamespace(minutes=minutes, search=search), rows)
