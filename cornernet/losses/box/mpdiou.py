"""MPDIoU. Ma, Xu: MPDIoU, 2023, arXiv 2307.07662.

    L = 1 - IoU + d1^2 / (W^2 + H^2) + d2^2 / (W^2 + H^2)

d1, d2: distances between the top-left and between the bottom-right corners; W, H: size of the image. The pairs do not
know the image, so they are given its size or its diagonal, sqrt(W^2 + H^2) in the unit of the boxes: 723 for 511 x 511
pixels. A detector gives the size of its input; a diagonal in the config goes before it.

Use it where both corners are to be right, the nearest in spirit to corner detection; in a large image its pull is weak,
so give it a larger weight.
"""

import math

from torch import Tensor, nn

from cornernet.losses.reduce import at_least_float32
from cornernet.ops.boxes import box_iou

WEIGHT = 2.0
SPACE = "boxes"


class mpdiou(nn.Module):
    """Boxes [N, 4] inside an image of that diagonal, or (height, width) -> [N] in [0, 3]; eps is added to the union."""

    def __init__(
        self, eps: float = 1e-7, *, diagonal: float | None = None, image_size: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        if diagonal is None:
            if image_size is None:
                raise ValueError("it needs the argument 'diagonal' where no detector gives image_size")
            diagonal = math.hypot(*image_size)
        self.eps, self.diagonal = eps, diagonal

    def forward(self, boxes1: Tensor, boxes2: Tensor) -> Tensor:
        """Boxes [N, 4] -> [N]."""
        p, g = at_least_float32(boxes1), at_least_float32(boxes2)
        return 1 - box_iou(p, g, self.eps) + ((p - g) ** 2).sum(-1) / self.diagonal**2
