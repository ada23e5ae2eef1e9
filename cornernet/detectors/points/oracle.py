"""Objects as points beside the truth: heatmaps, offsets and sizes replaced by it, and why an object was lost.

What is true is what `targets.encode` says:

- heatmaps: the targets take the place of the scores: every centre is a peak of score 1, and there are no others.
- offsets, sizes: a peak in the cell and class of a true centre gets its true position, or size. Elsewhere the
  predicted one stays, so that these parts do not mend what the heatmaps got wrong.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from cornernet.detectors.keypoints import best_keypoints
from cornernet.detectors.oracle import inside
from cornernet.detectors.points.decode import boxes as boxes_of
from cornernet.ops.boxes import box_iou
from cornernet.ops.gather import gather_cells
from cornernet.structures import Detections, PointMaps, PointTargets

PARTS = ("heatmaps", "offsets", "sizes")
REASONS = {
    "centre": "no peak where its bump reaches is among the test.top_k, in any class",
    "class": "it was found, or a peak at its centre was, but as another class",
    "loose box": "the box of the peak at its centre does not overlap it enough: peak, offset or size is wrong",
    "score": "its box is there, but with a score below test.draw_score",
}


class PointOracle:
    """Maps of one image and its objects; see `cornernet.detectors.oracle.Oracle`."""

    def __init__(
        self, maps: PointMaps, targets: PointTargets, labels: Tensor, boxes: Tensor, radius: Tensor, stride: Tensor,
        frame: Tensor, top_k: int, kernel: int,
    ) -> None:  # fmt: skip
        """Everything a batch of one: labels, radius (cells) [1, M], boxes [1, M, 4] in input pixels; stride [4]:
        pixels of a cell; frame [4]: the image's place in the input; top_k, kernel: see `decode`.
        """
        self.maps, self.targets, self.labels, self.boxes = maps, targets, labels, boxes
        self.reach, self.stride, self.frame = radius.clamp(min=1), stride, frame
        self.top_k, self.kernel = top_k, kernel

    def predict(self, parts: Sequence[str] = ()) -> Detections:
        """Detections in input pixels with these parts true; see the module."""
        return self._read(parts)[0]

    def reason(self, which: int, iou: float, min_score: float) -> str:
        """How far the object came: the name of one of REASONS; see `Oracle.reason`."""
        rows, near = self._rows
        there = rows.scores[0] >= 0
        fits = there & (box_iou(inside(rows.boxes[0], self.frame), self.boxes[0, which]) >= iou)
        own = rows.labels[0] == self.labels[0, which]
        if (fits & own).any():
            return "score"
        if (near[:, which] & there & own).any():
            return "loose box"
        return "class" if (fits | near[:, which] & there).any() else "centre"

    def limits(self) -> dict[str, Tensor]:
        """Objects that share a centre's cell with another of their class: there is one peak for both."""
        index, mask = self.targets.index[0], self.targets.mask[0]
        both = mask[:, None] & mask & ~torch.eye(len(mask), dtype=torch.bool, device=mask.device)
        same = (index[:, None] == index) & (self.labels[0, :, None] == self.labels[0])
        return {"share their centre's cell with another object of their class": (same & both).any(1)}

    def heat(self) -> dict[str, Tensor]:
        """Scores of the centres, [H, W]."""
        return {"centres": self.maps.heat[0].float().sigmoid().amax(0)}

    def links(self, boxes: Tensor) -> Tensor:
        """No pairs: a box comes of one point."""
        return boxes.new_zeros(0, 2, 2)

    @cached_property
    def _rows(self) -> tuple[Detections, Tensor]:
        """What is predicted, and which peaks belong to which objects, [K, M] bool."""
        rows, index = self._read(())
        return rows, self._belong(index[0])

    def _read(self, parts: Sequence[str]) -> tuple[Detections, Tensor]:
        """Detections with these parts true and the cells of their peaks."""
        m, t = self.maps, self.targets
        heat = t.heat.logit() if "heatmaps" in parts else m.heat
        peaks, index = best_keypoints(heat, m.offset, self.top_k, self.kernel)
        sizes = gather_cells(m.size, index).float()
        at, which = self._at_centres(index, peaks.labels)
        if "offsets" in parts:
            true = self._cell(index) + t.offset.gather(1, which)
            peaks = peaks._replace(points=torch.where(at, true, peaks.points))
        if "sizes" in parts:
            sizes = torch.where(at, t.size.gather(1, which), sizes)
        found = boxes_of(peaks, sizes)
        return found._replace(boxes=found.boxes * self.stride), index

    def _at_centres(self, index: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cells and labels of peaks [1, K] -> whether an object of that class has its centre there [1, K, 1], and the
        first such object, twice [1, K, 2].
        """
        same = (index[..., None] == self.targets.index[:, None]) & (labels[..., None] == self.labels[:, None])
        same = same & self.targets.mask[:, None]
        return same.any(-1, keepdim=True), same.float().argmax(-1)[..., None].expand(-1, -1, 2)

    def _belong(self, index: Tensor) -> Tensor:
        """Cells of peaks [K] -> [K, M] bool: the object is the nearest whose bump reaches it; equally near ones are."""
        apart = self._cell(index)[:, None] - self._cell(self.targets.index[0])
        near = (apart.abs().amax(-1) <= self.reach[0]) & self.targets.mask[0]
        distance = apart.square().sum(-1).float().masked_fill(~near, torch.inf)
        return near & (distance == distance.amin(-1, keepdim=True))

    def _cell(self, index: Tensor) -> Tensor:
        """Flat cells [...] -> (x, y) [..., 2]."""
        width = self.maps.heat.shape[3]
        return torch.stack((index % width, index // width), -1)
