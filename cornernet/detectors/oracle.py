"""What the diagnosis asks of every detector: its output for one image beside the truth about that image."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from cornernet.structures import Detections


class Oracle(Protocol):
    """One image's output, read once, and what would come of it were parts of it the truth.

    The parts, those tried alone and the reasons are those that its `Detector` names.
    """

    def predict(self, parts: Sequence[str] = ()) -> Detections:
        """Detections of the image in input pixels, one row in the batch, with these parts replaced by the truth."""

    def reason(self, which: int, iou: float, min_score: float) -> str:
        """Why no row of predict() of object `which`'s class has an IoU of iou and a score of min_score or more."""

    def limits(self) -> dict[str, Tensor]:
        """What even the truth cannot show -> which objects it concerns, [M] bool."""

    def heat(self) -> dict[str, Tensor]:
        """Title -> scores [h, w] in [0, 1] over the input, the best of all classes."""

    def links(self, boxes: Tensor) -> Tensor:
        """Detections [n, 4] -> the pairs of points they are made of, [k, 2, 2] (x, y); none where they are not."""


def slots(boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Objects of one image, boxes [M, 4] and labels [M] -> the same as a batch of one, with their mask.

    Without an object there is one slot, masked out, for maxima over objects have to be defined.
    """
    count = len(boxes)
    room = max(1, count)
    wide, mask = boxes.new_zeros(1, room, 4), torch.arange(room, device=boxes.device)[None] < count
    wide[0, :count] = boxes
    named = labels.new_zeros(1, room)
    named[0, :count] = labels
    return wide, named, mask


def inside(boxes: Tensor, frame: Tensor) -> Tensor:
    """Boxes [..., 4] clipped to the image, frame [4] xyxy, as detections are before they are compared."""
    low, high = frame[:2].repeat(2), frame[2:].repeat(2)
    return boxes.clamp(min=low, max=high)
