"""Letters on images."""

from functools import cache
from pathlib import Path
from typing import Any


def shortened(name: str, score: str, room: int, font: Any) -> str:
    """Name and score, the name cut until both fit into `room` pixels; the score is never cut."""
    text = name + score
    while name and font.getlength(text) > room:
        name = name[:-1]
        text = f"{name}\N{HORIZONTAL ELLIPSIS}{score}"
    return text


@cache
def dejavu(size: int) -> Any:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic; other letters show as an empty box."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
