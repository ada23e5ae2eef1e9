"""What is wrong with a data set, and what is done about it."""

import logging
import textwrap
from collections import Counter

log = logging.getLogger(__name__)
LONGEST = 400  # characters of a message; what a hostile file holds may be a megabyte long


class Problems:
    """Collects bad records: the first one ends the reading (stop), or they are left out, counted and logged (skip)."""

    def __init__(self, source: str, on_error: str):
        """Name of the file that is read, and "stop" or "skip"."""
        if on_error not in ("stop", "skip"):
            raise ValueError(f"on_error must be stop or skip, got {on_error!r}")
        self.source, self.on_error = source, on_error
        self.skipped: Counter[str] = Counter()  # kind -> records left out
        self.repaired: Counter[str] = Counter()  # kind -> records used after a harmless change

    def skip(self, kind: str, message: str) -> None:
        """A record that cannot be used; raises ValueError with the message unless on_error is skip."""
        if self.on_error == "stop":
            message = textwrap.shorten(message, LONGEST)
            raise ValueError(f"{self.source}: {message} (data.on_error=skip leaves such records out)")
        self._count(self.skipped, kind, message, "skipped")

    def drop(self, kind: str, message: str) -> None:
        """A record that says nothing, left out whatever on_error is: COCO itself has boxes without area."""
        self._count(self.skipped, kind, message, "left out")

    def repair(self, kind: str, message: str) -> None:
        """A record that is used after a harmless change."""
        self._count(self.repaired, kind, message, "repaired")

    def _count(self, counter: Counter[str], kind: str, message: str, done: str) -> None:
        """Log the first case of a kind, count them all."""
        if not counter[kind]:
            message = textwrap.shorten(message, LONGEST)
            log.warning(
                "%s: %s; %s, further cases of this kind (%s) are only counted", self.source, message, done, kind
            )
        counter[kind] += 1
