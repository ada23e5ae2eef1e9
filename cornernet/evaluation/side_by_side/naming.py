"""What two runs are called where they stand side by side."""

import re
from itertools import count
from pathlib import Path

from cornernet.system.printing import printable

LONGEST = 60  # letters of a name in the name of a folder


def names(first: Path, second: Path) -> tuple[str, str]:
    """Two paths -> the shortest ends of them that differ, on one line; raises ValueError where both are one."""
    one, other = (path.resolve().parts for path in (first, second))
    if one == other:
        raise ValueError(f"{first} and {second} are one and the same; two runs can be compared")
    ends = next((a, b) for n in count(1) if (a := "/".join(one[-n:])) != (b := "/".join(other[-n:])))
    return printable(ends[0]), printable(ends[1])


def plain(name: str) -> str:
    """Name -> a part of the name of a folder."""
    return re.sub(r"[^\w.+-]+", "_", name)[:LONGEST]
