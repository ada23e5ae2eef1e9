"""The objects of an image that a detector misses, and the one reason for each.

An object is missed if no detection that is shown is matched to it. Shown are the detections of one pass over the
image that reach test.draw_score. They are matched as COCO does it at IoU 0.5: the best detection first, each to the
object of its class that it overlaps most of those still free. Crowds are not objects, and a detection on one matches
nothing.

The reason is the first line that holds. "Rows" are the boxes before the suppression, "fitting" ones overlap the object
by IoU 0.5 or more.

1. unreadable: the image could not be read.
2. claimed: a fitting detection of its class is shown, matched to another object.
3. nms: fitting rows of its class reach test.draw_score, but of none of them is that left after the suppression.
4. max_per_image: they do after it too, but lie beyond the test.max_per_image best.
5. class: a fitting detection of another class is shown that is matched to no object.
6. what `detector.reasons` lists, named by the detector: fitting rows of its class are all below test.draw_score, or
   there are none.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou

from cornernet.evaluation.matching import taken
from cornernet.ops.nms import Kept
from cornernet.structures import Detections, ImageDetections

IOU = 0.5
REASONS = {  # of all detectors, behind their own
    "nms": "it was found, but the suppression removed it or lowered its score below test.draw_score",
    "max_per_image": "it was found, but test.max_per_image others are better",
    "claimed": "the detection that fits it is matched to another object",
    "unreadable": "the image could not be read",
}


class Answer(NamedTuple):
    """What became of one image, in original pixels."""

    rows: Detections  # before the suppression, without the batch
    kept: Kept  # after it
    found: ImageDetections  # the best of them

    def shown(self, min_score: float) -> ImageDetections:
        """The detections that reach a score."""
        return ImageDetections(*(x[self.found.scores >= min_score] for x in self.found))


def match(boxes: Tensor, labels: Tensor, found: ImageDetections, iou: float = IOU) -> Tensor:
    """Objects [M, 4], [M] and detections, best first -> the object of each detection [n] int64, -1 for none.

    As COCOeval matches without crowds: of equally good objects the last.
    """
    overlaps = box_iou(found.boxes.double(), boxes.double()).masked_fill(found.labels[:, None] != labels, -1)
    later = torch.arange(len(boxes)).expand_as(overlaps)
    return torch.from_numpy(taken(overlaps.numpy(), later.numpy(), min(iou, 1 - 1e-10)))


def reasons(
    boxes: Tensor, labels: Tensor, answer: Answer, min_score: float, early: Callable[[int, float, float], str]
) -> list[str]:
    """Objects of an image and what became of it -> why each is missed, "" for those that are not.

    boxes [M, 4], labels [M], on the CPU; min_score: of what is shown; early(object, iou, min_score): the detector's own
    reason, asked where no fitting row of the object's class left it with this score.
    """
    shown = answer.shown(min_score)
    objects = match(boxes, labels, shown)
    stray = ImageDetections(*(x[objects < 0] for x in shown))
    hit = set(objects.tolist())
    late = (_late(box, label, answer, shown, stray, min_score) for box, label in zip(boxes, labels, strict=True))
    return ["" if m in hit else reason or early(m, IOU, min_score) for m, reason in enumerate(late)]


def _late(
    box: Tensor, label: Tensor, answer: Answer, shown: ImageDetections, stray: ImageDetections, min_score: float
) -> str:
    """Reasons 2 to 5 of the module for a missed object; "" where none holds."""
    rows, kept = answer.rows, answer.kept
    if (_fits(shown.boxes, box) & (shown.labels == label)).any():
        return "claimed"
    strong = _fits(rows.boxes, box) & (rows.labels == label) & (rows.scores >= min_score)
    if strong.any():
        left = strong[kept.index] & (kept.scores >= min_score) & _fits(kept.boxes, box)
        return "max_per_image" if left.any() else "nms"
    return "class" if (_fits(stray.boxes, box) & (stray.labels != label)).any() else ""


def _fits(boxes: Tensor, box: Tensor) -> Tensor:
    return box_iou(boxes.double(), box[None].double())[:, 0] >= IOU
