"""The loss of objects as points: heatmap, offsets and sizes of every stack, features if asked for.

Objects as Points, arXiv 1904.07850, equations 1 to 4: L = L_heatmap + 0.1 L_size + L_offset, each over the number of
objects. The authors' code divides the last two by twice that number, since its mask counts x and y.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from cornernet.losses import adapt
from cornernet.losses.embedded import MOST, NOTHING, first_rows
from cornernet.losses.reduce import added, at_least_float32
from cornernet.losses.scope import shares
from cornernet.losses.several import by_name
from cornernet.ops.gather import gather_cells
from cornernet.structures import PointMaps, PointTargets


class PointLoss(nn.Module):
    """Terms of the heatmap, of the offsets and of the sizes, means over the stacks.

    losses: by place, heatmap, offset, size and perhaps feature; weights: by the names of the terms. Counts are taken
    over all processes, so that training on several equals training on one.
    """

    def __init__(self, losses: Mapping[str, Callable], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.heatmap_loss = adapt.heatmap(losses["heatmap"])
        self.offset_loss, self.size_loss = adapt.offset(losses["offset"]), adapt.offset(losses["size"])
        self.feature_loss = losses.get("feature")
        self.weights = dict(weights)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Named terms -> their weighted sum, scalar."""
        return added(self.weights[name] * value for name, value in terms.items())

    def terms(
        self, stacks: Sequence[PointMaps], targets: PointTargets, labels: Tensor, features: Sequence[Tensor] = ()
    ) -> dict[str, Tensor]:
        """Maps of every stack, targets and labels [B, M] of their slots, for a feature loss what each head read
        [B, D, H, W] -> heatmap, offset, size, feature if there is such a loss; unweighted scalars in float32.
        """
        heat, _, slots = shares(targets.heat, targets.heat, targets.mask)
        heat = 1.0 if adapt.per_image(self.heatmap_loss) else heat
        with torch.autocast(targets.heat.device.type, enabled=False):
            found = [self._stack(maps, targets, heat, slots) for maps in stacks]
            if self.feature_loss is not None:
                for terms, read in zip(found, features, strict=True):
                    given = by_name("feature", self.feature_loss(*_rows(read, targets, labels)))
                    terms |= {name: slots * term for name, term in given.items()}
        return {name: added(terms[name] for terms in found) / len(found) for name in found[0]}

    def _stack(
        self, maps: PointMaps, targets: PointTargets, heat: Tensor | float, slots: Tensor | float
    ) -> dict[str, Tensor]:
        """One stack's terms; heat and slots: the shares of this process."""
        offset, size = (gather_cells(at_least_float32(x), targets.index) for x in (maps.offset, maps.size))
        return {
            "heatmap": heat * self.heatmap_loss(at_least_float32(maps.heat), targets.heat),
            "offset": slots * self.offset_loss(offset, targets.offset, targets.mask),
            "size": slots * self.size_loss(size, targets.size, targets.mask),
        }


def _rows(read: Tensor, targets: PointTargets, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Features of one stack, targets, labels -> embeddings [N, D] at the centres and their classes, of the first N."""
    classes = torch.where(targets.mask, labels, NOTHING).flatten()
    first = first_rows(classes, MOST)
    return at_least_float32(gather_cells(read, targets.index).flatten(0, 1)[first]), classes[first]
