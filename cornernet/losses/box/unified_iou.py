"""Unified IoU, around any box loss. Luo, Cai, Shao, Wang: Unified-IoU, 2024, arXiv 2408.06636.

    L = L_base of both boxes scaled by r about their centres, r from `start` to `end` as the training goes on
    focal hard    times 1 - IoU^gamma        focal easy    times IoU^gamma, the paper's Focal-inv
    linear r = start + (end - start) t,    cosine r = end + (start - end) (1 + cos(pi t)) / 2,
    fraction r = start / (1 + (start / end - 1) t)

t: share of the training that is done; IoU: of the scaled boxes, without gradient. Larger boxes overlap where the boxes
do not yet and make little of small errors, smaller ones the other way round: attention goes from bad predictions to
good ones. Of the paper the abstract could be read; formula and defaults are those of the authors' code, whose base is
ciou and which halves at the end what it doubled at the start.

Use it for tight boxes at the end of a training that has to find them first; easy where objects crowd together.
"""

from math import pi
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cornernet.losses.building import build_from
from cornernet.losses.declarations import declared
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, scaled

WEIGHT, SPACE = 2.4, "boxes"  # of ciou, the default base; an object has its base's


class unified_iou(nn.Module):
    """Boxes [N, 4] -> [N].

    base: name of a box loss or dotted path, built with base_args; a wrapper may be a base as well. start, end: the
    first and the last ratio; without `progress`, which a detector gives, it stays the first.
    """

    def __init__(
        self,
        base: str = "ciou",
        start: float = 2.0,
        end: float = 0.5,
        schedule: Literal["linear", "cosine", "fraction"] = "linear",
        focal: Literal["none", "hard", "easy"] = "none",
        gamma: float = 0.5,
        base_args: dict[str, Any] | None = None,
        progress: Tensor | None = None,
        typed: bool = False,  # `base` was, see `lookup.find`; like the next not a config's to set
        given: dict[str, Any] | None = None,  # what the detector knows, for the base
    ) -> None:
        super().__init__()
        if min(start, end) <= 0:
            raise ValueError(f"start and end must be above 0, got {start} and {end}")
        self.start, self.end, self.schedule, self.focal, self.gamma = start, end, schedule, focal, gamma
        self.progress, self.base = progress, build_from("box", base, base_args or {}, given, typed)
        self.WEIGHT, self.SPACE = declared("box", self.base, f"box loss {base!r}")[:2]

    def forward(self, boxes1: Tensor, boxes2: Tensor) -> Tensor:
        """Boxes [N, 4] -> [N]."""
        p, g = (scaled(at_least_float32(boxes), self.ratio()) for boxes in (boxes1, boxes2))
        if self.focal == "none":
            return self.base(p, g)
        quality = box_iou(p, g).detach() ** self.gamma
        return (quality if self.focal == "easy" else 1 - quality) * self.base(p, g)

    def ratio(self) -> Tensor | float:
        """Return how large the boxes are now, of their true size."""
        t = self.progress
        if t is None:
            return self.start
        if self.schedule == "cosine":
            return self.end + (self.start - self.end) * (1 + torch.cos(pi * t)) / 2
        if self.schedule == "fraction":
            return self.start / (1 + (self.start / self.end - 1) * t)
        return self.start + (self.end - self.start) * t
