"""The command line: one grammar for every command, help, exit codes, text for a terminal.

A module of the name of a command holds its usage text, the readers of its own keys and how it says what came out; what
it calls returns data. `run` is called by the files in tools/, `main` by the console command `cornernet`.
"""

from cornernet.cli.console import main, run

__all__ = ["main", "run"]
