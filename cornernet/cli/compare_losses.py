"""`compare_losses`: train with one loss after the other and compare."""

from typing import Any

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, choice, path, whole, yaml

USAGE = """tools/compare_losses.py CONFIG 'key=[a,b,...]' ... [seeds=N] [out=DIR] [results=DIR] [key=value ...]

Trains every combination of the listed values with every seed, one after the other, and prints AP, AP50, AP75 and AP90,
mean and standard deviation over the seeds. Keys under test are only scored, not trained again. CONFIG may be a file
that says all of it, see docs/comparing.md. Trainings and table lie in out (runs/compare-<config>); what has a row in
compare-<config>.csv, there or in results, is done, and the same command goes on, also on several machines at once.
processes=N trains with torchrun, executor=slurm as jobs of SLURM. out/comparison/index.html shows what came out;
for example
  tools/compare_losses.py configs/shapes.yaml 'loss.grouping.name=[ae,permutation]' seeds=3
  tools/compare_losses.py configs/shapes.yaml 'loss.heatmap.name=[neg,focal]' 'test.grouping=[distance,hungarian]'
  tools/compare_losses.py configs/shapes.yaml 'loss.grouping=[{name: ae}, {name: half_sides, args: {beta: 0.2}}]'
  tools/compare_losses.py configs/comparisons/family.yaml results=docs/results"""


def main(config: str, overrides: list[str], **how: Any) -> None:
    """Train, score and print the table."""
    from cornernet.experiments import markdown
    from cornernet.experiments.compare import compare

    rows, _ = compare(config, overrides, **how)
    say(markdown(rows))


KEYS = {
    "seeds": Reader(yaml), "out": Reader(path), "results": Reader(path), "processes": Reader(whole(1)),
    "executor": Reader(choice("local", "slurm")), "slurm": Reader(yaml),
}  # fmt: skip
COMMAND = Command(main, USAGE, keys=KEYS, stopped="; the same command goes on")
