"""Letters on images."""

from functools import cache
from pathlib import Path
from typing import Any

UNSEEN = " \u200c\u200d\ufe0e\ufe0f"  # joiners and what chooses between forms of a letter


def shortened(name: str, score: str, room: int, font: Any) -> str:
    """Name and score, the name cut until both fit into `room` pixels; the score is never cut."""
    text = name + score
    while name and font.getlength(text) > room:
        name = name[:-1]
        text = f"{name}\N{HORIZONTAL ELLIPSIS}{score}"
    return text


def font(text: str, size: int) -> Any:
    """Font that has all letters of a text: DejaVu Sans, else one that is installed; DejaVu Sans where none has them."""
    return _opened(_having(_visible(text)) or dejavu(), size)


def drawable(text: str) -> bool:
    """Whether there is a font that has all letters of a text."""
    return _having(_visible(text)) is not None


def _visible(text: str) -> frozenset[int]:
    return frozenset(ord(letter) for letter in text if letter not in UNSEEN)


@cache
def _having(letters: frozenset[int]) -> Path | None:
    """File of a font that has these letters, DejaVu Sans if it has them; None for none."""
    if letters <= letters_of(dejavu()):
        return dejavu()
    return next((path for path in _installed() if letters <= letters_of(path) and _opens(path)), None)


def dejavu() -> Path:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic and more."""
    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _installed() -> list[Path]:
    """Fonts of the system, regular ones first; none that has a sign for every letter and writes none of them."""
    from matplotlib.font_manager import findSystemFonts

    paths = [path for path in map(Path, findSystemFonts()) if "lastresort" not in path.name.lower()]
    return sorted(paths, key=lambda path: ("regular" not in path.name.lower(), path.name))


@cache
def letters_of(path: Path) -> frozenset[int]:
    """Code points that a font has."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(path)).get_charmap())
    except (RuntimeError, OSError):  # a damaged file, or one of a kind that is not read
        return frozenset()


def _opens(path: Path) -> bool:
    try:
        _opened(path, 12)
    except OSError:  # of images of its letters in one size, as coloured emoji are
        return False
    return True


@cache
def _opened(path: Path, size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(path), size)
