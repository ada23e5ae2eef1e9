"""A file, or a folder, a format of exported graphs: how it is written and opened; its name is `format` of an export.

A format `mine` is the file mine.py here, or graphs/mine.py of a plug-in, and declares

    SUFFIX = ".mine"                        ending of its files, which no other format has
    write(program, path, about)             an ExportedProgram of torch and its metadata, plain values by name -> a file
    open(path) -> (run, about)              run: images [B, 3, H, W] uint8 -> Rows, of a graph that glances the points
                                            of attention behind them, on the CPU; about: as it was written
    SAFE = True                             optional: nothing that a file brings along is executed when it is opened or
                                            run; such files go in place of a checkpoint in evaluation and prediction
    BESIDE = (".bin",)                      optional: endings of further files, which write puts beside it, of its name
    quantise(path, batches)                 optional: float32 -> int8 in place, calibrated on [B, 3, H, W] uint8 each
    NEEDS, RUNS_WITH = ("a",), ("b",)       optional: packages to write with, and to open, run and quantise with
    INSTALL = "pip install a b"             what to type where they are missing

Called by export, which writes, by prediction, which opens, and by checkpoints, which tell such files from their own.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from cornernet.registry import find, modules

Rows = tuple[Tensor, Tensor, Tensor]  # boxes [B, N, 4] in input pixels, scores [B, N] or -1, labels [B, N]
FORMATS: dict[str, ModuleType] = modules(__name__, __path__)


def declared(name: str, form: Any) -> Any:
    """The format; raises ValueError where it does not declare what it must."""
    if lacking := [x for x in ("SUFFIX", "write", "open") if not hasattr(form, x)]:
        raise ValueError(f"export format {name} must declare {', '.join(lacking)}, see cornernet/graphs/__init__.py")
    return form


def format_of(name: str) -> Any:
    """Name or dotted path that the user typed -> the format; raises ValueError, one sentence."""
    return declared(name, find("export format", name, FORMATS, "cornernet.graphs", typed=True))


def of_file(path: str | Path) -> Any | None:
    """The format of a file by its ending, None for none."""
    return next((form for form in FORMATS.values() if form.SUFFIX == Path(path).suffix), None)


def missing(form: Any, packages: str) -> list[str]:
    """NEEDS or RUNS_WITH of a format -> those of its packages that are not installed."""
    return [name for name in getattr(form, packages, ()) if importlib.util.find_spec(name) is None]


for _name, _form in FORMATS.items():
    try:
        _same = of_file(f"x{declared(_name, _form).SUFFIX}")
    except ValueError as _error:
        raise ImportError(str(_error)) from None
    if _same is not _form:
        raise ImportError(f"export format {_name} has the ending {_form.SUFFIX} of another one")
