"""The loss of the branch for centres: a heatmap term of its own, and offsets beside those of the corners.

Duan et al.: CenterNet, 2019, arXiv 1904.08189, equation 6.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cornernet.losses import adapt
from cornernet.losses.reduce import added, at_least_float32, positives
from cornernet.losses.scope import offset_share, share
from cornernet.ops.gather import gather_cells
from cornernet.structures import CentreMaps, CentreTargets


class CentreLoss(nn.Module):
    """Means over the stacks; heat_loss and offset_loss: of their roles; weight: of the heatmap's term."""

    def __init__(self, heat_loss: Callable, offset_loss: Callable, weight: float) -> None:
        super().__init__()
        self.heat_loss, self.offset_loss = adapt.heatmap(heat_loss), adapt.offset(offset_loss)
        self.weight = weight

    def terms(self, stacks: Sequence[CentreMaps], targets: CentreTargets) -> tuple[Tensor, Tensor]:
        """Maps of every stack and their targets -> (heatmap term, offset term), scalars, not weighted."""
        heat_share = 1.0 if adapt.per_image(self.heat_loss) else share(positives(targets.heat))
        with torch.autocast(targets.heat.device.type, enabled=False):
            heat = added(self.heat_loss(at_least_float32(x.heat), targets.heat) for x in stacks)
            read = [at_least_float32(gather_cells(x.offset, targets.index)) for x in stacks]
            offset = added(self.offset_loss(x, targets.offset, targets.mask) for x in read)
        return heat_share * heat / len(stacks), offset_share(targets.mask) * offset / len(stacks)
