"""What all commands share: their one grammar, and errors as one sentence with an exit code."""

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from cornernet.cli import epochs
from cornernet.cli.keys import Reader, read
from cornernet.config import brought
from cornernet.errors import BAD_INPUT, FAILED, Failed, Interrupted, Unsaved
from cornernet.system import printing
from cornernet.system.interruption import leaving
from cornernet.system.streams import lost, outlive
from cornernet.system.wording import counted

log = logging.getLogger("cornernet")
say = printing.say
OVERRIDE = re.compile(r"[\w.\[\]]+=")  # a path may well hold a `=`, but then mostly behind a /
LACKS = {  # what the messages of torch's RuntimeErrors say -> what it means
    "out of memory": "the device has too little memory; a smaller train.batch_size or more train.accumulate need less",
    "can't allocate memory": "too little memory; a smaller train.batch_size or more train.accumulate need less",
}


class Command(NamedTuple):
    """What a command takes and calls."""

    main: Callable[..., None]  # called with the paths, the overrides if it takes any, and its own keys that are given
    usage: str  # its first line names the tool as tools/NAME.py
    paths: int = 1  # that are required
    optional: int = 0  # that may follow
    several: bool = False  # whether any number may follow in the last one's place; main takes these as a list
    keys: Mapping[str, Reader] = {}  # own keys: the parameter of main, and how the value is read
    overrides: bool = True  # whether all other keys are those of a config
    stopped: str = ""  # said after "stopped by SIGTERM", or another signal
    obeys: tuple[str, ...] = ()  # sections and keys of a config that change what it does, where not all of them do
    shown: tuple[str, ...] = ()  # those of them that --help prints, where not all keys are


def call(command: Command, arguments: list[str], words: Callable[[str], str] = str) -> None:
    """Call a command's main for `PATH ... key=value ...` and exit: 0, 2 bad input, 1 failed, 128 + signal.

    --help prints its usage text and, where it takes overrides, the keys of a config that matter to it; `--help all` all
    of them. words: says of a text that names tools and configs how they are named where the command was called.
    """
    outlive()
    usage = words(command.usage)
    if "--help" in arguments or "-h" in arguments:
        from cornernet.cli.help import help_text

        chosen = () if "all" in arguments else command.shown
        say(f"{usage}\n\n{help_text(chosen)}" if command.overrides else usage)
        sys.exit(0)
    printing.prepare()
    with sentences(words), leaving(command.stopped):
        *given, settings = split(arguments, usage, command.paths, command.optional, command.several)
        if settings and not command.keys and not command.overrides:
            raise ValueError(f"got {settings[0]!r}, but nothing can be set here; {_first(usage)}")
        epochs.check(given, settings if command.overrides and "epochs" not in command.keys else [])
        own, rest = read(settings, command.keys, command.overrides)
        if idle := [key for key in (text.partition("=")[0] for text in rest) if not obeyed(key, command.obeys)]:
            log.warning("%s: nothing here changes with that", ", ".join(dict.fromkeys(idle)))
        command.main(*given, *([rest] if command.overrides else []), **own)
        sys.stdout.flush()
        if error := lost():
            log.warning("a part of what was printed is lost: %s", error.strerror)


def split(arguments: list[str], usage: str, paths: int, optional: int = 0, several: bool = False) -> list:
    """Arguments -> [path, ..., overrides]; absent optional paths are None, several ones are a list in the last place.

    Raises ValueError for a wrong count.
    """
    given = []
    while arguments and not arguments[0].startswith("-") and not OVERRIDE.match(arguments[0]):
        given.append(arguments[0])
        arguments = arguments[1:]
    for text in arguments:
        if not OVERRIDE.match(text):
            known = brought.answer(text.partition("=")[0]) if text.startswith("-") else ""
            hint = f"{known}; " if known else ""
            raise ValueError(f"got {text!r} where an override key=value was expected; {hint}{_first(usage)}")
    if not paths <= len(given) <= paths + optional and not (several and paths <= len(given)):
        raise ValueError(f"{counted(len(given), 'path')} given; {_first(usage)}")
    if several:
        return [*given[: paths - 1], given[paths - 1 :], arguments]
    return [*given, *[None] * (paths + optional - len(given)), arguments]


def obeyed(key: str, keys: Sequence[str]) -> bool:
    """Whether a key of a config, or a section, is or lies in one of these; any is where there are none."""
    return not keys or any(f"{key}.".startswith(f"{own}.") or f"{own}.".startswith(f"{key}.") for own in keys)


def _first(usage: str) -> str:
    return "usage: " + usage.strip().splitlines()[0]


@contextmanager
def sentences(words: Callable[[str], str] = str):
    """Turn the errors a user can cause into one sentence on stderr and the command's exit code.

    With CORNERNET_TRACEBACK=1 in the environment they are raised as they are.
    """
    if os.environ.get("CORNERNET_TRACEBACK"):
        yield
        return
    try:
        yield
    except (ValueError, OSError) as error:
        _exit(words(str(error)), BAD_INPUT)
    except (FloatingPointError, Failed, Unsaved) as error:
        _exit(words(str(error)), FAILED)
    except RuntimeError as error:
        lack = next((meaning for text, meaning in LACKS.items() if text in str(error)), None)
        if lack is None:
            raise
        _exit(lack, FAILED)
    except Interrupted as error:
        _exit(error, 128 + error.number)
    except KeyboardInterrupt:
        _exit("interrupted", 130)


def _exit(error, code: int) -> None:
    text = printing.printable(" ".join(str(error).split()))
    if code == FAILED and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        text = f"rank {os.environ.get('RANK')}: {text}"
    if sys.stderr is not None:
        printing.show(f"error: {text}" if code in (BAD_INPUT, FAILED) else text, sys.stderr)
    sys.exit(code)
