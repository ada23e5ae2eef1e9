"""Where a training step makes the host wait for the device: counted on a GPU, foreseen on a CPU.

On a GPU torch says so itself. On a CPU nothing waits, so the calls are counted that would: those that read a number
off a tensor or ask how many there are, and constants that are sent to the device.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cornernet.data import constant

READ = {
    "item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "nonzero", "argwhere",
    "masked_select", "unique", "bincount", "equal", "allclose", "new_tensor",
}  # fmt: skip
SENT = {"tensor", "as_tensor"}  # of numbers, where they are given a device


def waits(step: Callable[[], Any], device: torch.device) -> list[str]:
    """What waits in a call, each as `what, file:line` or what torch says of it.

    On a CPU the step takes the ways of a device, as inside a compiler.
    """
    if device.type == "cuda":
        return _counted(step)
    with mock.patch.object(torch.compiler, "is_compiling", lambda: True), Foreseen() as mode:
        step()
    return mode.found


def _counted(step: Callable[[], Any]) -> list[str]:
    torch.cuda.synchronize()
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    found = [one for one in said if "synchroniz" in str(one.message)]
    return [f"{' '.join(str(one.message).split())[:80]}, {one.filename}:{one.lineno}" for one in found]


class Foreseen(TorchFunctionMode):
    """While it is active, notes calls that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Note a call and make it."""
        name = getattr(func, "__name__", "")
        frame = sys._getframe(1)
        kept = frame.f_back is not None and frame.f_back.f_code is constant.__code__  # a GPU has it from the first step
        if _waits(name, args, kwargs or {}) and not kept:
            self.found.append(f"{name}, {frame.f_code.co_filename}:{frame.f_lineno}")
        return func(*args, **(kwargs or {}))


def _waits(name: str, args: tuple, kwargs: dict) -> bool:
    if name in SENT:
        return kwargs.get("device") is not None and not isinstance(args[0], Tensor)
    if name in ("__getitem__", "__setitem__"):
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return any(isinstance(part, Tensor) and part.dtype == torch.bool for part in index)
    if name == "repeat_interleave":
        return isinstance(args[1], Tensor) and "output_size" not in kwargs
    if name == "where":
        return len(args) == 1
    return name in READ
