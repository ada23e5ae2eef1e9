"""Boxes -> what the corner network is trained towards: heatmaps, offsets and indices of the corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, sections 3.2 and 3.3 (equation 2). `decode` is the inverse.
"""

import torch
from torch import Tensor

from cornernet.ops.gaussian import draw_gaussians, gaussian_radius, largest_radius
from cornernet.structures import CornerTargets

__all__ = ["encode", "gaussian_radius"]


def encode(
    boxes: Tensor,
    labels: Tensor,
    mask: Tensor,
    num_classes: int,
    input_size: tuple[int, int],
    output_size: tuple[int, int],
    min_overlap: float = 0.3,
    margin: float = 1.0,
) -> CornerTargets:
    """Padded boxes of a batch -> targets on the same device, without a host sync and with static shapes.

    boxes [B, M, 4] float, input pixels; labels [B, M] int64; mask [B, M], true or 1 where a slot holds an object;
    sizes are (H, W) -> CornerTargets for C = num_classes and H x W = output_size. Slot m of the result belongs to
    slot m of the boxes. Boxes are clipped to [0, size - margin]: 1 as published, where coordinates are those of pixels;
    0 for edges, whose offset from the last cell may then be 1. A slot whose box has no area left is masked out, and
    the offsets and indices of masked slots are 0.
    """
    corners = _clip(boxes, input_size, margin)
    mask = (mask > 0) & (corners[..., 2:] > corners[..., :2]).all(-1)
    scale = corners.new_tensor([output_size[1] / input_size[1], output_size[0] / input_size[0]])
    points = (corners.unflatten(-1, (2, 2)) * scale).masked_fill(~mask[..., None, None], 0)  # [B, M, 2 corners, xy]
    last = labels.new_tensor([output_size[1] - 1, output_size[0] - 1])
    cells = points.long().minimum(last)  # none is negative
    offsets = (points - cells).float()
    index = cells[..., 1] * output_size[1] + cells[..., 0]  # [B, M, 2]
    radius = radius_in_cells(corners, scale, min_overlap)
    reach = largest_radius(*output_size, min_overlap)
    tl_heat, br_heat = _heat(cells, radius, labels.masked_fill(~mask, 0), mask, num_classes, output_size, reach)
    return CornerTargets(tl_heat, br_heat, mask, offsets[:, :, 0], offsets[:, :, 1], index[..., 0], index[..., 1])


def _heat(
    cells: Tensor,
    radius: Tensor,
    labels: Tensor,
    mask: Tensor,
    classes: int,
    size: tuple[int, int],
    reach: int,
) -> Tensor:
    """Cells [B, M, 2, xy], the rest [B, M] -> heatmaps of both corners in one piece, [2, B, C, H, W] float32."""
    batch = labels.shape[0]
    maps = torch.arange(2 * batch, device=cells.device).view(2, batch, 1)
    plane = (maps * classes + labels).flatten()
    x, y = cells.permute(3, 2, 0, 1).flatten(1)
    shape = (2 * batch * classes, *size)
    radius, mask = (both.expand(2, -1, -1).flatten() for both in (radius, mask))
    heat = draw_gaussians(shape, plane, x, y, radius, mask, reach)
    return heat.view(2, batch, classes, *size)


def _clip(boxes: Tensor, input_size: tuple[int, int], margin: float) -> Tensor:
    """Into the image, in float64: a corner on the border of a cell must not slip into its neighbour."""
    precise = boxes if boxes.device.type == "mps" else boxes.double()  # mps has no float64
    limit = precise.new_tensor([input_size[1] - margin, input_size[0] - margin] * 2)
    return precise.clamp(min=0).minimum(limit)


def radius_in_cells(corners: Tensor, scale: Tensor, min_overlap: float) -> Tensor:
    """Boxes [B, M, 4] and (x, y) cells a unit of theirs -> whole cells [B, M] int64 that the bumps of a box reach."""
    width, height = ((corners[..., 2:] - corners[..., :2]) * scale).ceil().clamp(min=0).unbind(-1)
    return gaussian_radius(height, width, min_overlap).clamp(min=0).long()
