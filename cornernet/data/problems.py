"""What is wrong with a data set, and what is done about it."""

import logging
from collections import Counter
from typing import NamedTuple, NoReturn

from cornernet.system.printing import printable

log = logging.getLogger(__name__)
LONGEST = 400  # characters of a message; what a hostile file holds may be a megabyte long


class Finding(NamedTuple):
    """A kind of oddity in a data set."""

    kind: str
    count: int  # type: ignore[assignment]  # in place of tuple.count
    example: str  # the first case: file, record and what is odd about it
    outcome: str  # what is done about it
    bad: bool = False  # whether a run with data.on_error=stop does not start because of it


def short(text: object) -> str:
    """Text as one printable line of at most LONGEST characters."""
    line = " ".join(str(text).split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} [...] {line[-LONGEST // 3 :]}"
    return printable(line)


def presentable(name: str) -> bool:
    """Whether a name can be printed as it is, and is not too long."""
    return len(name) <= LONGEST and printable(name) == name


class Problems:
    """Collects bad records: the first one ends the reading (stop), or they are left out and counted (skip)."""

    def __init__(self, source: str, on_error: str):
        """Name of the file that is read, and "stop" or "skip"."""
        if on_error not in ("stop", "skip"):
            raise ValueError(f"on_error must be stop or skip, got {on_error!r}")
        self.source, self.on_error = source, on_error
        self.skipped: Counter[str] = Counter()  # kind -> records left out
        self.repaired: Counter[str] = Counter()  # kind -> records used after a harmless change
        self.first: dict[str, Finding] = {}  # kind -> its first case
        self.absent: list[str] = []  # names of images that were left out because there is no such file

    def refuse(self, message: str) -> NoReturn:
        """Raise ValueError for something without which there is no data set, whatever on_error is."""
        raise ValueError(f"{self.source}: {short(message)}")

    def skip(self, kind: str, message: str) -> None:
        """A record that cannot be used; raises ValueError with the message unless on_error is skip."""
        if self.on_error == "stop":
            raise ValueError(f"{self.source}: {short(message)} (data.on_error=skip leaves such records out)")
        self._count(self.skipped, kind, message, "left out", bad=True)

    def drop(self, kind: str, message: str) -> None:
        """A record that says nothing, left out whatever on_error is: COCO itself has boxes without area."""
        self._count(self.skipped, kind, message, "left out")

    def repair(self, kind: str, message: str, outcome: str = "used as it is") -> None:
        """A record that is used after a harmless change."""
        self._count(self.repaired, kind, message, outcome)

    def findings(self) -> list[Finding]:
        """Every kind with its count and its first case; bad: those that on_error stop would have ended at."""
        counts = self.skipped + self.repaired
        return [finding._replace(count=counts[kind]) for kind, finding in self.first.items()]

    def tell(self) -> None:
        """Log each kind once."""
        for found in self.findings():
            log.warning(
                "%s: %d x %s, %s; the first: %s", self.source, found.count, found.kind, found.outcome, found.example
            )

    def reasons(self) -> str:
        """Every kind that was left out, its number and first case: `6 x bad file name, the first: image 1: ...`."""
        found = [x for x in self.findings() if x.kind in self.skipped]
        return "; ".join(f"{self.skipped[x.kind]} x {x.kind}, the first: {x.example}" for x in found)

    def summary(self) -> str:
        """What was left out and what was changed, in one line, or ""."""
        parts = [
            f"{done} {counts.total()} ({', '.join(f'{n} x {kind}' for kind, n in counts.items())})"
            for counts, done in ((self.skipped, "records left out:"), (self.repaired, "used all the same:"))
            if counts.total()
        ]
        return f"{self.source}: {'; '.join(parts)}" if parts else ""

    def _count(self, counter: Counter[str], kind: str, message: str, outcome: str, bad: bool = False) -> None:
        if kind not in self.first:
            self.first[kind] = Finding(kind, 1, short(message), outcome, bad)
        counter[kind] += 1
