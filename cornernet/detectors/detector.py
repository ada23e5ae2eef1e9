"""What training, evaluation, prediction, diagnosis and export ask of every detector.

Base classes and not `typing.Protocol`: a detector is a torch module as well, and Python has no type for both at once.
They hold no code; a type checker refuses a detector that lacks one of the methods.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from cornernet.detectors.oracle import Oracle
from cornernet.structures import Batch, Detections


class Network(nn.Module):
    """The convolutional part of a detector: normalised images [B, 3, H, W] -> its maps, one item a stack."""

    @abstractmethod
    def segments(self) -> list[nn.Module]:
        """Return the parts that gradient checkpointing computes twice; see `backbones.recompute`."""


class Predicting(nn.Module):
    """What inference needs, which an exported file offers as well."""

    @abstractmethod
    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""

    @abstractmethod
    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that holds such an image."""


class Detector(Predicting):
    """A detector, whose `network` is its convolutional part.

    parts: what a diagnosis replaces by the truth, in this order; reasons: what can go wrong with an object before its
    boxes leave the detector, name -> one line, in the order in which it happens. progress: share of the training that
    is done, 0-dim on the CPU, which the engine changes in place; losses that name it are given it.
    """

    network: Network
    parts: Sequence[str]
    reasons: Mapping[str, str]
    progress: Tensor | None = None

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""

    @abstractmethod
    def cell_size(self) -> int:
        """Side of the finest cells in input pixels."""

    @abstractmethod
    def describe(self) -> str:
        """What a run's log says of the loss."""

    @abstractmethod
    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of what it is to teach."""

    @abstractmethod
    def graph_overrides(self) -> list[str]:
        """Overrides of the config with which `predict` can be traced into a graph; empty if it can be as it is."""

    @abstractmethod
    def oracle(self, image: Tensor, boxes: Tensor, labels: Tensor, frame: Tensor) -> Oracle:
        """One image [1, 3, H, W] as `predict` takes it, the truth about it -> its output beside that truth.

        boxes [M, 4] float, input pixels; labels [M] int64; frame [4]: where the image lies in the input, all on the
        detector's device.
        """
