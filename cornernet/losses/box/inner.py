"""Inner IoU, around any box loss. Zhang, Xu, Zhang: Inner-IoU, 2023, arXiv 2311.02877.

    L = L_base + IoU - IoU_inner

IoU_inner: overlap of the two boxes after both are scaled by the ratio about their centres. Below 1 it asks for more
than IoU and helps boxes that overlap much; above 1 it reaches boxes that do not overlap yet.

Use it with a ratio below 1 late in training or on large objects, above 1 on small ones.
"""

from typing import Any

from torch import Tensor, nn

from cornernet.losses.building import build_from
from cornernet.losses.declarations import declared
from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou, scaled

WEIGHT, SPACE = 2.0, "boxes"  # of iou, the default base; an object has its base's


class inner(nn.Module):
    """Boxes [N, 4] -> [N].

    base: name of a box loss or dotted path, built with base_args; a wrapper may be a base as well. ratio: 0.5 to 1.5 in
    the paper. eps: of the two overlaps; the base has its own.
    """

    def __init__(
        self,
        eps: float = 1e-7,
        base: str = "iou",
        ratio: float = 0.7,
        base_args: dict[str, Any] | None = None,
        typed: bool = False,  # `base` was, see `lookup.find`; like the next not a config's to set
        given: dict[str, Any] | None = None,  # what the detector knows, for the base
    ) -> None:
        super().__init__()
        if ratio <= 0:
            raise ValueError(f"ratio must be above 0, got {ratio}")
        self.eps, self.ratio, self.base = eps, ratio, build_from("box", base, base_args or {}, given, typed)
        self.WEIGHT, self.SPACE = declared("box", self.base, f"box loss {base!r}")[:2]

    def forward(self, boxes1: Tensor, boxes2: Tensor) -> Tensor:
        """Boxes [N, 4] -> [N]."""
        p, g = at_least_float32(boxes1), at_least_float32(boxes2)
        within = box_iou(scaled(p, self.ratio), scaled(g, self.ratio), self.eps)
        return self.base(p, g) + box_iou(p, g, self.eps) - within
