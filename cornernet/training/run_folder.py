"""The folder of a run: where it lies, what it logs, how a stopped run finds its way back."""

import csv
import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cornernet.config.renamed import COLUMNS
from cornernet.system import writing

log = logging.getLogger("cornernet")
LAST, BEST, BAD_BATCH = "last.pt", "best.pt", "bad_batch.pt"
PREVIOUS = "last.prev.pt"  # as checkpoint.previous names it
DAMAGED = "last.damaged.pt"  # a last one that could not be read
LAUNCH = ".launch"  # in the folder of a run under torchrun: which launch made it
_told: set[str] = set()  # what `outliving_the_disk` has warned of


def folder(work_dir: str, name: str, resume: str) -> Path:
    """Folder of the run. A folder that already holds a run is only used again to resume it.

    Raises ValueError if `work_dir` is taken; without one the next free runs/<name>, runs/<name>-2, ... is used.
    """
    if work_dir:
        path = Path(work_dir)
        if resume != "auto" and _taken(path):
            raise ValueError(
                f"work_dir {path} already holds a run; train.resume=auto goes on with it, another work_dir starts anew"
            )
        return path
    numbered = _numbered(Path("runs"), name)
    if resume == "auto" and numbered:
        return numbered[-1][1]
    following = numbered[-1][0] + 1 if numbered else 1
    return Path("runs") / (name if following == 1 else f"{name}-{following}")


def _taken(path: Path) -> bool:
    return any((path / name).exists() for name in (LAST, PREVIOUS, BEST, "log.csv"))


def launch() -> str:
    """What tells this launch of torchrun from all others; it outlives restarts. Empty where there is no torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "")
    # `none` is the name of every launch that was given none; the parent is the agent, which starts the processes again
    return f"{socket.gethostname()} {os.getppid()}" if name == "none" else name


def restarted() -> bool:
    """Whether torchrun has started this launch before."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def mark(folder: Path) -> None:
    """Note in a run's folder which launch it belongs to."""
    if launch():
        writing.write(folder / LAUNCH, launch())


def again(work_dir: str, name: str) -> Path | None:
    """Folder that this launch made before torchrun restarted it; None for a first attempt, or if that made none."""
    if not restarted():
        return None
    folders = [Path(work_dir)] if work_dir else [path for _, path in reversed(_numbered(Path("runs"), name))]
    marks = ((path, path / LAUNCH) for path in folders)
    return next((p for p, held in marks if held.is_file() and held.read_text(encoding="utf-8") == launch()), None)


@contextmanager
def outliving_the_disk(what: str) -> Iterator[None]:
    """What the disk does not take, since it is full, read-only or gone, is said once and does not cost the run."""
    try:
        yield
    except OSError as error:
        if what not in _told:
            _told.add(what)
            log.warning("%s could not be written: %s; the run goes on without", what, error.strerror or error)


def _numbered(parent: Path, name: str) -> list[tuple[int, Path]]:
    """Runs of this name that exist, with their numbers, in order."""
    folders = [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    matches = [(re.fullmatch(rf"{re.escape(name)}(?:-(\d+))?", path.name), path) for path in folders]
    return sorted((int(match[1] or 1), path) for match, path in matches if match)


class Table:
    """A CSV file that grows by rows; on resume, rows from beyond the resumed step are dropped."""

    def __init__(self, path: Path, step: int):
        self.path, self.whole = path, True  # whole: the file ends with a complete row
        self.rows = [row for row in _read(path) if int(row["step"]) <= step]
        if path.exists():
            with outliving_the_disk(str(path)):
                self._write_all()

    def add(self, *added: dict[str, Any]) -> None:
        """Append rows; a new column rewrites the file with it."""
        rows = [{key: f"{x:.8g}" if isinstance(x, float) else str(x) for key, x in row.items()} for row in added]
        known = bool(self.rows) and all(row.keys() <= self.rows[0].keys() for row in rows)
        self.rows += rows
        whole, self.whole = self.whole, False  # until the row is in it
        if known and whole:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, list(self.rows[0]), restval="").writerows(rows)
        else:
            self._write_all()
        self.whole = True

    def _write_all(self) -> None:
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        self.rows = [{key: row.get(key, "") for key in columns} for row in self.rows]
        with (
            writing.replacing(self.path) as temporary,  # a full disk must not cost the rows that are there
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)


def _read(path: Path) -> list[dict[str, str]]:
    """Complete rows of the file, under the columns' names of now; a crash may cut the last or leave zeros there."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [x for x in text.splitlines(True) if x.endswith("\n") and "\0" not in x]
    rows = [row for row in csv.DictReader(lines) if None not in row.values() and row.get("step", "").isdigit()]
    names = COLUMNS if any("regr" in row for row in rows) else {}
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]
