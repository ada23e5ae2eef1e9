"""`check_data`: look a data set over before a training."""

from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import Reader, switch

if TYPE_CHECKING:
    from cornernet.training import Report

USAGE = """tools/check_data.py CONFIG [images=true] [key=value ...]

Prints what the training and validation sets of a config hold, one table of what is odd about them, and what a training
would do about it. Exit code 2 where it would be refused. Of each image the head is read; images=true decodes them
all; for example
  tools/check_data.py configs/bccd.yaml
  tools/check_data.py configs/coco_mini.yaml images=true data.on_error=skip"""

TITLES = ("split", "found", "count", "what is done", "the first one")


def main(path: str, overrides: list[str], *, images: bool = False) -> None:
    """Print what is found; raises ValueError where a training would be refused."""
    from cornernet.training import report

    found = report(path, overrides, images)
    say(text(found))
    if refusal := found.refusal():
        raise ValueError(refusal)


def text(found: "Report") -> str:
    """What each split holds, a table of what is odd, and how far it was read."""
    depth = "of each image the head was read; images=true reads all"
    return "\n\n".join([*_facts(found), _odd(found), "all of every image was read" if found.decoded else depth])


def _facts(found: "Report") -> list[str]:
    from cornernet.data import facts
    from cornernet.evaluation import aligned

    sections = []
    for split, (source, held) in found.splits.items():
        rows: list[tuple[str, ...]] = [(f"  {name}", value) for name, value in facts(source, held)]
        sections.append("\n".join([f"{split}: {source.origin}", *aligned(rows, "<<")]))
    return sections


def _odd(found: "Report") -> str:
    from cornernet.evaluation import aligned
    from cornernet.training import REFUSED, refused

    if not found.rows:
        return "nothing odd was found"
    cells = [
        (split, x.kind, str(x.count), REFUSED if refused(x, found.stop) else x.outcome, x.example)
        for split, x in found.rows
    ]
    return "\n".join(aligned([TITLES, *cells], "<<><<"))


COMMAND = Command(main, USAGE, keys={"images": Reader(switch)})
