#!/usr/bin/env python3
"""Move boxes to their targets by gradient descent on box losses: tools/simulate_boxes.py [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/simulate_boxes.py [key=value ...]

Repeats the regression experiment of the Distance-IoU paper with any box loss and prints the error over the iterations.
Curves, one surface a loss and errors.csv go to out. Its keys, none of those below, are
  loss=[iou,giou,diou,ciou]  names, dotted paths or {name: ..., weight: ..., args: {...}}
  points=5000                start points of 343 cases each; errors are scaled to 5000
  rule=exact                 exact: the gradient of the loss; paper: the update behind the paper's figure
  out=DIR                    runs/simulate-boxes, for rule=paper runs/simulate-boxes-paper
  seed=0                     of the start points
for example
  tools/simulate_boxes.py points=200
  tools/simulate_boxes.py points=200 rule=paper
  tools/simulate_boxes.py points=200 'loss=[ciou, {name: mpdiou, args: {diagonal: 19.8}}]'"""


def main(overrides: list[str]) -> None:
    from cornernet.experiments import simulation

    commandline.say(simulation.simulate(overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=0)
