"""The table of shapes, dtypes and units that every other docstring refers to.

Legend: B images, C classes, H x W cells of an output map, M object slots of an image, K corners kept of a map,
D tag dimension, N detections of an image. Boxes are (x1, y1, x2, y2); "input" means the image the network
sees, "cells" means the coordinates of its output map, "original" means the image on disk.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    import numpy as np  # to name its arrays; what reads this table need not import it


class LabelledImage(NamedTuple):
    """An image on its way through the transforms, and its objects."""

    image: "np.ndarray"  # [H, W, 3] uint8, BGR
    boxes: "np.ndarray"  # [n, 4] float64, xyxy edges in its pixels, inside the image, with positive area
    labels: "np.ndarray"  # [n] int64, 0 .. C-1


Numbers = dict[str, Any]  # random ones of one sample, by name: arrays or numbers; those of a batch are tensors [B, ...]


class Sample(NamedTuple):
    """One training item: a changed image and its objects."""

    image: "np.ndarray"  # [H, W, 3] uint8, BGR, of the network's input size
    boxes: "np.ndarray"  # [n, 4] float32, input pixels, inside the image, with positive area
    labels: "np.ndarray"  # [n] int64, 0 .. C-1
    index: int  # type: ignore[assignment]  # position in the dataset; in place of tuple.index
    numbers: tuple[Numbers, ...] = ()  # of each change that is left to the device


class Change(NamedTuple):
    """A change of a batch's images that is left to the device."""

    apply: Callable[..., Any]  # called with images, or their mean colours, and the numbers by name
    on_colours: bool  # whether it gives a matrix on colours, not images
    numbers: Numbers  # float32, int64 or bool tensors [B, ...]


class Batch(NamedTuple):
    """A collated batch; object slots beyond an image's count hold zeros and mask False."""

    images: Tensor  # [B, 3, H, W] uint8, BGR
    boxes: Tensor  # [B, M, 4] float32, input pixels
    labels: Tensor  # [B, M] int64
    mask: Tensor  # [B, M] bool, slot holds an object
    index: Tensor  # type: ignore[assignment]  # [B] int64, position in the dataset; in place of tuple.index
    dropped: Tensor  # [B] int64, objects that found no slot
    changes: tuple[Change, ...] = ()  # what is still to be done to the images, in this order

    def tensors(self) -> list[Tensor]:
        """Every tensor in it, those of its changes behind the others."""
        return [*self[:-1], *(x for change in self.changes for x in change.numbers.values())]

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch of what a function makes of every tensor."""
        tensors = {name: function(getattr(self, name)) for name in self._fields if name != "changes"}
        changes = [x._replace(numbers={k: function(v) for k, v in x.numbers.items()}) for x in self.changes]
        return Batch(**tensors, changes=tuple(changes))


class CornerTargets(NamedTuple):
    """What the corner detector is trained towards; index = y * W + x of the corner's cell."""

    tl_heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at top-left corners
    br_heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at bottom-right corners
    mask: Tensor  # [B, M] bool
    tl_offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell
    br_offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell
    tl_index: Tensor  # [B, M] int64
    br_index: Tensor  # [B, M] int64

    @property
    def goal(self) -> "CornerGoal":
        """What the loss compares with."""
        return CornerGoal(self.tl_heat, self.br_heat, self.mask, self.tl_offset, self.br_offset)


class CornerGoal(NamedTuple):
    """What the corner loss compares the outputs with, in the order of the published code."""

    tl_heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at top-left corners
    br_heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at bottom-right corners
    mask: Tensor  # [B, M] of any dtype, not 0 where the slot holds an object
    tl_offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell
    br_offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell


class CornerOutputs(NamedTuple):
    """One stack as the corner loss reads it, the last four at the objects' corners, in the published order."""

    tl_heat: Tensor  # [B, C, H, W] logits
    br_heat: Tensor  # [B, C, H, W] logits
    tl_tag: Tensor  # [B, M, D]
    br_tag: Tensor  # [B, M, D]
    tl_offset: Tensor  # [B, M, 2] (x, y), cells
    br_offset: Tensor  # [B, M, 2] (x, y), cells


class CornerMaps(NamedTuple):
    """Dense output of one stack of the corner network."""

    tl_heat: Tensor  # [B, C, H, W] logits
    br_heat: Tensor  # [B, C, H, W] logits
    tl_tag: Tensor  # [B, D, H, W]
    br_tag: Tensor  # [B, D, H, W]
    tl_offset: Tensor  # [B, 2, H, W] (x, y), cells
    br_offset: Tensor  # [B, 2, H, W] (x, y), cells


