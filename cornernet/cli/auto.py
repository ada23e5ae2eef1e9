"""`auto`: look at a data set and write a config that fits it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, path, whole

if TYPE_CHECKING:
    from cornernet.recipes import Recipe

USAGE = """tools/auto.py FOLDER out=DIR [minutes=N] [key=value ...]

Looks at a set of labelled images, FOLDER or a file, in any format that is read (or shapes or cards), and writes
DIR/config.yaml, whose every key has a comment that says why. Nothing is trained. DIR must be new or empty. minutes: how
long a training may take on the cores of this machine, 40 unless given; a GPU is not counted. Keys of a config go before
what is chosen, and say where images are that are not found; for example
  tools/auto.py photos out=recipes/photos
  tools/auto.py labels.json out=recipes/scans minutes=15 data.train.images=scans 'data.split_by=^(patient\\d+)_'"""


def main(folder: str, overrides: list[str], *, out: Path | None = None, minutes: int = 40) -> None:
    """Write the config and say what was measured, what was chosen, and how to train."""
    if out is None:
        raise ValueError("out is missing: name a new folder for the config, such as out=recipes/mine")
    from cornernet.recipes import write

    say(text(write(folder, out, minutes, overrides)))


def text(done: "Recipe") -> str:
    """The facts, the choices in a table, and the command to train with."""
    from cornernet.evaluation import aligned

    rows = [("  " + each.key, _short(each.value)) for each in done.choices]
    train = f"  cornernet train {shlex.quote(str(done.path))} work_dir={shlex.quote(str(done.path.parent / 'run'))}"
    head = f"written to {done.path}, with the reasons:"
    return "\n".join([*done.facts, "", head, *aligned(rows, "<<"), "", "to train:", train])


def _short(value: object) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


KEYS = {"out": Reader(path), "minutes": Reader(whole(1))}
COMMAND = Command(main, USAGE, keys=KEYS)
