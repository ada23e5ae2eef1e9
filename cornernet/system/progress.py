"""How far something has come: a bar in a terminal, and a plain line a minute where stderr leads elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from cornernet.system import printing, wording

EVERY = 60.0  # seconds between two lines
T = TypeVar("T")


class Progress:
    """Counts what is done, on stderr; `with` ends it."""

    def __init__(self, total: int | None, unit: str, name: str = "", begun: int = 0, shown: bool = True):
        """How much there is to do, None where nobody knows; of what; in which work; done before; whether to show it."""
        self.total, self.unit, self.name, self.done, self.shown = total, unit, name, begun, shown
        self.words, self.begun, self.told = "", begun, -1  # the last for the count in the last line
        self.since = self.last = time.monotonic()
        self.drawn = shown and sys.stderr is not None and sys.stderr.isatty()
        self.bar = tqdm(
            desc=_written(name) or None,
            total=total,
            initial=begun,
            unit=unit,
            dynamic_ncols=True,
            disable=not self.drawn,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def update(self, count: int = 1) -> None:
        """So much more is done."""
        self.done += count
        self.bar.update(count)
        if time.monotonic() - self.last >= EVERY:
            self._tell()

    def describe(self, name: str) -> None:
        """Name the work that goes on."""
        self.name = name
        self.bar.set_description(_written(name))

    def note(self, words: str) -> None:
        """Show figures of the work behind the count."""
        self.words = words
        self.bar.set_postfix_str(_written(words))

    def close(self) -> None:
        """End it, with a last line where there is no bar."""
        self.bar.close()
        if self.told != self.done:
            self._tell()

    def _tell(self) -> None:
        self.last, self.told = time.monotonic(), self.done
        if self.shown and not self.drawn and sys.stderr is not None:
            printing.show(self.line(), sys.stderr)

    def line(self) -> str:
        """`evaluate: 120/500 images in 01:03, 1.90/s`, and the figures behind it."""
        took = time.monotonic() - self.since
        count = f"{self.done}/{self.total}" if self.total is not None else str(self.done)
        speed = f", {(self.done - self.begun) / took:.3g}/s" if took > 0 and self.done > self.begun else ""
        noun = wording.plural(self.done if self.total is None else self.total, self.unit)
        name = f"{self.name}: " if self.name else ""
        figures = f", {self.words}" if self.words else ""
        return f"{name}{count} {noun} in {tqdm.format_interval(took)}{speed}{figures}"


def following(items: Iterable[T], total: int | None, unit: str, name: str = "", shown: bool = True) -> Iterator[T]:
    """The items; each counts as done when the next one is asked for."""
    with Progress(total, unit, name, shown=shown) as progress:
        for item in items:
            yield item
            progress.update()


def _written(text: str) -> str:
    return printing.encodable(text, sys.stderr) if sys.stderr is not None else text
