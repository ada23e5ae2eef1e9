"""`simulate_boxes`: move boxes to their targets by gradient descent on box losses."""

from typing import TYPE_CHECKING, Any

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, choice, path, whole, yaml
from cornernet.system.wording import counted

if TYPE_CHECKING:
    from cornernet.experiments.box_regression import Course

USAGE = """tools/simulate_boxes.py [key=value ...]

Repeats the regression experiment of the Distance-IoU paper with any box loss and prints the error over the iterations.
Curves, one surface a loss and errors.csv go to out. Its keys are
  loss=[iou,giou,diou,ciou]  names, dotted paths or {name: ..., weight: ..., args: {...}}
  points=5000                start points of 343 cases each; errors are scaled to 5000
  rule=exact                 exact: the gradient of the loss; paper: the update behind the paper's figure
  out=DIR                    runs/simulate-boxes, for rule=paper runs/simulate-boxes-paper
  seed=0                     of the start points
for example
  tools/simulate_boxes.py points=200
  tools/simulate_boxes.py points=200 rule=paper
  tools/simulate_boxes.py points=200 'loss=[ciou, {name: mpdiou, args: {diagonal: 19.8}}]'"""

SHOWN = (0, 50, 100, 160, 200)  # iterations


def main(**keys: Any) -> None:
    """Simulate and print the table."""
    from cornernet.experiments.box_regression import CASES, POINTS, plan, simulate

    found = plan(**keys)
    courses = simulate(found)
    head = (
        f"{counted(found.points, 'point')}, {found.points * CASES} cases a loss, rule={found.rule}, seed={found.seed}"
    )
    say(f"{head}; error scaled to {POINTS} points\n\n{table(courses)}")


def table(courses: dict[str, "Course"]) -> str:
    """Label -> course: a Markdown table of the error, scaled to 5000 points, the overlap and the time."""
    from cornernet.experiments.box_regression import scaled

    lines = [["loss", "start", *(f"after {i}" for i in SHOWN[1:]), "mean IoU", "seconds"]]
    for name, course in courses.items():
        errors = [f"{scaled(course)[i]:.2e}".replace("e+0", "e") for i in SHOWN]
        lines.append([name, *errors, f"{course.iou:.3f}", f"{course.seconds:.0f}"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


KEYS = {
    "loss": Reader(yaml, "losses"), "points": Reader(whole(1)), "rule": Reader(choice("exact", "paper")),
    "out": Reader(path), "seed": Reader(whole(0)),
}  # fmt: skip
COMMAND = Command(main, USAGE, paths=0, keys=KEYS, overrides=False)
