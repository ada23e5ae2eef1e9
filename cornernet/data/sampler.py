"""Which images a step of the run sees: a pure function of the step, so any step can be the first one."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from cornernet.data.streams import stream


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    """Order [length] int64 in which an epoch visits the images."""
    return stream("order", seed, epoch).permutation(length)


class Item(NamedTuple):
    """Which sample is to be made."""

    epoch: int
    index: int  # type: ignore[assignment]  # the image's position in the set; in place of tuple.index
    progress: float = 0.0  # share of the run that is done at its step


class StepSampler(Sampler[list[Item]]):
    """Batches of items for the steps start_step .. steps - 1 of one process.

    Laid end to end the epochs form one line of positions; step s covers batch_size of them from s * batch_size on.
    Each of the `world` processes takes its contiguous share and yields it in `accumulate` equal parts. The number of
    loader workers, the step at which a run was resumed and the epoch's end play no part in it.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        accumulate: int = 1,
        seed: int = 0,
        start_step: int = 0,
        steps: int = 1,
        rank: int = 0,
        world: int = 1,
        whole: int | None = None,
    ):
        """Length of the dataset, images a step over all processes, parts of a share, first and past-the-last step.

        whole: steps of the whole run, by which its progress is counted; None: `steps`.
        """
        _check(length, batch_size, accumulate, world)
        self.length, self.batch_size, self.accumulate, self.seed = length, batch_size, accumulate, seed
        self.start_step, self.steps, self.rank, self.world = start_step, steps, rank, world
        self.whole = max(1, steps if whole is None else whole)

    def step(self, step: int) -> list[list[Item]]:
        """The parts of this process's share of one step."""
        share = self.batch_size // self.world
        part = share // self.accumulate
        first = step * self.batch_size + self.rank * share
        items = [self._item(position, step / self.whole) for position in range(first, first + share)]
        return [items[i : i + part] for i in range(0, share, part)]

    def __iter__(self) -> Iterator[list[Item]]:
        """Every part of every step, in order."""
        for step in range(self.start_step, self.steps):
            yield from self.step(step)

    def __len__(self) -> int:
        """Number of parts."""
        return max(0, self.steps - self.start_step) * self.accumulate

    def _item(self, position: int, progress: float) -> Item:
        epoch, within = divmod(position, self.length)
        return Item(epoch, int(permutation(self.seed, epoch, self.length)[within]), progress)


def _check(length: int, batch_size: int, accumulate: int, world: int) -> None:
    if length < 1:
        raise ValueError("there are no images to train on")
    if batch_size < 1 or accumulate < 1:
        raise ValueError(f"train.batch_size and train.accumulate must be at least 1, got {batch_size} and {accumulate}")
    parts = world * accumulate
    if batch_size % parts:
        below, above = batch_size // parts * parts, -(-batch_size // parts) * parts
        near = f"{below} or {above}" if below else f"{above}"
        raise ValueError(
            f"train.batch_size {batch_size} does not divide into {parts} equal parts "
            f"({world} processes x accumulate {accumulate}); the nearest that do: {near}"
        )
