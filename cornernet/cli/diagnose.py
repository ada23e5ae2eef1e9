"""`diagnose`: say where a checkpoint loses its AP and why it misses objects."""

from pathlib import Path

from cornernet.cli.commandline import Command, say
from cornernet.cli.keys import OBEYS, OUT, SHOWN, Reader, whole
from cornernet.system.wording import counted

USAGE = """tools/diagnose.py CHECKPOINT [images=N] [out=DIR] [key=value ...]

Runs the checkpoint over its validation split with parts of its output replaced by the truth, prints the AP of each and
the reason why each object was missed, and writes diagnosis.json, missed.csv and the N worst images (12) into out
(default: diagnosis/ beside the checkpoint), for example
  tools/diagnose.py runs/shapes/best.pt
  tools/diagnose.py best.pt data.val.images=photos data.val.annotations=photos.json test.draw_score=0.5 images=30"""


def main(path: str, overrides: list[str], *, images: int = 12, out: Path | None = None) -> None:
    """Diagnose and print the tables."""
    from cornernet.evaluation.diagnosis import diagnose_checkpoint
    from cornernet.evaluation.diagnosis.table import table

    found, folder = diagnose_checkpoint(path, overrides, images, out)
    say(f"{table(found)}\n\ndiagnosis.json, missed.csv and {counted(len(found.worst), 'image')} written to {folder}")


COMMAND = Command(main, USAGE, keys={"images": Reader(whole(0)), **OUT}, obeys=OBEYS, shown=("data", *SHOWN))
