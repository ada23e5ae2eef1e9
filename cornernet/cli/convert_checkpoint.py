"""`convert_checkpoint`: import weights in the published layout."""

from cornernet.cli.commandline import Command, say
from cornernet.system.wording import counted

USAGE = """tools/convert_checkpoint.py PUBLISHED OUT [key=value ...]

Turns a checkpoint of the published CornerNet code into one of this toolkit (for configs/cornernet.yaml), for example
  tools/convert_checkpoint.py CornerNet_500000.pkl cornernet.pt
  tools/evaluate.py cornernet.pt data.root=data/coco"""


def main(published: str, out: str, overrides: list[str]) -> None:
    """Convert."""
    from cornernet.checkpoints import convert_file

    count = convert_file(published, out, overrides)
    say(f"{counted(count, 'tensor')} of {published} converted into {out}")


COMMAND = Command(main, USAGE, paths=2)
