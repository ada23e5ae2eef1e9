"""Batches for training: collation, workers, and their errors as one sentence."""

import os
import signal
import threading
from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from cornernet.config import Data
from cornernet.data.dataset import Failure, TrainDataset
from cornernet.data.sampler import StepSampler
from cornernet.data.source import Source
from cornernet.structures import Batch, Sample


def collate(samples: list[Sample | Failure], max_objects: int) -> Batch | Failure:
    """Samples of equal size -> Batch with max_objects slots; an image's objects beyond them are cut and counted."""
    for sample in samples:
        if isinstance(sample, Failure):
            return sample
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2).contiguous()
    boxes = np.zeros((len(samples), max_objects, 4), np.float32)
    labels = np.zeros((len(samples), max_objects), np.int64)
    mask = np.zeros((len(samples), max_objects), bool)
    for row, sample in enumerate(samples):
        n = min(len(sample.boxes), max_objects)
        boxes[row, :n], labels[row, :n], mask[row, :n] = sample.boxes[:n], sample.labels[:n], True
    return Batch(
        images=images,
        boxes=torch.from_numpy(boxes),
        labels=torch.from_numpy(labels),
        mask=torch.from_numpy(mask),
        index=torch.tensor([s.index for s in samples]),
        dropped=torch.tensor([max(0, len(s.boxes) - max_objects) for s in samples]),
        colour_order=torch.from_numpy(np.stack([s.colour.order for s in samples])),
        colour_alpha=torch.from_numpy(np.stack([s.colour.alpha for s in samples])),
        colour_light=torch.from_numpy(np.stack([s.colour.light for s in samples])),
    )


class TrainLoader:
    """Iterates over the batches of a run's remaining steps; `accumulate` batches a step."""

    def __init__(self, loader: DataLoader):
        """Wrap a DataLoader whose batches are Batch or Failure."""
        self.loader = loader
        self.dataset: TrainDataset = loader.dataset

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        """Batches; raises ValueError, one sentence naming the file, for a picture that cannot be read."""
        for batch in self.loader:
            if isinstance(batch, Failure):
                raise ValueError(batch.message)
            yield batch


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
) -> TrainLoader:
    """Data section of the config, source and position of the run -> the batches of steps start_step .. steps - 1.

    batch_size counts the pictures of a step over all processes. The batches of a step do not depend on
    data.workers, on start_step or on how the step is divided. Raises ValueError for a batch that does not divide.
    """
    dataset = TrainDataset(
        source, data.input_size, seed, longest_side=data.longest_side, on_error=data.on_error, **vars(data.augment)
    )
    sampler = StepSampler(len(source), batch_size, accumulate, seed, start_step, steps, rank, world)
    loader = DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=data.workers,
        collate_fn=partial(collate, max_objects=data.max_objects),
        worker_init_fn=start_worker,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=data.workers > 0,
    )
    return TrainLoader(loader)


def start_worker(worker: int) -> None:
    """One thread a worker; Ctrl-C and SIGTERM to the whole group of processes are for the main process.

    It finishes its step, for which it needs its workers, and then ends them itself.
    """
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told_to, args=(os.getppid(),), daemon=True).start()


def _end_when_told_to(parent: int) -> None:
    """Leave at a SIGTERM that the main process sent; one from anyone else was meant for it."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
