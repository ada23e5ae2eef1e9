"""`version`: print the version."""

from cornernet.cli.commandline import Command, say
from cornernet.version import __version__

USAGE = """tools/version.py

Prints the version of the toolkit, for example
  tools/version.py"""


def main() -> None:
    """Print it."""
    say(__version__)


COMMAND = Command(main, USAGE, paths=0, overrides=False)
