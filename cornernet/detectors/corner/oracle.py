"""The corner detector beside the truth: heatmaps, offsets and grouping replaced by it, and why an object was lost.

The error analysis of CornerNet, Law and Deng 2018, arXiv 1808.01244, section 4.4, with the grouping as a third part.
What is true is what `targets.encode` says:

- heatmaps: the targets take the place of the scores. Bumps fall off from their corners on all sides, so every corner
  is a peak of score 1, whatever overlaps it, and there are no others.
- offsets: a corner found in the cell and class of a true corner gets its true position. Elsewhere the predicted offset
  stays, so that offsets alone do not mend what the heatmaps got wrong.
- grouping: a pair is right if both its corners belong to one object, and then at no distance; all others are
  rejected. A corner belongs to the nearest object of its class whose bump reaches its cell, one cell at the least: this
  is how far training lets a corner stray. With true heatmaps it is the very cell. So tags and centripetal shifts need
  no values of their own.
- pairs among labelled objects: the same in every class, right or wrong, but rejected is only a pair whose corners
  belong to two different objects; one with a corner that belongs to none stays as predicted. So neither the boxes of
  what nobody labelled nor those under a wrong class are a gain, as they are with true grouping.
- centres: the keypoints at centres are the objects' true ones, of score 1; a box without one in its middle is rejected
  as ever.
- region: what a region stage says of a box is the truth: it is a pair, and of the classes, if it overlaps an object by
  an IoU of 0.5 or more; the class is that of the object that it overlaps most.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from cornernet.detectors.corner.centres import Centres, centre_maps
from cornernet.detectors.corner.decode import Corners, Pairs, best_pairs, distances, find_corners, pair_up
from cornernet.detectors.corner.scores import corner_scores
from cornernet.detectors.corner.stage import Region, RegionStage, true_word
from cornernet.detectors.oracle import inside
from cornernet.ops.boxes import box_iou
from cornernet.structures import CornerMaps, CornerTargets, Detections, Keypoints, RegionLogits

PARTS = ("heatmaps", "offsets", "grouping")
LABELLED = "pairs among labelled objects"
ALONE = (LABELLED,)
REASONS = {
    "both corners": "neither of its corners is among the test.top_k peaks, in any class",
    "top-left corner": "its top-left corner is not among the test.top_k peaks, in any class",
    "bottom-right corner": "its bottom-right corner is not among the test.top_k peaks, in any class",
    "class": "it was found, or both its corners were, but as another class",
    "loose box": "boxes of its corners do not overlap it enough: a peak lies too far off, or an offset is wrong",
    "tag distance": "its corners were found, but the pair is farther apart in its tags than test.ae_threshold",
    "assignment": "test.grouping gave one of its corners to another pair",
    "num_dets": "its pair is not among the test.num_dets best, or model.region.proposals for a region stage",
    "faint corners": "its box is there, but both corners score below test.draw_score",
    "faint top-left corner": "its box is there, but its top-left corner scores so low that the box does too",
    "faint bottom-right corner": "its box is there, but its bottom-right corner scores so low that the box does too",
    "distance": "its corners score enough, but test.weights.distance takes off too much for the distance of their tags",
    "centre": "its pair scores enough, but no centre keypoint of its class lies in its middle, or too faint a one",
    "region": "its pair scores enough, but the region stage rejects it or takes it below by pair or class",
}
CLOSE = 1e-3  # pixels between two calculations of one box
PAIRING = ("ae_threshold", "score", "weights", "assignment")  # settings of `decode` that `pair_up` takes


class CornerOracle:
    """Maps of one image and its objects; see `cornernet.detectors.oracle.Oracle`."""

    def __init__(
        self, maps: CornerMaps, targets: CornerTargets, labels: Tensor, boxes: Tensor, radius: Tensor,
        stride: tuple[float, float], frame: Tensor, settings: dict[str, Any], stage: RegionStage | None = None,
        region: Region | None = None, centres: Centres | None = None,
    ) -> None:  # fmt: skip
        """Everything a batch of one: labels, radius (cells) [1, M], boxes [1, M, 4] in input pixels; stride: pixels
        of a cell (x, y); frame [4]: the image's place in the input; settings: the arguments of `decode`;
        region: what looks into boxes and, stage, what surrounds it, if the detector has one; centres: alike.
        """
        self.maps, self.targets, self.labels, self.boxes = maps, targets, labels, boxes
        self.reach = radius.clamp(min=1)
        self.stride = boxes.new_tensor(stride * 2)
        self.frame, self.settings = frame, settings
        self.stage, self.region, self.centres = stage, region, centres
        self.kinds = labels if stage is None or stage.class_corners else torch.zeros_like(labels)  # of corners

    def predict(self, parts: Sequence[str] = ()) -> Detections:
        """Detections in input pixels with these parts true, in the order of their scores; see the module."""
        tl, br = self._corners(parts)
        return self._boxes(tl, br, self._pairs(tl, br, parts), parts)

    def _boxes(self, tl: Corners, br: Corners, pairs: Pairs, parts: Sequence[str]) -> Detections:
        """Pairs -> Detections in input pixels; nowhere else does a pair become a box with a score."""
        found = self._confirmed(best_pairs(tl, br, pairs.scores, self.settings["num_dets"]), "centres" in parts)
        if self.stage is not None and self.region is not None:
            found = self.stage.scored(self._truth if "region" in parts else self.region, self.maps, found)
        return found._replace(boxes=found.boxes * self.stride)

    def _confirmed(self, found: Detections, true: bool) -> Detections:
        """Pairs in cells -> those that a centre confirms, where the detector asks for one."""
        if self.centres is None:
            return found
        middle = self.boxes.unflatten(-1, (2, 2)).mean(-2)
        marks = Keypoints(middle, self.targets.mask.to(middle.dtype), self.kinds)
        if not true:
            marks = self.centres.found(self.maps, self.stride[:2])
        found = self.centres.confirmed(found._replace(boxes=found.boxes * self.stride), marks)
        return found._replace(boxes=found.boxes / self.stride)

    def _truth(self, _: tuple[Tensor, ...], boxes: Tensor) -> RegionLogits:
        """Boxes [1, N, 4] in cells -> what a region stage should say of them."""
        assert self.stage is not None, "the detector has a region stage"
        overlap = self._overlap(boxes[0]) * self.targets.mask[0]
        return true_word(overlap, self.labels[0], self.stage.num_classes)

    def _overlap(self, boxes: Tensor) -> Tensor:
        """Boxes [N, 4] in cells -> IoU with every object, [N, M]."""
        return box_iou(inside(boxes * self.stride, self.frame)[:, None], self.boxes[0])

    def reason(self, which: int, iou: float, min_score: float) -> str:
        """How far the object came: the name of one of REASONS; see `Oracle.reason`."""
        rows = self._rows
        fits = (box_iou(rows.boxes[0], self.boxes[0, which]) >= iou) & (rows.labels[0] == self.labels[0, which])
        fits = fits & (rows.scores[0] >= 0)
        if fits.any():
            best = int(fits.nonzero()[0])  # they are sorted
            return self._faint(rows.tl_scores[0, best], rows.br_scores[0, best], rows.boxes[0, best], min_score)
        pairs = self._proposed
        near = (box_iou(pairs.boxes[0], self.boxes[0, which]) >= iou) & (pairs.scores[0] >= 0)
        if (name := self._behind()) and (near & (pairs.labels[0] == self.kinds[0, which])).any():
            return name
        return self._unpaired(which, iou)

    def _faint(self, tl: Tensor, br: Tensor, box: Tensor, min_score: float) -> str:
        """Why a pair scores below min_score."""
        pairs = self._proposed
        before = pairs.scores[0][((pairs.boxes[0] - box).abs() < CLOSE).all(1)]
        if (name := self._behind()) and bool((before >= min_score).any()):
            return name
        if corner_scores(tl.view(1, 1), br.view(1, 1), self.settings["score"]) >= min_score:
            return "distance"
        if br >= min_score:
            return "faint top-left corner"
        return "faint bottom-right corner" if tl >= min_score else "faint corners"

    def _behind(self) -> str:
        """What may reject a pair that was proposed: the last that does."""
        return "region" if self.stage is not None else "centre" if self.centres is not None else ""

    def _unpaired(self, which: int, iou: float) -> str:
        """Why no pair that fits left the detector."""
        tl, br, pairs = self._predicted
        ours = [self._belong(c, index)[0, :, which] for c, index in self._kinds(tl, br)]
        if not all(x.any() for x in ours):
            return self._missing(which)
        good = ours[0][:, None] & ours[1] & pairs.possible[0] & (self._overlaps(which) >= iou)
        stages = (("loose box", good), ("tag distance", good & pairs.close[0]), ("assignment", good & pairs.kept[0]))
        return next((name for name, left in stages if not left.any()), "num_dets")

    def limits(self) -> dict[str, Tensor]:
        """Objects that share a corner's cell with another of their class: there is one peak and one offset for both."""
        t, mask = self.targets, self.targets.mask[0]
        alike = [x[0, :, None] == x[0] for x in (self.kinds, t.tl_index, t.br_index)]
        both = mask[:, None] & mask & ~torch.eye(len(mask), dtype=torch.bool, device=mask.device)
        shared = (alike[0] & (alike[1] | alike[2]) & both).any(1)
        return {"share a corner's cell with another object of their class": shared}

    def heat(self) -> dict[str, Tensor]:
        """Scores of both kinds of corner, [H, W]."""
        kinds = {"top-left corners": self.maps.tl_heat, "bottom-right corners": self.maps.br_heat}
        if self.centres is not None:
            kinds["centres"] = centre_maps(self.maps).heat
        return {title: heat[0].float().sigmoid().amax(0) for title, heat in kinds.items()}

    def links(self, boxes: Tensor) -> Tensor:
        """A box is the pair of its corners."""
        return boxes.view(-1, 2, 2)

    @cached_property
    def _rows(self) -> Detections:
        found = self.predict()
        return found._replace(boxes=inside(found.boxes, self.frame))

    @cached_property
    def _proposed(self) -> Detections:
        """The pairs before a region stage."""
        tl, br, pairs = self._predicted
        found = best_pairs(tl, br, pairs.scores, self.settings["num_dets"])
        return found._replace(boxes=inside(found.boxes * self.stride, self.frame))

    @cached_property
    def _predicted(self) -> tuple[Corners, Corners, Pairs]:
        tl, br = self._corners(())
        return tl, br, self._pairs(tl, br, ())

    def _corners(self, parts: Sequence[str]) -> tuple[Corners, Corners]:
        m, t, how = self.maps, self.targets, (self.settings["top_k"], self.settings["kernel"])
        heats = (t.tl_heat.logit(), t.br_heat.logit()) if "heatmaps" in parts else (m.tl_heat, m.br_heat)
        tl = find_corners(heats[0], m.tl_tag, m.tl_offset, *how)
        br = find_corners(heats[1], m.br_tag, m.br_offset, *how)
        if "offsets" not in parts:
            return tl, br
        return self._placed(tl, t.tl_index, t.tl_offset), self._placed(br, t.br_index, t.br_offset)

    def _pairs(self, tl: Corners, br: Corners, parts: Sequence[str]) -> Pairs:
        distance, allowed = distances(tl, br, self.settings["pair_distance"]), None
        if "grouping" in parts:
            (allowed, _), distance = self._joined(tl, br), torch.zeros_like(distance)
        elif LABELLED in parts:
            (joined, _), (alike, owned) = (self._joined(tl, br, any_class) for any_class in (False, True))
            allowed, distance = joined | alike | ~owned, distance.masked_fill(joined | alike, 0)
        return pair_up(tl, br, distance, **{key: self.settings[key] for key in PAIRING}, allowed=allowed)

    def _joined(self, tl: Corners, br: Corners, any_class: bool = False) -> tuple[Tensor, Tensor]:
        """Pairs [1, K, K] whose corners belong to one object, and those whose corners both belong to any."""
        first, second = (self._belong(*kind, any_class).float() for kind in self._kinds(tl, br))
        return first @ second.transpose(1, 2) > 0, first.amax(-1)[:, :, None] * second.amax(-1)[:, None] > 0

    def _kinds(self, tl: Corners, br: Corners) -> tuple[tuple[Corners, Tensor], ...]:
        return (tl, self.targets.tl_index), (br, self.targets.br_index)

    def _placed(self, corners: Corners, index: Tensor, offset: Tensor) -> Corners:
        """Corners in a true corner's cell and class at its true position; of several the first object's."""
        same = (corners.index[..., None] == index[:, None]) & self._of_class(corners)
        which = same.float().argmax(-1)[..., None].expand(-1, -1, 2)
        x, y = (self._cell(corners.index) + offset.gather(1, which)).unbind(-1)
        here = same.any(-1)
        return corners._replace(x=torch.where(here, x, corners.x), y=torch.where(here, y, corners.y))

    def _belong(self, corners: Corners, index: Tensor, any_class: bool = False) -> Tensor:
        """Corners, cells of the true ones [1, M] -> [1, K, M] bool: it is this object's. Equally near ones share it."""
        apart = self._cell(corners.index)[:, :, None] - self._cell(index)[:, None]
        near = (apart.abs().amax(-1) <= self.reach[:, None]) & (corners.scores > 0)[..., None]
        near = near & self.targets.mask[:, None] & (any_class | self._of_class(corners))
        distance = apart.square().sum(-1).float().masked_fill(~near, torch.inf)
        return near & (distance == distance.amin(-1, keepdim=True))

    def _of_class(self, corners: Corners) -> Tensor:
        return (corners.labels[..., None] == self.kinds[:, None]) & self.targets.mask[:, None]

    def _cell(self, index: Tensor) -> Tensor:
        """Flat cells [...] -> (x, y) [..., 2]."""
        width = self.maps.tl_heat.shape[3]
        return torch.stack([index % width, index // width], -1)

    def _missing(self, which: int) -> str:
        """What it lacks that has not both its corners in its class."""
        tl, br, _ = self._predicted
        tl_found, br_found = (
            any(bool(self._belong(c, i, any_class)[0, :, which].any()) for any_class in (False, True))
            for c, i in self._kinds(tl, br)
        )
        if tl_found and br_found:
            return "class"
        return "bottom-right corner" if tl_found else "top-left corner" if br_found else "both corners"

    def _overlaps(self, which: int) -> Tensor:
        """IoU [K, K] of the boxes of all pairs with an object."""
        tl, br, _ = self._predicted
        first = torch.stack([tl.x, tl.y], -1)[0, :, None].expand(-1, br.x.shape[1], -1)
        second = torch.stack([br.x, br.y], -1)[0].expand(tl.x.shape[1], -1, -1)
        boxes = inside(torch.cat([first, second], -1) * self.stride, self.frame)
        return box_iou(boxes, self.boxes[0, which])
