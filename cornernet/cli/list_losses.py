"""`list_losses`: another name for `list losses`."""

from cornernet.cli import list
from cornernet.cli.commandline import Command

USAGE = """tools/list_losses.py [ROLE [NAME]]

The same as tools/list.py losses [ROLE [NAME]]: prints all losses, those of a role with their formulas, or everything of
one, for example
  tools/list_losses.py
  tools/list_losses.py grouping
  tools/list_losses.py box ciou"""


def main(role: str | None, name: str | None) -> None:
    """Print the losses."""
    list.main("losses", role, name)


COMMAND = Command(main, USAGE, paths=0, optional=2, overrides=False)
