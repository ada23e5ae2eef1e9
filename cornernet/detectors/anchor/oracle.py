"""The anchor detector beside the truth: classes and boxes replaced by it, and why an object was lost.

What is true is what the anchors are assigned to in training:

- classes: an anchor with an object has score 1 for its class and 0 for all others, every other anchor 0 for all. All
  anchors of an object are equals then, also those whose predicted box is the worst of them.
- boxes: an anchor with an object has the object's box. Elsewhere the predicted box stays. No box is moved to the
  corners of a verification then.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from cornernet.detectors.anchor.assign import Assigned
from cornernet.detectors.anchor.coding import DELTAS, Coding
from cornernet.detectors.anchor.snap import snapped
from cornernet.detectors.corner.show import TITLES
from cornernet.detectors.oracle import inside
from cornernet.ops.boxes import box_iou
from cornernet.structures import AnchorMaps, Detections

PARTS = ("classes", "boxes")
REASONS = {
    "no anchor": "no anchor is assigned to it, so that training never showed it",
    "loose box": "the box of no anchor overlaps it enough",
    "class": "it was found, but as another class",
    "top_k": "no anchor with a fitting box is among the test.top_k best of its level",
    "num_dets": "no anchor with a fitting box is among the test.num_dets best of all levels",
    "score": "its box is there, but with a score below test.draw_score",
}


class AnchorOracle:
    """Output for one image and its objects; see `cornernet.detectors.oracle.Oracle`."""

    def __init__(
        self, maps: AnchorMaps, anchors: list[Tensor], assigned: Assigned, boxes: Tensor, labels: Tensor, mask: Tensor,
        frame: Tensor, decoder: Callable[..., Detections], coding: Coding = DELTAS,
    ) -> None:  # fmt: skip
        """maps, assigned: a batch of one; anchors [n, 4] of every level; boxes [M, 4] in input pixels, labels and
        mask [M] of the objects; frame [4]: the image's place in the input; decoder: maps and anchors -> Detections;
        coding: of the maps' deltas.
        """
        self.coding = coding
        self.maps, self.levels, self.assigned, self.decoder = maps, anchors, assigned, decoder
        self.boxes, self.labels, self.mask, self.frame = boxes, labels, mask, frame

    def predict(self, parts: Sequence[str] = ()) -> Detections:
        """Detections in input pixels with these parts true; see the module."""
        logits = self._true_logits() if "classes" in parts else self.maps.logits
        deltas = self._true_deltas() if "boxes" in parts else self.maps.deltas
        corners = () if "boxes" in parts else self.maps.corners
        return self.decoder(self.maps._replace(logits=logits, deltas=deltas, corners=corners), self.levels)

    def reason(self, which: int, iou: float, min_score: float) -> str:
        """How far the object came: the name of one of REASONS; see `Oracle.reason`."""
        if self._fitting(self._rows, which, iou).any():
            return "score"
        if not self._assigned_to()[which].any():
            return "no anchor"
        if not (self._overlaps(self._all_boxes, which) >= iou).any():
            return "loose box"
        chosen = self.decoder(self.maps, self.levels, num_dets=self.maps.logits[0].numel())  # no cut but top_k
        if self._fitting(chosen, which, iou).any():
            return "num_dets"
        return "class" if (self._overlaps(chosen.boxes[0], which) >= iou).any() else "top_k"

    def limits(self) -> dict[str, Tensor]:
        """Objects without an anchor."""
        return {"have no anchor assigned to them": ~self._assigned_to().any(1) & self.mask}

    def heat(self) -> dict[str, Tensor]:
        """Best score around every cell, over all levels, at the finest one's resolution [h, w]."""
        sizes, scores = self.maps.sizes, self.maps.logits[0].float().sigmoid().amax(-1)
        parts = scores.split([len(level) for level in self.levels])
        maps = [part.view(1, 1, *size, -1).amax(-1) for part, size in zip(parts, sizes, strict=True)]
        finest = [F.interpolate(level, sizes[0], mode="nearest-exact") for level in maps]
        corners = {
            title: heat[0, 0].float().sigmoid()
            for finest in self.maps.corners[:1]
            for title, heat in zip(TITLES[:2], (finest.tl_heat, finest.br_heat), strict=True)
        }
        return {"best score of the anchors": torch.cat(finest).amax(0)[0], **corners}

    def links(self, boxes: Tensor) -> Tensor:
        """No pairs: a box comes of one anchor."""
        return boxes.new_zeros(0, 2, 2)

    @cached_property
    def _rows(self) -> Detections:
        return self.predict()

    @cached_property
    def _all_boxes(self) -> Tensor:
        """The predicted box of every anchor [A, 4]."""
        deltas = self.maps.deltas.float().split([len(level) for level in self.levels], 1)
        boxes = [self.coding.decode(of_level, anchors) for of_level, anchors in zip(deltas, self.levels, strict=True)]
        return torch.cat(snapped(boxes, self.maps.corners), 1)[0]

    def _fitting(self, rows: Detections, which: int, iou: float) -> Tensor:
        """Rows [N] bool of an object's class that overlap it by iou."""
        return (self._overlaps(rows.boxes[0], which) >= iou) & (rows.labels[0] == self.labels[which])

    def _assigned_to(self) -> Tensor:
        """Objects and anchors [M, A] bool; objects with the same box and class share their anchors."""
        a = self.assigned
        same = (a.boxes[0] == self.boxes[:, None]).all(-1) & (a.labels[0] == self.labels[:, None])
        return same & a.positive[0] & self.mask[:, None]

    def _true_logits(self) -> Tensor:
        classes = self.maps.logits.shape[-1]
        label = self.assigned.labels.clamp(0, classes - 1)
        return (F.one_hot(label, classes) * self.assigned.positive[..., None]).float().logit()

    def _true_deltas(self) -> Tensor:
        true = self.coding.encode(self.assigned.boxes, torch.cat(self.levels))
        return torch.where(self.assigned.positive[..., None], true, self.maps.deltas.float())

    def _overlaps(self, boxes: Tensor, which: int) -> Tensor:
        return box_iou(inside(boxes, self.frame), self.boxes[which])
