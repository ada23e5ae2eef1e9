"""How this process was started, for a page that tells it and may travel."""

import shlex
import sys
from pathlib import Path

KEPT = 2  # parts at the end of an absolute path; the others tell where it was made


def command() -> str:
    """Command line of this process, its absolute paths cut to their last parts; empty where there is none."""
    program, *arguments = [*sys.argv[:1], *sys.argv[1:]] or [""]
    name = Path(program).name
    shown = ["cornernet" if name == "__main__.py" else name, *map(cut, arguments)]
    return shlex.join(shown) if name not in ("", "-c", "-m") else ""


def cut(text: str) -> str:
    """A path, or key=path, cut where it is absolute; any other text as it is."""
    key, equals, value = text.rpartition("=")
    path = Path(value)
    if not path.is_absolute() or len(path.parts) <= KEPT + 1:
        return text
    return f"{key}{equals}\N{HORIZONTAL ELLIPSIS}/{'/'.join(path.parts[-KEPT:])}"
