#!/usr/bin/env python3
"""Look a data set over before a training: tools/check_data.py CONFIG [images=true] [key=value ...]"""

from cornernet.cli import commandline

USAGE = """tools/check_data.py CONFIG [images=true] [key=value ...]

Prints what the training and validation sets of a config hold, one table of what is odd about them, and what a training
would do about it. Exit code 2 where it would be refused. Of each picture the head is read; images=true decodes them
all; for example
  tools/check_data.py configs/bccd.yaml
  tools/check_data.py configs/coco_mini.yaml images=true data.on_error=skip"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.training import check_data

    text, refusal = check_data.report(path, overrides)
    commandline.say(text)
    if refusal:
        raise ValueError(refusal)


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
