#!/usr/bin/env python3
"""Time one optimisation step: tools/benchmark.py CONFIG [key=value ...]"""

from cornernet import commandline, config

USAGE = """tools/benchmark.py CONFIG [key=value ...]

Times the parts of a training step on random pictures of the config's size, with the peak memory, for example
  tools/benchmark.py configs/cornernet.yaml train.batch_size=1"""


def main(path: str, overrides: list[str]) -> None:
    settings = config.load(path, overrides)
    from cornernet import benchmark

    print(benchmark.step(settings))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
