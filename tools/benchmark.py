#!/usr/bin/env python3
"""Time the stages, or the training step of a config:
tools/benchmark.py [CONFIG] [repeats=N] [only=loss,pool,...] [images=N] [key=value ...]
"""

from pathlib import Path

from cornernet import commandline, config

USAGE = """tools/benchmark.py [CONFIG] [repeats=N] [only=loss,pool,...] [images=N] [key=value ...]

Without a config: times every stage beside a plain formulation of the published algorithm and beside the floor, what any
program has to do, as medians over interleaved repeats. Stages: loss, pool, targets, decode, loader, evaluation (of
images=5000 pictures), startup, and of Hourglass-104 training, inference and int8 (exported files), which take minutes
and 6 to 10 GB and run only if named. With one: times the parts of its training step on random pictures, with the peak
memory; for example
  tools/benchmark.py
  tools/benchmark.py repeats=15 only=loss,pool
  tools/benchmark.py configs/cornernet.yaml train.batch_size=1"""


def main(path: str | None, overrides: list[str]) -> None:
    settings = None if path is None else config.load(path, overrides)
    from cornernet import benchmark

    root = Path(__file__).resolve().parent.parent
    print(benchmark.stages(overrides, root) if settings is None else benchmark.step(settings))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=0, optional=1)
