"""What curves.png says of its run."""

import pytest

from cornernet.config import Config
from cornernet.training.headings import few, title


@pytest.mark.parametrize(
    ("steps", "every", "said"),
    [
        (600, 0, "evaluated once; train.eval_every=100 gives 6 points"),
        (600, 5000, "evaluated once; train.eval_every=100 gives 6 points"),
        (605, 300, "evaluated 3 times; train.eval_every=100 gives 6 points"),
        (600, 100, ""),
        (600, 101, ""),
        (3, 1, ""),
        (1, 0, ""),
        (0, 0, ""),
    ],
)
def test_a_run_of_few_evaluations_is_told_how_to_get_more(steps, every, said):
    settings = Config()
    settings.train.steps, settings.train.eval_every = steps, every
    assert few(settings) == said


@pytest.mark.parametrize(("name", "folder", "run"), [
    ("shapes", "shapes", "shapes"), ("config", "shapes-2", "shapes-2"), ("shapes", "mine", "mine (config shapes)"),
])  # fmt: skip
def test_the_title_names_run_config_and_losses(name, folder, run):
    first, second = title(Config(), name, folder, "heatmap x 1").split("\n")
    assert first == f"{run}: corner on hourglass, seed 317"
    assert second == "losses heatmap neg, grouping ae, offset smooth_l1; in the total heatmap x 1"
