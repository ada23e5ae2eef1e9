"""The embeddings of the feature role: corner-pooled features, read at the objects' corners, with their classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cornernet.losses.embedded import MOST, NOTHING, first_rows
from cornernet.ops.gather import gather_cells
from cornernet.structures import CornerTargets


def corner_features(
    pooled: Sequence[tuple[Tensor, Tensor]], targets: CornerTargets, labels: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Features [B, D, H, W] of both kinds of corner for every stack, targets, labels [B, M] of their slots ->
    embeddings [N, D] of every stack, classes [N] with -1 for nothing; N = 2 B M, but at most 1024: the first corners.
    """
    classes = torch.where(targets.mask, labels, NOTHING).flatten().repeat(2)
    first = first_rows(classes, MOST)
    return [_read(corners, targets)[first] for corners in pooled], classes[first]


def _read(corners: tuple[Tensor, Tensor], targets: CornerTargets) -> Tensor:
    """Features of one stack at every slot's top-left corner, then at every bottom-right one, [2 B M, D]."""
    cells = targets.tl_index, targets.br_index
    return torch.cat([gather_cells(x, index).flatten(0, 1) for x, index in zip(corners, cells, strict=True)])
