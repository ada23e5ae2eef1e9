"""A file a callback, which is told how a run goes; the file's name is the name in `train.callbacks`.

A callback `mine` is the file mine.py here, or training/callbacks/mine.py of a plug-in, and declares a class, or another
callable, `mine`, which is called without arguments once a run. What it gives has one or more of these methods:

    run_started(config, folder)             before the first step, also of a run that goes on; config: nested dict
    step_logged(step, figures)              at every row of log.csv; figures: loss terms, lr, images_per_s, by name
    evaluation_done(step, metrics, folder)  metrics: figures by name, -1 for nothing to measure; the files of the
                                            evaluation, last.pt and, if it is the best, best.pt are written
    run_ended(state)                        "finished", "interrupted" by a signal, or "failed"; after the last save

What is told is plain: dicts, numbers, texts, and the run's folder as a Path. Of several processes the main one tells.
A callback that raises an exception is called no more; this is said at once and when the run ends, and the run goes on.
"""

from collections.abc import Callable
from typing import Any

from cornernet.registry import modules

MODULES = modules(__name__, __path__)
CALLBACKS: dict[str, Callable[[], Any]] = {}
MOMENTS = ("run_started", "step_logged", "evaluation_done", "run_ended")

for _name, _module in MODULES.items():
    if not callable(getattr(_module, _name, None)):
        raise ImportError(f"{_module.__file__} must define {_name}, see {__name__}")
    CALLBACKS[_name] = getattr(_module, _name)
