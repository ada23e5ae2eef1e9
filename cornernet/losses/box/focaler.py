"""Focaler IoU, around any box loss. Zhang, Zhang: Focaler-IoU, 2024, arXiv 2401.10525.

    L = L_base + IoU - IoU_focaler,    IoU_focaler = (IoU - low) / (high - low), kept in [0, 1]

A window on the hard pairs (low = 0, high < 1) or on the easy ones (low > 0, high = 1): what lies outside has the
gradient of the base's other terms only.

Use it where the data are mostly easy or mostly hard, to give the others the say.
"""

from typing import Any

from torch import Tensor, nn

from cornernet.losses.building import build_from
from cornernet.losses.declarations import declared
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT, SPACE = 2.0, "boxes"  # of iou, the default base; an object has its base's


class focaler(nn.Module):
    """Boxes [N, 4] -> [N].

    base: name of a box loss or dotted path, built with base_args; a wrapper may be a base as well. low, high: the
    window. eps: of the overlap; the base has its own.
    """

    def __init__(
        self,
        eps: float = 1e-7,
        base: str = "iou",
        low: float = 0.0,
        high: float = 0.95,
        base_args: dict[str, Any] | None = None,
        typed: bool = False,  # `base` was, see `lookup.find`; like the next not a config's to set
        given: dict[str, Any] | None = None,  # what the detector knows, for the base
    ) -> None:
        super().__init__()
        if not 0 <= low < high <= 1:
            raise ValueError(f"low and high must be 0 <= low < high <= 1, got {low} and {high}")
        self.eps, self.low, self.high = eps, low, high
        self.base = build_from("box", base, base_args or {}, given, typed)
        self.WEIGHT, self.SPACE = declared("box", self.base, f"box loss {base!r}")[:2]

    def forward(self, boxes1: Tensor, boxes2: Tensor) -> Tensor:
        """Boxes [N, 4] -> [N]."""
        p, g = at_least_float32(boxes1), at_least_float32(boxes2)
        i = box_iou(p, g, self.eps)
        return self.base(p, g) + i - ((i - self.low) / (self.high - self.low)).clamp(0, 1)
