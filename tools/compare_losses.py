#!/usr/bin/env python3
"""Train with one loss after the other and compare:
tools/compare_losses.py CONFIG key=[a,b,...] ... [seeds=N] [out=DIR] [processes=N] [key=value ...]
"""

from pathlib import Path

from cornernet.cli import commandline

USAGE = """tools/compare_losses.py CONFIG key=[a,b,...] ... [seeds=N] [out=DIR] [processes=N] [key=value ...]

Trains every combination of the listed values with every seed, one after the other, and prints AP, AP50, AP75 and AP90,
mean and standard deviation over the seeds. Keys under test are only scored, not trained again. What is finished is kept
in out (runs/compare-<config>) and the same command goes on; processes trains with torchrun; for example
  tools/compare_losses.py configs/shapes.yaml loss.grouping.name=[ae,permutation] seeds=3
  tools/compare_losses.py configs/shapes.yaml loss.heatmap.name=[neg,focal] test.grouping=[distance,hungarian]
  tools/compare_losses.py configs/shapes.yaml 'loss.grouping=[{name: ae}, {name: centripetal, args: {beta: 0.2}}]'"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.experiments import compare

    commandline.say(compare.compare(path, overrides, Path(__file__).with_name("train.py")))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1, stopped="; the same command goes on")
