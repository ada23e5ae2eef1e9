"""Around a region stage: which boxes it is shown in training and in a test, and what comes of its word on them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from cornernet.config import ScoreWeights
from cornernet.detectors.corner.decode import region_scored
from cornernet.detectors.corner.proposals import Proposals, proposals
from cornernet.detectors.corner.scores import How
from cornernet.structures import CornerMaps, Detections, RegionLogits, StackMaps

SURE = 20.0  # logit of what is true
Region = Callable[[tuple[Tensor, ...], Tensor], RegionLogits]


def read(maps: CornerMaps) -> tuple[Tensor, ...]:
    """Maps of one stack of a network with a region stage -> those that the stage reads."""
    return cast(StackMaps, maps).region


@dataclass(frozen=True)
class RegionStage:
    """Settings of a region stage; `propose` is `decode` as it makes boxes in training."""

    propose: Callable[[CornerMaps], Detections]
    num_classes: int
    class_corners: bool
    positive_iou: float
    min_pair: float
    num_dets: int
    score: How
    weights: ScoreWeights

    @torch.no_grad()
    def proposals(self, maps: CornerMaps, boxes: Tensor, labels: Tensor, mask: Tensor) -> Proposals:
        """Maps of the last stack and the objects, boxes [B, M, 4] in cells -> what every stack is trained on."""
        detached = CornerMaps(*(x.detach() for x in maps[:6]))
        return proposals(self.propose(detached), boxes, labels, mask, self.num_classes, self.positive_iou)

    def scored(self, region: Region, maps: CornerMaps, pairs: Detections) -> Detections:
        """Region stage of the last stack, its maps and pairs of corners in cells -> Detections in cells, best first."""
        said = region(read(maps), pairs.boxes)
        return region_scored(pairs, said, self.num_dets, self.score, self.weights, self.min_pair, self.class_corners)


def true_word(overlap: Tensor, labels: Tensor, num_classes: int) -> RegionLogits:
    """IoU of N boxes with M objects [N, M], their labels [M] -> what a region stage should say of the boxes, [1, N].

    A box is of the object that it overlaps most, by 0.5 or more; of several where it overlaps them alike.
    """
    of = (overlap >= 0.5) & (overlap == overlap.amax(1, keepdim=True))
    every = torch.arange(num_classes, device=labels.device)
    classes = (of[..., None] & (labels[:, None] == every)).any(1)
    return RegionLogits(*((2.0 * x[None].float() - 1) * SURE for x in (of.any(1), classes)))
