"""What all tools share: their one grammar, and errors as one sentence with an exit code."""

import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import contextmanager

from cornernet.system import printing
from cornernet.system.interruption import Interrupted, leaving
from cornernet.system.streams import lost, outlive

log = logging.getLogger("cornernet")
say = printing.say
BAD_INPUT, FAILED = 2, 1
OVERRIDE = re.compile(r"[\w.\[\]]+=")  # a path may well hold a `=`, but then mostly behind a /
LACKS = {  # what the messages of torch's RuntimeErrors say -> what it means
    "out of memory": "the device has too little memory; a smaller train.batch_size or more train.accumulate need less",
    "can't allocate memory": "too little memory; a smaller train.batch_size or more train.accumulate need less",
}


class Failed(RuntimeError):
    """Something broke that the input is not to blame for; its message is one sentence."""


class Unsaved(Exception):
    """A run came to its end, and its last state could not be written."""


def run(
    main: Callable[..., None], usage: str, paths: int, optional: int = 0, keys: bool = True, stopped: str = ""
) -> None:
    """Call main(*paths, overrides) for `PATH ... key=value ...` and exit: 0, 2 bad input, 1 failed, 128 + signal.

    `paths` first arguments are required, `optional` more may follow; --help prints `usage` and every key. Without keys
    the tool takes no overrides and main(*paths) is called. stopped: said after "stopped by SIGTERM", or another.
    """
    outlive()
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        from cornernet.cli.help import help_text

        printing.say(f"{usage}\n\n{help_text()}" if keys else usage)
        sys.exit(0)
    printing.prepare()
    with sentences(), leaving(stopped):
        *given, overrides = split(arguments, usage, paths, optional)
        if overrides and not keys:
            raise ValueError(f"got {overrides[0]!r}, but nothing can be set here; {_first(usage)}")
        main(*given, *([overrides] if keys else []))
        sys.stdout.flush()
        if error := lost():
            log.warning("a part of what was printed is lost: %s", error.strerror)


def split(arguments: list[str], usage: str, paths: int, optional: int = 0) -> list:
    """Arguments -> [path, ..., overrides]; absent optional paths are None. Raises ValueError for a wrong count."""
    given = []
    while arguments and not arguments[0].startswith("-") and not OVERRIDE.match(arguments[0]):
        given.append(arguments[0])
        arguments = arguments[1:]
    for text in arguments:
        if not OVERRIDE.match(text):
            raise ValueError(f"got {text!r} where an override key=value was expected; {_first(usage)}")
    if not paths <= len(given) <= paths + optional:
        raise ValueError(f"{len(given)} paths given; {_first(usage)}")
    return [*given, *[None] * (paths + optional - len(given)), arguments]


def _first(usage: str) -> str:
    return "usage: " + usage.strip().splitlines()[0]


@contextmanager
def sentences():
    """Turn the errors a user can cause into one sentence on stderr and the tool's exit code.

    With CORNERNET_TRACEBACK=1 in the environment they are raised as they are.
    """
    if os.environ.get("CORNERNET_TRACEBACK"):
        yield
        return
    try:
        yield
    except (ValueError, OSError) as error:
        _exit(error, BAD_INPUT)
    except (FloatingPointError, Failed, Unsaved) as error:
        _exit(error, FAILED)
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
    print(f"error: {text}" if code in (BAD_INPUT, FAILED) else text, file=sys.stderr)
    sys.exit(code)
