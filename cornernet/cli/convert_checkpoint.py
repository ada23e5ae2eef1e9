"""`convert_checkpoint`: import weights of published code."""

from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.system.wording import counted

if TYPE_CHECKING:
    from cornernet.checkpoints import Imported

USAGE = """tools/convert_checkpoint.py PUBLISHED OUT [key=value ...]

Turns a checkpoint of published code into one of this toolkit, with the config that its keys are of, for example
  tools/convert_checkpoint.py CornerNet_500000.pkl cornernet.pt
  tools/evaluate.py cornernet.pt data.root=data/coco"""


def main(published: str, out: str, overrides: list[str]) -> None:
    """Convert."""
    from cornernet.checkpoints import convert_file

    for line in sentences(convert_file(published, out, overrides), published, out):
        say(line)


def sentences(found: "Imported", published: str, out: str) -> list[str]:
    """What was converted, and what must be known of it."""
    lines = [
        f"{counted(found.tensors, 'tensor')} of {published} converted into {out}: config {found.member} with "
        f"{counted(found.stacks, 'stack')}, by the names of {found.naming}"
    ]
    lines.append(f"images are normalised with data.mean={found.mean} and data.std={found.std}, in BGR of 0..1")
    if found.left:
        lines.append(f"{counted(len(found.left), 'tensor')} of its mask branch, which only training needs, left out")
    if found.reversed:
        lines.append("it reads RGB: the channels of its first convolution were reversed, for images are BGR here")
    if not found.compared:
        lines.append(
            f"no output of the network of {found.naming}, and no file of its weights, was compared with ours: measure "
            "it before you rely on it"
        )
    return lines


COMMAND = Command(main, USAGE, paths=2)
