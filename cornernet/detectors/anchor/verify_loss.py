"""The loss of the corner verification: a heatmap and an offset term, each the mean of both kinds of corner.

RepPoints v2, arXiv 2007.08508, section 3.2. The cells of all levels are one row of a heatmap, so that the term is
divided by the corners of all levels together.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from cornernet.losses import adapt
from cornernet.losses.reduce import added, at_least_float32
from cornernet.losses.scope import shares
from cornernet.ops.gather import gather_cells
from cornernet.structures import CornerTargets, LevelCorners


class VerifyLoss(nn.Module):
    """Means over the stacks; heat_loss and offset_loss: of their roles."""

    def __init__(self, heat_loss: Callable, offset_loss: Callable) -> None:
        super().__init__()
        self.heat_loss, self.offset_loss = adapt.heatmap(heat_loss), adapt.offset(offset_loss)

    def terms(self, stacks: Sequence[Sequence[LevelCorners]], targets: Sequence[CornerTargets]) -> dict[str, Tensor]:
        """LevelCorners of every stack, targets, both by level -> verify and offset, unweighted scalars."""
        goals = [_row(x.tl_heat for x in targets), _row(x.br_heat for x in targets)]
        offsets = [torch.cat([x.tl_offset for x in targets], 1), torch.cat([x.br_offset for x in targets], 1)]
        mask = torch.cat([x.mask for x in targets], 1)
        *heat_shares, offset_share = shares(goals[0], goals[1], mask)
        if adapt.per_image(self.heat_loss):
            heat_shares = [1.0, 1.0]
        with torch.autocast(mask.device.type, enabled=False):
            heats = [
                part * self.heat_loss(row, goal)
                for stack in stacks
                for row, goal, part in zip(_heats(stack), goals, heat_shares, strict=True)
            ]
            moved = [
                offset_share * self.offset_loss(read, goal, mask)
                for stack in stacks
                for read, goal in zip(_offsets(stack, targets), offsets, strict=True)
            ]
        return {"verify": added(heats) / len(heats), "offset": added(moved) / len(moved)}


def _heats(levels: Sequence[LevelCorners]) -> list[Tensor]:
    """Logits of both kinds of corner [B, 1, 1, cells of all levels]."""
    return [at_least_float32(_row(x.tl_heat for x in levels)), at_least_float32(_row(x.br_heat for x in levels))]


def _offsets(levels: Sequence[LevelCorners], targets: Sequence[CornerTargets]) -> list[Tensor]:
    """Offsets at the objects' corners of both kinds [B, levels M, 2]."""
    pairs = list(zip(levels, targets, strict=True))
    tl = torch.cat([gather_cells(x.tl_offset, goal.tl_index) for x, goal in pairs], 1)
    br = torch.cat([gather_cells(x.br_offset, goal.br_index) for x, goal in pairs], 1)
    return [at_least_float32(tl), at_least_float32(br)]


def _row(maps: Iterable[Tensor]) -> Tensor:
    """Maps [B, 1, h, w] of every level -> [B, 1, 1, cells]."""
    return torch.cat([x.flatten(2) for x in maps], 2)[:, :, None]
