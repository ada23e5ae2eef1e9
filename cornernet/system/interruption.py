"""The signals that ask a program to stop, and what they raise from its first moment on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from cornernet.errors import Interrupted

NAMES = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP")
REQUESTS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
came: list[int] = []  # signals that have raised Interrupted, which a library may have caught


def heeded() -> tuple[int, ...]:
    """The signals that ask this process; a hang-up does not where it is ignored, as nohup leaves it."""
    return tuple(n for n in REQUESTS if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN)


@contextmanager
def leaving(words: str) -> Iterator[None]:
    """While this lasts, a signal raises Interrupted; words: what the message says behind the signal's name."""
    came.clear()

    def leave(number: int, frame) -> None:
        came.append(number)
        raise Interrupted(number, _message(number, words))

    before = {number: signal.signal(number, leave) for number in heeded()}
    try:
        yield
    except Exception as error:  # an import that is interrupted may well fail with an error of its own
        if came:
            raise Interrupted(came[0], _message(came[0], words)) from error
        raise
    finally:
        came.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def _message(number: int, words: str) -> str:
    return f"stopped by {signal.Signals(number).name}{words}"
