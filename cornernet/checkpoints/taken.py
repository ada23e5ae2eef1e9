"""What was taken from a file of weights, and how a run's log says it."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from cornernet.system.wording import counted

FEW = 8  # names in a line


class Taken(NamedTuple):
    """What was taken from a file; tensors are those of the detector but for its loss."""

    whole: int  # tensors of which all was taken
    fresh: int  # of which nothing was
    total: int  # all
    parts: list[str]  # where the fresh ones lie, see `parts`
    same: bool  # whether the file has the detector's classes, in their order, or names none and has as many
    named: bool  # whether the file names its classes
    known: list[str]  # classes whose rows were taken, where the file has other ones
    new: list[str]  # classes whose rows are fresh then


def sentences(taken: Taken, path: str) -> list[str]:
    """What was taken -> `266 of 270 tensors taken; classes RBC, WBC by name, Platelets new`, and what is fresh."""
    lines = [f"{path}: {taken.whole} of {counted(taken.total, 'tensor')} taken; {_classes(taken)}"]
    if taken.fresh:
        lines.append(f"{counted(taken.fresh, 'tensor')} fresh: {listed(taken.parts)}")
    return lines


def _classes(taken: Taken) -> str:
    if taken.same:
        return "its classes are the same" if taken.named else "it names no classes, which are taken in their order"
    known = f"{listed(taken.known)} by name" if taken.known else ""
    new = f"{listed(taken.new)} new" if taken.new else ""
    return f"classes {', '.join(filter(None, (known, new)))}"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def parts(names: Collection[str], everything: Collection[str]) -> list[str]:
    """Dotted names out of all -> the same with `head` for all that lies below it, where all of that is among them."""
    chosen, there = (Counter(start for name in some for start in _starts(name)) for some in (names, everything))
    return list(dict.fromkeys(next(x for x in _starts(name) if chosen[x] == there[x]) for name in names))


def _starts(name: str) -> Iterator[str]:
    """`a.b.c` -> a, a.b, a.b.c."""
    words = name.split(".")
    return (".".join(words[:end]) for end in range(1, len(words) + 1))
