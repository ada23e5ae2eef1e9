"""The contract of a detector: what training, evaluation, prediction, diagnosis and export ask of one, and no more.

Base classes and not `typing.Protocol`: a detector is a torch module as well, and Python has no type for both at once.
What is abstract here must be there: a type checker and `detectors.build` refuse a detector without. The rest may be
left out, and its docstring says what happens then. Shapes, dtypes and units of what goes in and comes out stand in
`cornernet.structures`.

Beside these members a detector keeps to three rules. It can be built on torch's meta device, where settings are tried
before any data are read: no number is read off a tensor while it is built, but of those that are made with
`device="cpu"`. What its losses learn lies below its attribute `loss`, which is None without a loss: a checkpoint is
loaded without it to predict. And `forward` never waits for the device: shapes are static, masks multiply.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from cornernet.detectors.oracle import Oracle
from cornernet.structures import Batch, Detections, Keypoints


class Network(nn.Module):
    """The convolutional part of a detector: normalised images [B, 3, H, W] -> its maps, one item a stack.

    It is what train.compile=true compiles.
    """

    def segments(self) -> list[nn.Module]:
        """Return the parts that gradient checkpointing computes twice; see `backbones.recompute`.

        Asked for where train.gradient_checkpointing=true, which is refused for a network that leaves it out.
        """
        raise ValueError(
            f"train.gradient_checkpointing=true: {type(self).__name__} does not say which of its parts can be computed "
            "twice (segments)"
        )

    def shared(self) -> nn.Module:
        """Return the module whose output all heads read, by default the attribute `backbone`.

        That gives one tensor, or what a `backbones.Backbone` does. Asked for where train.gradients_every is above 0,
        which is refused for a network that has no such attribute and leaves this out.
        """
        found = getattr(self, "backbone", None)
        if not isinstance(found, nn.Module):
            raise ValueError(
                f"train.gradients_every: {type(self).__name__} does not say which of its parts all heads read (shared)"
            )
        return found


class Predicting(nn.Module):
    """What inference needs, which an exported file offers as well."""

    @abstractmethod
    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first.

        Called in eval mode without gradient, on any device; normalises the images itself. The number of rows is the
        same for all images of a size, those beyond the valid ones have score -1. Suppression comes behind it.
        """

    def view(self, images: Tensor) -> tuple[Detections, Keypoints | None]:
        """Return what `predict` does, and keypoints [B, K] in pixels of the input that other views of an image need.

        Inference asks for this. A detector that gives keypoints offers as well

            joined(views, size) -> list of Detections

        which is given the `structures.View`s of an image of (height, width), one of each scale and flip, and gives the
        rows of each that go on to the suppression. Left out, there are none and rows stay as they are.
        """
        return self.predict(images), None

    def glance(self, images: Tensor) -> tuple[Detections, Keypoints]:
        """Return what `predict` does, and points [B, K] in pixels of the input at which to look closer.

        Their labels say which attention map shows them, 0 the coarsest. Asked for with test.saccade.sides.
        """
        raise ValueError(f"test.saccade.sides: {type(self).__name__} has no attention maps (glance)")

    @abstractmethod
    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that holds such an image: at least as large in both."""


class Detector(Predicting):
    """A detector, whose `network` is its convolutional part.

    progress: share of the training that is done, 0-dim on the CPU, which the engine, or a loop of your own, changes in
    place before every step; losses that name it are given it and tell steps by it. Left out where no loss does.

    feature_width: numbers in a row of features, as `build_losses` is given it; before a training a feature loss from
    elsewhere is tried on such rows. Left out, it is tried on a batch alone.
    """

    network: Network
    progress: Tensor | None = None
    feature_width: int | None = None
    parts: Sequence[str] = ()  # of a diagnosis, what it replaces by the truth, in this order
    alone: Sequence[str] = ()  # what else it replaces, each by itself
    # of a diagnosis: what can go wrong with an object before its boxes leave the detector, in the order in which it
    # happens, name -> one line
    reasons: Mapping[str, str] = {}

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms, and behind them their weighted `total`, 0-dim float32.

        Called in train mode, once for every part of a step; what has requires_grad is trained. The terms are columns
        of the run's log. Under autocast, so a loss is computed from `.float()`. The colour changes that were drawn for
        the batch are applied here: `canvas.training_images` does, and normalises.
        """

    @abstractmethod
    def cell_size(self) -> int:
        """Side of the finest cells in input pixels; check_data warns of objects that are smaller."""

    @abstractmethod
    def describe(self) -> str:
        """What a run's log says of the loss, such as `heatmap x 1, offset x 1`: one line, asked for before step 1."""

    def class_rows(self) -> dict[str, Sequence[int]]:
        """Tensors of the state dict with rows for classes -> the class of every row, -1 for one that has none.

        Gathered from the modules below that have a method of this name, which does the same for their own tensors:
        head `{"classes.bias": [0, 1, 0, 1]}` for two anchors of two classes. Asked for where training starts from the
        weights of other classes, see `checkpoints.start`; left out, such tensors start anew.
        """
        return {
            f"{place}.{name}": classes
            for place, module in self.named_modules()
            if place and hasattr(module, "class_rows")
            for name, classes in module.class_rows().items()
        }

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of what it is to teach.

        Asked for by show_data, which shows the objects alone where it is left out.
        """
        return [[] for _ in images]

    def graph_overrides(self) -> list[str]:
        """Overrides of the config with which `predict` can be traced into a graph; empty if it can be as it is.

        Asked for by export; left out it means that it can. A detector that cannot be exported raises ValueError here,
        one sentence that says why.
        """
        return []

    def oracle(self, image: Tensor, boxes: Tensor, labels: Tensor, frame: Tensor) -> Oracle:
        """One image [1, 3, H, W] as `predict` takes it, the truth about it -> its output beside that truth.

        boxes [M, 4] float, input pixels; labels [M] int64; frame [4]: where the image lies in the input, all on the
        detector's device. Asked for by diagnose, which ends with a sentence where it is left out.
        """
        raise ValueError(f"{type(self).__name__} offers no diagnosis (oracle)")


def lacking(detector: object) -> str:
    """What a detector lacks of what it must offer, in words, or ""."""
    if not isinstance(detector, Detector):
        return f"its base class {Detector.__name__}, it is a {type(detector).__name__}"
    if not isinstance(getattr(detector, "network", None), Network):
        return f"a network that is a {Network.__name__}"
    kind = type(detector)
    return ", ".join(name for name in dir(kind) if getattr(getattr(kind, name), "__isabstractmethod__", False))
