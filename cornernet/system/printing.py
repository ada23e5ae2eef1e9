"""Whatever is shown to a user is made harmless here: what files hold must not command a terminal or forge a line."""

import logging
import re
import sys
import traceback
from contextlib import suppress
from numbers import Number
from types import TracebackType
from typing import TextIO

# Control characters (a terminal obeys some of both ranges), half characters, line ends, and what turns the direction
# of writing around. Joiners and marks, which some scripts need, are none of these.
HARMFUL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
HARMFUL_IN_LINES = re.compile(f"(?!\n){HARMFUL.pattern}")


def printable(text: object) -> str:
    r"""Text as one line; what a terminal would obey or no encoding can write is shown as an escape: \n or \x1b."""
    return HARMFUL.sub(_escape, str(text))


def lines(text: object) -> str:
    """The same for a text of our own making whose lines are meant: they stay."""
    return HARMFUL_IN_LINES.sub(_escape, str(text))


def _escape(found: re.Match) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class Formatter(logging.Formatter):
    """Makes harmless what the sentence of a record is filled with, line ends included, and then the rest of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record; the lines of the sentence itself and of a traceback stay."""
        if isinstance(args := record.args, tuple):
            record = logging.makeLogRecord(record.__dict__)
            record.args = tuple(x if isinstance(x, Number) else printable(x) for x in args)
        return lines(super().format(record))


def say(text: object) -> None:
    """Print what came out of a command, or of a training, harmless."""
    if sys.stdout is not None:
        show(text, sys.stdout)


def show(text: object, stream: TextIO, end: str = "\n") -> None:
    """Write a text and its end, harmless, and with escapes for letters that the encoding of the stream lacks.

    A stream that is closed, full or read by nobody takes none of it: no line ends a run.
    """
    with suppress(OSError, ValueError):  # the latter for one that is closed
        stream.write(encodable(lines(text), stream) + end)
        stream.flush()


def encodable(text: str, stream: TextIO) -> str:
    """Text with an escape for every letter that the encoding of the stream, as of a Latin-1 console, lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):  # an encoding of its own
        return text.encode("ascii", "backslashreplace").decode("ascii")


def prepare() -> None:
    """Log, and show the errors of the program itself, without what a terminal would obey."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("cornernet").setLevel(logging.INFO)
    sys.excepthook = _show_traceback


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if sys.stderr is not None:
        show("".join(traceback.format_exception(kind, error, trace)), sys.stderr, end="")
