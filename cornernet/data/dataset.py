"""From a source of images and boxes to training samples."""

import logging
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from cornernet.data.pipeline import Pipeline, run
from cornernet.data.sampler import Item
from cornernet.data.source import Source
from cornernet.data.storage import Away, passable
from cornernet.data.workers import Held
from cornernet.structures import LabelledImage, Sample
from cornernet.system.printing import printable

log = logging.getLogger(__name__)


class Failure(NamedTuple):
    """Stands for a sample or batch that could not be made; a plain value, since a traceback does not travel well."""

    message: str
    away: bool = False  # not the image's fault: it may be had again in a moment


class TrainDataset(Dataset):
    """Items by (epoch, index, progress): a pure function of these and of the seed, whichever worker makes them.

    progress, the share of the run that is done, only decides whether transforms that close before its end are closed.
    """

    def __init__(self, source: Source, pipeline: Pipeline, seed: int = 0, on_error: str = "stop"):
        """Source, what is done to its images, seed, and whether an image that cannot be read stops or is left blank."""
        self.source, self.pipeline, self.seed, self.on_error = source, pipeline, seed, on_error
        self.held = Held()
        # Whether each image was blank, in shared memory, so that the process that reports it sees what workers note.
        self.blank = torch.zeros(len(source), dtype=torch.bool).share_memory_()

    def __len__(self) -> int:
        """Images in the source."""
        return len(self.source)

    def __getitem__(self, item: tuple[int, int] | Item) -> Sample | Failure:
        """(epoch, index), progress 0 unless it is given -> the sample.

        An image that cannot be read gives a Failure (on_error stop; the loader raises it in the main process) or,
        with skip, a black image without objects, so that shapes and the order of all other samples stay the same.
        One that cannot be reached, with all others, gives a Failure in both cases.
        """
        epoch, index, progress = Item(*item)
        with self.held.holding(index):
            return self._make(epoch, index, progress)

    def _make(self, epoch: int, index: int, progress: float) -> Sample | Failure:
        try:
            made, numbers = run(self.pipeline, (self.seed, epoch, index), self._read, len(self), progress)
        except Away as error:
            return Failure(str(error), away=True)
        except (ValueError, OSError) as error:
            return Failure(str(error))
        return Sample(*made, index, numbers)

    def _read(self, index: int) -> LabelledImage:
        """An image and its objects; a blank one for one that cannot be read and is to be skipped."""
        try:
            with self.held.holding(index):
                return LabelledImage(*self._image_and_boxes(index), self.source.labels(index))
        except Away:
            raise
        except (ValueError, OSError) as error:
            if self.on_error == "stop":
                raise passable(error) from None
            self._note(index, str(error))
            return LabelledImage(np.zeros((1, 1, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))

    def _image_and_boxes(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """As they are, or resized where that comes first and the source has a faster way to it (`AnnotatedSet`)."""
        longest_side, sized = self.pipeline.longest_side, getattr(self.source, "sized", None)
        if longest_side is not None and sized is not None:
            return sized(index, longest_side)
        return self.source.image(index), self.source.boxes(index)

    def skipped(self) -> int:
        """Images left blank so far because they could not be read, however often, over all workers of this process."""
        return int(self.blank.sum())

    def _note(self, index: int, message: str) -> None:
        if not self.skipped():
            line = printable(message)  # a worker of a loader may log without the Formatter
            log.warning("%s; a blank image stands in (data.on_error=skip), further ones are only counted", line)
        self.blank[index] = True
