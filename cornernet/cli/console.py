"""The commands by name: as `cornernet NAME ...`, and as the file tools/NAME.py of a checkout."""

import importlib
import re
import sys
import textwrap

from cornernet.cli.commandline import Command, call, say, sentences
from cornernet.registry import near
from cornernet.version import __version__

COMMANDS = {  # in the order of use; each is a module here and, but for version and profile, a file in tools/
    "train": "train a detector and score it",
    "evaluate": "score a checkpoint with COCO mAP",
    "report": "put two runs side by side",
    "predict": "draw what a checkpoint finds on images, videos or a camera",
    "export": "write a checkpoint as a file for other programs",
    "compare_losses": "train with one loss after the other and compare",
    "diagnose": "say where a checkpoint loses its AP and why it misses objects",
    "audit": "say which labels of a data set are probably wrong",
    "auto": "look at a data set and write a config that fits it",
    "check_data": "look a data set over before a training",
    "show_data": "draw what a training would see",
    "convert": "write a data set in the format of other programs",
    "make_shapes": "write the synthetic shapes as a COCO set",
    "list": "print what can be named: losses, backbones, metrics, ..., and plug-ins",
    "list_losses": "print the losses, as list losses does",
    "document_losses": "write the page of all losses with their curves",
    "simulate_boxes": "move boxes to their targets by gradient descent on box losses",
    "profile": "say where a training's time and memory go, how they grow, and what GPUs would need",
    "replay_batch": "run the batch at which a training gave up again",
    "convert_checkpoint": "import weights of published code",
    "version": "print the version",
}
TOOL, CONFIG = r"(?<![\w/])tools/(\w+)\.py", r"configs/((?:comparisons/)?\w+)\.yaml"


def run(name: str) -> None:
    """Do what tools/NAME.py is for, with the arguments of this process, and exit."""
    call(command(name), sys.argv[1:], str)


def main() -> None:
    """Do what `cornernet NAME ...` asks for, and exit; alone or with --help list the commands."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        say(overview())
        sys.exit(0)
    with sentences():
        if name not in COMMANDS:
            raise ValueError(f"there is no command {name}{_nearest(name)}")
    found = command(name)
    call(found._replace(usage=re.sub(CONFIG, r"\1", found.usage)), arguments, installed)


def command(name: str) -> Command:
    """The command of this name."""
    return importlib.import_module(f"cornernet.cli.{name}").COMMAND


def overview() -> str:
    """What `cornernet --help` prints: all commands with a line each, and the shipped configs."""
    from cornernet.config.shipped import names

    rows = [f"  {name:<20}{about}" for name, about in COMMANDS.items()]
    head = f"cornernet COMMAND ... (version {__version__})\n\nCOMMAND is one of"
    configs = textwrap.fill(", ".join(names()), 100, initial_indent="  ", subsequent_indent="  ")
    tail = f"`cornernet COMMAND --help` says what follows it. A CONFIG is a YAML file or one of\n{configs}"
    return "\n".join([head, *rows, "", tail])


def installed(text: str) -> str:
    """A text that names tools/NAME.py of a checkout -> the same for the console command."""
    return re.sub(TOOL, r"cornernet \1", re.sub(rf"(torchrun .*?){TOOL}", r"\1-m cornernet \2", text))


def _nearest(name: str) -> str:
    return near(name.lstrip("-").replace("-", "_"), COMMANDS) or "; cornernet --help lists them"
