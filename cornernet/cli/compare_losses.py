"""`compare_losses`: train with one loss after the other and compare."""

from typing import Any

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, path, whole, yaml

USAGE = """tools/compare_losses.py CONFIG 'key=[a,b,...]' ... [seeds=N] [out=DIR] [processes=N] [key=value ...]

Trains every combination of the listed values with every seed, one after the other, and prints AP, AP50, AP75 and AP90,
mean and standard deviation over the seeds. Keys under test are only scored, not trained again. What is finished is kept
in out (runs/compare-<config>) and the same command goes on; processes trains with torchrun; for example
  tools/compare_losses.py configs/shapes.yaml 'loss.grouping.name=[ae,permutation]' seeds=3
  tools/compare_losses.py configs/shapes.yaml 'loss.heatmap.name=[neg,focal]' 'test.grouping=[distance,hungarian]'
  tools/compare_losses.py configs/shapes.yaml 'loss.grouping=[{name: ae}, {name: half_sides, args: {beta: 0.2}}]'"""


def main(config: str, overrides: list[str], **how: Any) -> None:
    """Train, score and print the table."""
    from cornernet.experiments import markdown
    from cornernet.experiments.compare import compare

    rows, _ = compare(config, overrides, **how)
    say(markdown(rows))


KEYS = {"seeds": Reader(yaml), "out": Reader(path), "processes": Reader(whole(1))}
COMMAND = Command(main, USAGE, keys=KEYS, stopped="; the same command goes on")
