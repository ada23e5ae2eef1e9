"""Callbacks of a run: found before it starts, told in the main process, dropped where they fail."""

import inspect
import logging
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from cornernet import registry
from cornernet.config import Config, to_dict
from cornernet.training.callbacks import CALLBACKS, MOMENTS

log = logging.getLogger("cornernet")


def makers(settings: Config) -> dict[str, Callable[[], Any]]:
    """Callbacks that the config names, by these names; all of them count as typed. Raises ValueError, one sentence."""
    return {name: _maker(name) for name in settings.train.callbacks}


def _maker(name: str) -> Callable[[], Any]:
    found = registry.own(registry.find("callback", name, CALLBACKS, "cornernet.training.callbacks", typed=True))
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError) as error:
        raise ValueError(f"callback {name!r} must be a class or function without arguments: {error}") from None
    if isinstance(found, type) and not _moments(found):
        raise ValueError(f"callback {name!r} has none of the methods {', '.join(MOMENTS)}")
    return found


def _moments(callback: Any) -> list[str]:
    return [moment for moment in MOMENTS if callable(getattr(callback, moment, None))]


class Callbacks:
    """Context in which a run's callbacks are told of it; the end it tells by itself.

    An exception of a callback is never the run's: it is said, and the callback is called no more.
    """

    def __init__(self, named: dict[str, Callable[[], Any]] | None = None):
        self.named = dict(named or {})
        self.callbacks: dict[str, Any] = {}
        self.dropped: list[str] = []

    def start(self, settings: Config, folder: Path) -> None:
        """Make them and tell that the run starts."""
        for name, maker in self.named.items():
            self._call(name, "start", partial(self._make, name, maker))
        self.tell("run_started", to_dict(settings), folder)

    def tell(self, moment: str, *what: Any) -> None:
        """Call this method of all that have it; each gets copies."""
        for name, callback in list(self.callbacks.items()):
            if method := getattr(callback, moment, None):
                self._call(name, moment, partial(method, *(deepcopy(x) for x in what)))

    def _make(self, name: str, maker: Callable[[], Any]) -> None:
        made = maker()
        if not _moments(made):
            raise ValueError(f"it has none of the methods {', '.join(MOMENTS)}")
        self.callbacks[name] = made

    def _call(self, name: str, moment: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # someone else's code may fail in any way
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            log.warning("callback %s failed at %s with %s; it is called no more, the run goes on", name, moment, reason)
            self.callbacks.pop(name, None)
            self.dropped.append(name)

    def __enter__(self):
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self.tell("run_ended", ending(error))
        if self.dropped:
            log.warning("callbacks that failed on the way and were not told the rest: %s", ", ".join(self.dropped))


def ending(error: BaseException | None) -> str:
    """What ended the run, None for nothing -> its state in the words of a callback."""
    if error is None:
        return "finished"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
