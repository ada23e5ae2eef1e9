"""What a training step asks of a machine: operations, bytes moved, bytes held. Counted without computing anything."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from cornernet import detectors
from cornernet.backbones.recompute import recompute
from cornernet.config import Config
from cornernet.detectors import Detector
from cornernet.profiling import memory
from cornernet.profiling.training_step import CLASSES, OBJECTS, forward, random_batch
from cornernet.training import build_optimizer, freeze

MAKES_ROOM = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")  # and writes nothing


class Step(NamedTuple):
    """One training step of a batch."""

    forward_flops: int  # a multiplication and an addition count as two
    flops: int  # forward and backward
    moved: int  # bytes that the operations of forward and backward read and write, each on its own
    operations: list[tuple[int, int]]  # FLOPs and bytes of each
    kept: int  # bytes held between forward and backward, beside the weights
    peak: int  # most bytes held, gradients included, beside the weights
    weights: int  # bytes of them
    gradients: int
    state: int  # of the optimiser


class Counter(TorchDispatchMode):
    """While it is active, counts what every operation computes, reads and writes, and the bytes that are held."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[int, int]] = []
        self.held = self.peak = 0
        self.storages: dict[int, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        """Run one operation and count it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        read, written = ([x for x in tree_leaves(some) if isinstance(x, Tensor)] for some in ((args, kwargs), out))
        moved = _moved(func, read, written)
        self.operations.append((_flops(func._overloadpacket, args, kwargs, out), moved))
        for x in written:
            self._hold(x.untyped_storage())
        return out

    def totals(self) -> tuple[int, int]:
        """FLOPs and bytes moved so far."""
        return sum(flops for flops, _ in self.operations), sum(moved for _, moved in self.operations)

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self.storages:
            return
        self.storages[key] = storage.nbytes()
        self.held += storage.nbytes()
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.held -= self.storages.pop(key)


def _flops(operation, args, kwargs, out) -> int:
    """Multiplications and additions of an operation."""
    if operation is torch.ops.aten.convolution_backward:  # PyTorch's own count takes groups for one
        gradient, x, weight, *_, transposed, _, _, wanted = args
        return 2 * (x if transposed else gradient).numel() * weight[0].numel() * sum(wanted[:2])
    count = flop_registry.get(operation)
    return count(*args, **kwargs, out_val=out) if count else 0


def _moved(func, read: list[Tensor], written: list[Tensor]) -> int:
    """Bytes that an operation reads and writes; a view moves none."""
    if func.is_view or func._overloadpacket.__name__ in MAKES_ROOM:
        return 0
    return sum(min(x.nbytes, x.untyped_storage().nbytes()) for x in (*read, *written))  # expanded ones lie there once


def count(settings: Config, classes: int = CLASSES, objects: int = OBJECTS) -> Step:
    """Settings, whose train.batch_size is that of one device -> what a step of it asks for.

    The operations are those of the detector as a GPU runs it, one after the other, on tensors without memory.
    """
    with _without_memory():
        detector, batch = _detector(settings, classes), random_batch(settings, classes, objects)
        optimizer = build_optimizer(detector, settings.train)
        weights = [p for p in detector.parameters() if p.requires_grad]
        with Counter() as counter:
            terms = forward(detector, batch, settings)
            forward_flops, kept = counter.totals()[0], counter.held
            terms["total"].backward()
        flops, moved = counter.totals()
        optimizer.step()
        return Step(
            forward_flops, flops, moved, counter.operations, kept, counter.peak,
            sum(p.nbytes for p in detector.parameters()), sum(p.grad.nbytes for p in weights if p.grad is not None),
            memory.state_bytes(optimizer),
        )  # fmt: skip


def _detector(settings: Config, classes: int) -> Detector:
    """As it is trained, but for device and layout, which tensors without memory cannot change."""
    detector = detectors.build(settings, classes).train()
    freeze(detector.network, settings.train.freeze)
    if settings.train.gradient_checkpointing:
        recompute(detector.network.segments())
    return detector


@contextmanager
def _without_memory() -> Iterator[None]:
    """Tensors have shapes alone, and no code may look at a value, as inside a compiler: so short cuts of the CPU,
    which do, are not taken.
    """
    with mock.patch.object(torch.compiler, "is_compiling", lambda: True), FakeTensorMode():
        yield
