"""`audit`: say which labels of a set are probably wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OBEYS, OUT, SHOWN, Reader, choice, share

if TYPE_CHECKING:
    from cornernet.evaluation.audit import Audit, Finding

USAGE = """tools/audit.py CHECKPOINT [split=val] [least=0.3] [out=DIR] [key=value ...]

Holds the labels of a split, val or train, against what a checkpoint, or an exported .onnx, finds: objects without a
label, boxes that are off, classes that are others, second labels of one object, labels of nothing, and images that are
nearly the same, here or in the other split. Prints how many there are of a sureness of `least` or more and the surest,
and writes audit.json, the page index.html with a picture of each, and corrected/SPLIT.json, which annotation tools
load, into out (default: audit-SPLIT/ beside the checkpoint). Your files are not touched; for example
  tools/audit.py runs/bccd/best.pt
  tools/audit.py runs/bccd/best.pt split=train least=0.5
  tools/audit.py best.pt data.val.images=photos data.val.annotations=photos.json"""

SHOWN_FINDINGS = 15


def main(path: str, overrides: list[str], *, split: str = "val", least: float = 0.3, out: Path | None = None) -> None:
    """Audit and print what was found."""
    from cornernet.evaluation.audit import audit_checkpoint

    found, folder = audit_checkpoint(path, split, overrides, out, least)
    say(f"{text(found)}\n\naudit.json, index.html and corrected/{split}.json written to {folder}")


def text(found: "Audit") -> str:
    """How many findings of each kind there are, and the surest of all."""
    from cornernet.evaluation import aligned
    from cornernet.evaluation.audit import KINDS
    from cornernet.system.wording import counted

    head = f"{found.split}: {counted(found.images, 'image')}, {counted(found.labels, 'label')}"
    kinds = [(kind, str(len(found.of(kind))), meaning) for kind, meaning in KINDS.items()]
    parts = [head, "\n".join(aligned([("kind", "findings", "what it is"), *kinds], "<><"))]
    if found.unreadable:
        parts.append(f"left out, since they could not be read: {counted(len(found.unreadable), 'image')}")
    if found.findings:
        rows = [
            (f"{x.sureness:.3f}", x.kind, x.image, x.class_said or "-", x.class_found or "-", _place(x))
            for x in found.findings[:SHOWN_FINDINGS]
        ]
        titles = ("sureness", "kind", "image", "labelled", "found", "where")
        parts.append("\n".join(aligned([titles, *rows], "><<<<<")))
    return "\n\n".join(parts)


def _place(one: "Finding") -> str:
    if one.other is not None:
        return f"like {one.other[2]} of {one.other[0]}"
    return " ".join(f"{v:.0f}" for v in one.box or one.box_found or ())


KEYS = {"split": Reader(choice("val", "train")), "least": Reader(share), **OUT}
COMMAND = Command(main, USAGE, keys=KEYS, obeys=OBEYS, shown=("data", *SHOWN))
