"""Batches for training: collation, workers, and their errors as one sentence."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from cornernet.config import Data
from cornernet.data.dataset import Failure, TrainDataset
from cornernet.data.pipeline import Use, build
from cornernet.data.sampler import Item, StepSampler
from cornernet.data.source import Source
from cornernet.data.storage import Away, patiently
from cornernet.data.workers import Watch, start_worker
from cornernet.structures import Batch, Change, Numbers, Sample

log = logging.getLogger(__name__)


def collate(samples: list[Sample | Failure], max_objects: int, uses: Sequence[Use] = ()) -> Batch | Failure:
    """Samples of equal size -> Batch with max_objects slots; an image's objects beyond them are cut and counted.

    uses: the transforms that are left to the device, for which the samples hold the numbers.
    """
    made: list[Sample] = []
    for sample in samples:
        if isinstance(sample, Failure):
            return sample
        made.append(sample)
    planes = np.stack([plane for s in made for plane in cv2.split(s.image)])  # many times as fast as strides
    boxes = np.zeros((len(samples), max_objects, 4), np.float32)
    labels = np.zeros((len(samples), max_objects), np.int64)
    mask = np.zeros((len(samples), max_objects), bool)
    for row, sample in enumerate(made):
        n = min(len(sample.boxes), max_objects)
        boxes[row, :n], labels[row, :n], mask[row, :n] = sample.boxes[:n], sample.labels[:n], True
    return Batch(
        images=torch.from_numpy(planes).unflatten(0, (len(samples), 3)),
        boxes=torch.from_numpy(boxes),
        labels=torch.from_numpy(labels),
        mask=torch.from_numpy(mask),
        index=torch.tensor([s.index for s in made]),
        dropped=torch.tensor([max(0, len(s.boxes) - max_objects) for s in made]),
        changes=tuple(_change(use, [s.numbers[place] for s in made]) for place, use in enumerate(uses)),
    )


def _change(use: Use, drawn: list[Numbers]) -> Change:
    """A transform that is left to the device and its numbers for every sample, no float among them a double."""
    stacked = {name: torch.from_numpy(np.stack([numbers[name] for numbers in drawn])) for name in drawn[0]}
    single = {name: x.float() if x.is_floating_point() else x for name, x in stacked.items()}
    return Change(cast(Callable, use.change), use.on_colours, single)


def collate_in_worker(samples: list[Sample | Failure], max_objects: int, uses: Sequence[Use] = ()) -> Batch | Failure:
    """As `collate`; in a loader process the batch lies in memory that all processes share.

    Else torch would move it there when it is on its way, where an error would lose it without a word. Without room for
    it, or for one more open file, a Failure goes instead, and the main process makes the batch.
    """
    batch = collate(samples, max_objects, uses)
    if isinstance(batch, Failure) or get_worker_info() is None:
        return batch
    try:
        for tensor in batch.tensors():
            tensor.share_memory_()
    except RuntimeError as error:
        return Failure(f"a loader process cannot hand over its batch, fewer data.workers help: {error}", away=True)
    return batch


class TrainLoader:
    """Iterates over the batches of a run's remaining steps; `accumulate` batches a step."""

    def __init__(self, loader: DataLoader, timeout: float = 0):
        """Wrap a DataLoader whose batches are Batch or Failure; timeout: seconds for a batch, 0 for no limit."""
        self.loader = loader
        self.dataset = cast(TrainDataset, loader.dataset)
        self.told = False  # whether it was said that a batch had to be made here
        self.stopping: Callable[[], bool] = lambda: False  # asked while images are waited for
        self.watch = Watch(self.dataset.held, lambda index: self.dataset.source.record(index).file_name, timeout)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        """Batches; raises ValueError, one sentence naming the file, for an image that cannot be read.

        Raises Away where images cannot be reached for some time; meanwhile this process tries to make the batch.
        """
        with self.watch.starting():
            batches = iter(self.loader)
        for items in cast(StepSampler, self.loader.batch_sampler):
            with self.watch.waiting():
                batch = next(batches)
            if isinstance(batch, Failure) and batch.away:
                self._tell(batch.message)
                batch = patiently(partial(self._made_here, items), self.stopping)
            if isinstance(batch, Failure):
                raise ValueError(batch.message)
            yield batch

    def _tell(self, message: str) -> None:
        if not self.told:
            log.warning("%s; the main process makes such batches itself", message)
        self.told = True

    def _made_here(self, items: list[Item]) -> Batch | Failure:
        """The batch of these items as a loader process makes it."""
        batch = self.loader.collate_fn([self.dataset[item] for item in items])
        if isinstance(batch, Failure) and batch.away:
            raise Away(batch.message)
        return batch

    def watched(self) -> Watch:
        """While this lasts, a loader process that dies or hangs raises Failed naming the image that it held."""
        return self.watch


def train_loader(
    data: Data,
    source: Source,
    batch_size: int,
    accumulate: int = 1,
    seed: int = 0,
    start_step: int = 0,
    steps: int = 1,
    rank: int = 0,
    world: int = 1,
    typed: bool = False,
    whole: int | None = None,
) -> TrainLoader:
    """Data section of the config, source and position of the run -> the batches of steps start_step .. steps - 1.

    batch_size counts the images of a step over all processes. The batches of a step do not depend on
    data.workers, on start_step or on how the step is divided. typed: as in `pipeline.build`; whole: steps of the whole
    run, see StepSampler. Raises ValueError for a batch that does not divide and for transforms that do not go.
    """
    made = build(data, typed)
    dataset = TrainDataset(source, made, seed, data.on_error)
    sampler = StepSampler(len(source), batch_size, accumulate, seed, start_step, steps, rank, world, whole)
    loader = DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=data.workers,
        collate_fn=partial(collate_in_worker, max_objects=data.max_objects, uses=made.changes()),
        worker_init_fn=partial(start_worker, held=dataset.held),
        pin_memory=torch.cuda.is_available(),
        persistent_workers=data.workers > 0,
    )
    return TrainLoader(loader, data.timeout if data.workers > 0 else 0)
