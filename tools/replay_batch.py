#!/usr/bin/env python3
"""Run the batch at which a training gave up again: tools/replay_batch.py RUN_FOLDER_OR_FILE [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/replay_batch.py RUN_FOLDER_OR_FILE [key=value ...]

Makes the batch of bad_batch.pt anew, runs it forward and backward with the weights that met it, and prints every loss
term and the parameters whose gradient is not finite, for example
  tools/replay_batch.py runs/shapes
  tools/replay_batch.py runs/shapes/bad_batch.pt train.precision=fp32"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.training.replay import replay

    commandline.say(replay(path, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
