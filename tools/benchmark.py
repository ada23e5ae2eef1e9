#!/usr/bin/env python3
"""Time the stages, or the training step of a config, how it grows, and what a node of GPUs would need:
tools/benchmark.py [CONFIG] [only=...|vary=...|estimate=N] [key=value ...]
"""

from pathlib import Path

from cornernet.cli import commandline

USAGE = """tools/benchmark.py [CONFIG] [only=...|vary=...|estimate=N] [key=value ...]

Without a config times every stage beside a plain formulation of the published algorithm and beside the floor, what any
program has to do, as medians over interleaved repeats. Stages: loss, pool, targets, decode, loader, evaluation (of
images=5000 pictures), startup, and of Hourglass-104 training, inference and int8 (exported files), which take minutes
and 9 or 10 GB and run only if named:
  only=loss,pool repeats=15 images=2000
With a config times the parts of its training step on random pictures, with the peak memory; and with one of these:
  vary=size      or classes, objects, stacks, batch, all: how time and memory grow, every point in a process of its own
  values=1,2,4   what is tried instead of values around the config's own; sizes are 256 or 192x256
  estimate=8     ESTIMATE of what so many GPUs would need, from counted operations and the figures of an A100
  tflops=312 bandwidth=2.0 memory=80 link=300   TFLOP/s (156 in fp32), TB/s, GB, GB/s sent to others, of another GPU
  estimate=here  the same counting with the rates of this machine, beside its measured step
for example
  tools/benchmark.py
  tools/benchmark.py repeats=15 only=loss,pool
  tools/benchmark.py configs/cornernet.yaml train.batch_size=1
  tools/benchmark.py configs/bccd.yaml vary=batch values=1,2,4 repeats=3
  tools/benchmark.py configs/cornernet.yaml estimate=8 train.batch_size=48 train.precision=bf16"""


def main(path: str | None, overrides: list[str]) -> None:
    from cornernet import profiling

    commandline.say(profiling.run(path, overrides, Path(__file__).resolve().parent.parent))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=0, optional=1)
