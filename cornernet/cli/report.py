"""`report`: put two runs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OBEYS, OUT, SHOWN

if TYPE_CHECKING:
    from cornernet.evaluation.side_by_side import Compared

USAGE = """tools/report.py RUN_A RUN_B [out=DIR] [key=value ...]

Puts two runs side by side: prints their figures with the differences, and writes index.html, one page that opens
offline with what was run, figures, classes, curves and the images on which they differ most, into out (default:
report-A-B/ beside the first). Of the folder of a run the detections of its last evaluation are taken; a checkpoint is
evaluated anew. Where the validation sets differ, both are scored on the images that both have; for example
  tools/report.py runs/shapes runs/shapes-2
  tools/report.py runs/shapes/best.pt runs/shapes-2/best.pt test.flip=true out=flipped

The report of one run is written by each of its evaluations, and by tools/evaluate.py."""


def main(first: str, second: str | None, overrides: list[str], *, out: Path | None = None) -> None:
    """Compare and print the figures."""
    if second is None:
        raise ValueError(
            f"{first} is one run, and two are needed; the report of one is report/index.html in its folder, and "
            "tools/evaluate.py CHECKPOINT writes it anew"
        )
    from cornernet.evaluation.side_by_side import compare

    found = compare(first, second, overrides, out)
    say("\n".join([*text(found), "", *found.left_out, f"the page is {found.page}"]))


def text(found: "Compared") -> list[str]:
    """All figures of both, and the second minus the first, as aligned lines."""
    from cornernet.evaluation import aligned
    from cornernet.evaluation.side_by_side import points

    rows = [(x.name, *x.texts, points(x.difference), x.meaning) for x in found.lines]
    return aligned([("figure", *found.names, "points", "measured at"), *rows], "<>>><")


COMMAND = Command(main, USAGE, paths=1, optional=1, keys=OUT, obeys=OBEYS, shown=("data", *SHOWN))
