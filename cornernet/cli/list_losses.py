"""`list_losses`: print the losses."""

from cornernet.cli.commandline import Command, say

USAGE = """tools/list_losses.py [ROLE [NAME]]

Prints all losses, those of a role with their formulas, or everything of one, for example
  tools/list_losses.py
  tools/list_losses.py grouping
  tools/list_losses.py box ciou"""


def main(role: str | None, name: str | None) -> None:
    """Print the losses."""
    from cornernet.cli import catalogue

    say(catalogue.terminal(role, name))


COMMAND = Command(main, USAGE, paths=0, optional=2, overrides=False)
