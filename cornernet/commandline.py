"""What all tools share: their one grammar, and errors as one sentence with an exit code."""

import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import contextmanager

BAD_INPUT, FAILED = 2, 1
OVERRIDE = re.compile(r"[\w.\[\]]+=")  # a path may well hold a `=`, but then mostly behind a /
LACKS = {  # what the messages of torch's RuntimeErrors say -> what it means
    "out of memory": "the device has too little memory; a smaller train.batch_size or more train.accumulate need less",
    "can't allocate memory": "too little memory; a smaller train.batch_size or more train.accumulate need less",
}


class Failed(RuntimeError):
    """Something broke that the input is not to blame for; its message is one sentence."""


class Interrupted(Exception):
    """The run was asked to stop by a signal and has saved its state; holds the signal's number."""

    def __init__(self, number: int, message: str):
        super().__init__(message)
        self.number = number


class Unsaved(Exception):
    """A run came to its end, and its last state could not be written."""


def run(main: Callable[..., None], usage: str, paths: int, optional: int = 0, keys: bool = True) -> None:
    """Call main(*paths, overrides) for `PATH ... key=value ...` and exit: 0, 2 bad input, 1 failed, 128 + signal.

    `paths` first arguments are required, `optional` more may follow; --help prints `usage` and every key. Without keys
    the tool takes no overrides and main(*paths) is called.
    """
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        from cornernet.help import help_text

        _show(f"{usage}\n\n{help_text()}" if keys else usage)
        sys.exit(0)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("cornernet").setLevel(logging.INFO)
    with sentences():
        *given, overrides = split(arguments, usage, paths, optional)
        if overrides and not keys:
            raise ValueError(f"got {overrides[0]!r}, but nothing can be set here; {_first(usage)}")
        main(*given, *([overrides] if keys else []))


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


def _show(text: str) -> None:
    """Print a long text; whoever reads it may have enough of it before its end, as `| head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # python would complain of the rest at its end


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
    text = " ".join(str(error).split())
    print(f"error: {text}" if code in (BAD_INPUT, FAILED) else text, file=sys.stderr)
    sys.exit(code)