class CentreMaps(NamedTuple):
    """What the third branch of the corner network says of the boxes' centres."""

    heat: Tensor  # [B, C, H, W] logits
    offset: Tensor  # [B, 2, H, W] (x, y), cells


class CentreTargets(NamedTuple):
    """What keypoints at the boxes' centres are trained towards; index = y * W + x of the centre's cell."""

    heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at centres
    mask: Tensor  # [B, M] bool
    offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell
    index: Tensor  # type: ignore[assignment]  # [B, M] int64; hides tuple.index


class PointMaps(NamedTuple):
    """Dense output of one stack of the network of objects as points."""

    heat: Tensor  # [B, C, H, W] logits
    offset: Tensor  # [B, 2, H, W] (x, y), cells
    size: Tensor  # [B, 2, H, W] (width, height), cells


class PointTargets(NamedTuple):
    """What objects as points are trained towards; index = y * W + x of the centre's cell."""

    heat: Tensor  # [B, C, H, W] float32 in [0, 1], exactly 1 at centres
    mask: Tensor  # [B, M] bool
    offset: Tensor  # [B, M, 2] float32 (x, y), fraction of a cell
    size: Tensor  # [B, M, 2] float32 (width, height), cells; 0 in masked slots
    index: Tensor  # type: ignore[assignment]  # [B, M] int64; hides tuple.index


class StackMaps(NamedTuple):
    """CornerMaps, and beside them those of centres, of a region stage and of attention, where a network has these."""

    tl_heat: Tensor  # as in CornerMaps, these six
    br_heat: Tensor
    tl_tag: Tensor
    br_tag: Tensor
    tl_offset: Tensor
    br_offset: Tensor
    centre: CentreMaps | None = None
    region: tuple[Tensor, ...] = ()  # maps [B, any, H, W]
    attention: tuple[Tensor, ...] = ()  # [B, 1, h, w] logits, coarse to fine: is a cell the centre of an object


class Keypoints(NamedTuple):
    """The K best keypoints of an image, or of each of a batch, best first."""

    points: Tensor  # [..., K, 2] float32 (x, y); cells after decode, pixels after predict
    scores: Tensor  # [..., K] float32 in [0, 1]; 0 where a map has fewer than K peaks
    labels: Tensor  # [..., K] int64


class RegionLogits(NamedTuple):
    """What a region stage says of N boxes of an image."""

    pair: Tensor | None  # [B, N] logits: it is an object; None where a stage does not ask
    classes: Tensor  # [B, N, C] logits


class LevelCorners(NamedTuple):
    """What the verification branch of the anchor network says of one level of the pyramid, corners of all classes."""

    tl_heat: Tensor  # [B, 1, h, w] logits
    br_heat: Tensor  # [B, 1, h, w] logits
    tl_offset: Tensor  # [B, 2, h, w] (x, y), cells
    br_offset: Tensor  # [B, 2, h, w] (x, y), cells
    stride: int  # input pixels of a cell


class AnchorMaps(NamedTuple):
    """Output of one stack of the anchor network for all A anchors of an image, the levels behind one another."""

    logits: Tensor  # [B, A, C]
    deltas: Tensor  # [B, A, 4], the box as seen from the anchor, see model.anchor.coding
    sizes: list[tuple[int, int]]  # (h, w) of every level
    corners: tuple[LevelCorners, ...] = ()  # of every level, where a network has such a branch
    bins: Tensor | None = None  # [B, A, 4, bins] logits of each side's distance, of model.anchor.coding=distribution


class Detections(NamedTuple):
    """Boxes of a batch, best first; rows beyond an image's valid ones have score -1."""

    boxes: Tensor  # [B, N, 4] float32; cells after decode, input pixels after predict
    scores: Tensor  # [B, N] float32 in [0, 1], or -1
    labels: Tensor  # [B, N] int64
    tl_scores: Tensor  # [B, N] float32, heat of the top-left corner; the score where there are no corners
    br_scores: Tensor  # [B, N] float32, heat of the bottom-right corner, likewise


class View(NamedTuple):
    """What was found in one view of an image: at one scale, flipped or not."""

    found: Detections  # rows [n, ...] in original pixels, valid ones alone
    centres: Keypoints | None  # [K] in original pixels, of a detector whose other views want them
    scale: float  # of test.scales
    flipped: bool
    factor: tuple[float, float]  # (x, y) resized size / original size


class ImageDetections(NamedTuple):
    """Final detections of one image, best first, valid rows only."""

    boxes: Tensor  # [n, 4] float32, original pixels, inside the image
    scores: Tensor  # [n] float32
    labels: Tensor  # [n] int64
