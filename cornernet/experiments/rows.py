"""The rows of a comparison: NAME.csv, a row a finished point, made to be committed and to be merged.

Columns: kind, one for each key of a label, those of FIXED, then the figures. The order of rows depends on what they are
alone, so that what two machines have added to one file lies at different places of it. A row that is there is never
changed: what it says was done.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cornernet.system import writing
from cornernet.system.locking import Lock
from cornernet.system.printing import printable

KINDS = ("timing", "trial", "point")  # of a training: a short one that is timed, one of a search, one of the table
FIXED = (
    "searched",  # overrides that a search tries, or has found
    "seed",
    "config",  # digest of what the training depends on, see grid.digest
    "test",  # the same of how it is scored
    "commit",  # of the package's checkout; empty: there is none
    "version",
    "steps",
    "minutes",  # of training, without evaluations; of a timing those that are asked for
    "images_per_s",
    "memory_mib",
)
LONGEST = 2**26  # bytes of a file
DIGITS, MOST = 19, 1e15  # of a whole number; what every number is below
PATIENCE = 120.0  # seconds that others may take to add theirs
Record = dict[str, str]
Key = tuple[str, str, str, str]


def key(record: Record) -> Key:
    """What tells a row from all others: kind, config, test, seed."""
    return record["kind"], record["config"], record["test"], record["seed"]


def file_of(record: Record) -> str:
    """Name of the matches of a row, in the folder beside the file that is named as it is."""
    return f"{record['config']}-{record['test']}-{record['seed']}.npz"


def labels(record: Record) -> dict[str, str]:
    """Label of a row: the columns between kind and FIXED that it fills."""
    names = list(record)
    return {name: record[name] for name in names[1 : names.index(FIXED[0])] if record[name]}


def figures(record: Record) -> dict[str, float]:
    """Figures of a row: the columns behind FIXED that it fills."""
    return {name: float(record[name]) for name in list(record)[_behind(record) :] if record[name]}


def record(kind: str, label: dict[str, str], fixed: dict[str, Any], found: dict[str, float]) -> Record:
    """Parts of a row -> the row; of FIXED what is not given is empty.

    A figure that has the name of another column is left out. Line ends and the like in names are written as escapes.
    """
    cells = {"kind": kind, **label, **{name: fixed.get(name, "") for name in FIXED}}
    cells |= {name: value for name, value in found.items() if name not in cells}
    return {
        printable(name): f"{value:.6g}" if isinstance(value, float) else printable(value)
        for name, value in cells.items()
    }


def read(path: Path) -> list[Record]:
    """Rows of the file, [] without one; raises ValueError, one sentence, for a file that is something else."""
    if not path.exists():
        return []
    if (length := path.stat().st_size) > LONGEST:
        raise ValueError(f"{path} holds {length} bytes, at most {LONGEST} are allowed")
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets begin a file with a mark
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        found = list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable as CSV: {error}") from None
    names = list(reader.fieldnames or [])
    begin = names.index(FIXED[0]) if FIXED[0] in names else 0
    if names[:1] != ["kind"] or tuple(names[begin : begin + len(FIXED)]) != FIXED or len(set(names)) != len(names):
        raise ValueError(f"{path} does not hold the rows of a comparison: its first line must be kind, ..., seed, ...")
    for number, record in enumerate(found, 2):
        _check(record, f"{path}, row {number}")
    return list({key(record): record for record in reversed(found)}.values())[::-1]


def _check(record: Record, where: str) -> None:
    if record["kind"] not in KINDS:
        raise ValueError(f"{where}: kind must be one of {', '.join(KINDS)}, got {record['kind']!r} (left by a merge?)")
    if None in record or None in record.values():
        raise ValueError(f"{where} has another number of cells than the first line")
    for name, text in list(record.items())[list(record).index("version") + 1 :]:
        if not _is_number(text or "0"):
            raise ValueError(f"{where}: {name} must be a number, got {text!r}")
    for name in ("seed", "steps"):
        if not record[name].isdecimal() or len(record[name]) > DIGITS:
            raise ValueError(f"{where}: {name} must be a whole number, got {record[name][: 2 * DIGITS]!r}")


def _is_number(text: str) -> bool:
    """Whether it is one that can be counted with."""
    try:
        return abs(float(text)) < MOST
    except ValueError:
        return False


def _behind(record: Record) -> int:
    return list(record).index(FIXED[-1]) + 1


def check_folder(path: Path) -> None:
    """Raise OSError where rows could not be added: before the first training, not after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def add(path: Path, new: Sequence[Record]) -> None:
    """Put rows into the file, beside what others have put there since; of two with one key the one there stays.

    Several machines may do so at once. The file is replaced as a whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with Lock(path.parent, PATIENCE, f".{path.name}.lock"):
        held = {key(record): record for record in (*new, *read(path))}
        writing.write(path, text(held.values()))


def text(records: Iterable[Record]) -> str:
    """Rows -> the CSV, in the order that depends on them alone."""
    records = sorted(records, key=_place)
    own = dict.fromkeys(name for record in records for name in labels(record))
    numbers = dict.fromkeys(name for record in records for name in list(record)[_behind(record) :])
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, ["kind", *own, *FIXED, *numbers], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return file.getvalue()


def _place(record: Record) -> tuple:
    return (
        KINDS.index(record["kind"]), sorted(labels(record).items()), record["searched"], record["config"],
        record["test"], int(record["seed"]),
    )  # fmt: skip
