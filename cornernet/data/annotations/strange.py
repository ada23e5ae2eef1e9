"""Names what is no data set in a known format, and says what to do about it."""

from pathlib import Path

from cornernet.data.headers import foreign


def strange(path: Path) -> str:
    """Path that no format recognises -> what it is, as the end of a sentence that begins with its name."""
    if path.is_dir():
        return "is a folder in which no annotations were recognised"
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "is empty"
    return foreign(head) or "holds no annotations in a format that can be read"
