#!/usr/bin/env python3
"""Print the losses: tools/list_losses.py [ROLE [NAME]]"""

from cornernet.cli import commandline

USAGE = """tools/list_losses.py [ROLE [NAME]]

Prints all losses, those of a role with their formulas, or everything of one, for example
  tools/list_losses.py
  tools/list_losses.py grouping
  tools/list_losses.py box ciou"""


def main(role: str | None, name: str | None) -> None:
    from cornernet.losses import catalogue

    commandline.say(catalogue.terminal(role, name))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=0, optional=2, keys=False)
