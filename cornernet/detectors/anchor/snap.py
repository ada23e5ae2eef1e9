"""Boxes moved to the corners that the verification branch sees. RepPoints v2, arXiv 2007.08508, section 3.3.

A corner of a box of any level but the finest goes to the best of four cells of the next finer level, and there to where
that cell's offset says. The four are those whose middles lie around the corner: a cell holds the corners from its
beginning on, so these are all in which a corner half a cell away may lie. There is no threshold: a corner is moved
however faint the best cell is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cornernet.ops.gather import gather_cells
from cornernet.ops.peaks import divided
from cornernet.structures import LevelCorners


def snapped(boxes: Sequence[Tensor], corners: Sequence[LevelCorners]) -> list[Tensor]:
    """Boxes [B, n, 4] in input pixels and LevelCorners, both of every level -> boxes, those of the finest as they were.

    Without LevelCorners all stay.
    """
    if not corners:
        return list(boxes)
    moved = [_to_corners(level, finer) for level, finer in zip(boxes[1:], corners[:-1], strict=True)]
    return [boxes[0], *moved]


def _to_corners(boxes: Tensor, finer: LevelCorners) -> Tensor:
    """Boxes [B, n, 4] of one level, the corners of the next finer one -> boxes."""
    tl = snap(boxes[..., :2] / finer.stride, finer.tl_heat, finer.tl_offset)
    br = snap(boxes[..., 2:] / finer.stride, finer.br_heat, finer.br_offset)
    return torch.cat((tl, br), -1) * finer.stride


def snap(points: Tensor, heat: Tensor, offset: Tensor) -> Tensor:
    """Points [B, n, 2] in cells of a map, its heat [B, 1, h, w] and offsets [B, 2, h, w] -> points [B, n, 2]."""
    height, width = heat.shape[-2:]
    step = torch.arange(2, device=heat.device)
    # clamped as whole numbers, so that no point, not even NaN, leads off the map
    around = (points - 0.5).floor().long()[..., None] + step  # [B, n, 2, 2]
    x, y = around[:, :, 0].clamp(0, width - 1), around[:, :, 1].clamp(0, height - 1)
    cells = (y[..., None] * width + x[:, :, None]).flatten(2)  # [B, n, 4]
    heats = gather_cells(heat.float(), cells.flatten(1)).view(cells.shape)
    best = cells.gather(2, heats.argmax(2, keepdim=True))[..., 0]
    rows, columns = divided(best, width)
    return torch.stack((columns, rows), -1) + gather_cells(offset.float(), best)
