"""Two runs side by side: what was run, their figures, and the images on which they differ most, on one page.

`compare` is the door. member: a run and what it found; alike: the images and classes that both have; standing: how
each of them does there; sections, figures, images: the page. Called by the command `report`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cornernet.drawing import page, script
from cornernet.evaluation.side_by_side.alike import alike
from cornernet.evaluation.side_by_side.figures import Line, lines, points
from cornernet.evaluation.side_by_side.member import member
from cornernet.evaluation.side_by_side.naming import names, plain
from cornernet.evaluation.side_by_side.sections import compose
from cornernet.evaluation.side_by_side.standing import standing
from cornernet.prediction import outputs
from cornernet.system import writing
from cornernet.system.wording import counted

__all__ = ["Compared", "Line", "compare", "points"]
FOOTER = "Written by the CornerNet toolkit."


class Compared(NamedTuple):
    """Two runs, their figures on what both have, and where the page is."""

    names: tuple[str, str]
    lines: list[Line]
    left_out: list[str]  # what of their validation sets was not compared, a line each
    page: Path


def compare(first: str | Path, second: str | Path, overrides: Sequence[str] = (), out: Path | None = None) -> Compared:
    """Folders of runs, or checkpoints -> both side by side, with the page index.html in `out`.

    out: by default a folder beside the first run, report-FIRST-SECOND. overrides: `a.b=c` of both configs. Raises
    ValueError for what is neither, for one and the same, and for two whose validation sets have no image in common.
    """
    titles = names(Path(first), Path(second))
    folder = outputs.folder(Path(first).resolve(), out, f"report-{'-'.join(map(plain, titles))}")
    members = [member(Path(path), name, overrides) for path, name in zip((first, second), titles, strict=True)]
    shared = alike(*members)
    limit = max(one.settings.test.max_per_image for one in members)
    both = [standing(one, shared.truth, found, limit) for one, found in zip(members, shared.found, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    parts = compose(both, shared)
    counts = counted(both[0].metrics.images, "image"), counted(both[0].metrics.objects, "object")
    subtitle = f"{' with '.join(counts)}, the same for both"
    running = script.SORT + (script.GALLERY if "<dialog" in parts[-1].html else "")
    html = page.document(" and ".join(titles), subtitle, parts, FOOTER, running)
    # A name may hold half of a surrogate pair, which no encoding takes.
    writing.write(folder / "index.html", html.encode("utf-8", "replace"))
    return Compared(titles, lines(both[0].metrics, both[1].metrics), shared.left_out, folder / "index.html")
