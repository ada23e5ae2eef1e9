"""Boxes -> what the corner network is trained towards: heatmaps, offsets and indices of the corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, sections 3.2 and 3.3 (equation 2). `decode` is the inverse.
"""

import torch
from torch import Tensor

from cornernet.ops.gaussian import gaussian_radius, largest_radius
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
) -> CornerTargets:
    """Padded boxes of a batch -> targets on the same device, without a host sync and with static shapes.

    boxes [B, M, 4] float, input pixels; labels [B, M] int64; mask [B, M], true or 1 where a slot holds an object;
    sizes are (H, W) -> CornerTargets for C = num_classes and H x W = output_size. Slot m of the result belongs to
    slot m of the boxes. Boxes are clipped to the picture; a slot whose box has no area left is masked out, and
    the offsets and indices of masked slots are 0.
    """
    corners = _clip(boxes, input_size)
    mask = (mask > 0) & (corners[..., 2:] > corners[..., :2]).all(-1)
    scale = corners.new_tensor([output_size[1] / input_size[1], output_size[0] / input_size[0]])
    points = (corners.unflatten(-1, (2, 2)) * scale).masked_fill(~mask[..., None, None], 0)  # [B, M, 2 corners, xy]
    cells = points.floor()
    offsets = (points - cells).float()
    cells = cells.long()
    index = cells[..., 1] * output_size[1] + cells[..., 0]  # [B, M, 2]
    radius = _radius(corners, scale, min_overlap)
    labels = labels.masked_fill(~mask, 0)
    heats = [draw_bumps(cells[:, :, i], radius, labels, mask, num_classes, output_size, min_overlap) for i in (0, 1)]
    return CornerTargets(*heats, mask, offsets[:, :, 0], offsets[:, :, 1], index[..., 0], index[..., 1])


def draw_bumps(
    cells: Tensor,
    radius: Tensor,
    labels: Tensor,
    mask: Tensor,
    num_classes: int,
    size: tuple[int, int],
    min_overlap: float,
) -> Tensor:
    """One truncated Gaussian an object, the larger value where they overlap -> [B, C, H, W] float32, 1 at the cells.

    cells [B, M, 2] int64 (x, y); radius, labels [B, M] int64; mask [B, M] bool; size (H, W) bounds the windows
    through min_overlap.
    """
    height, width = size
    batch, slots = labels.shape
    reach = largest_radius(height, width, min_overlap)
    step = torch.arange(-reach, reach + 1, device=cells.device)
    spread = -18 / (2 * radius + 1).float() ** 2  # -1 / (2 sigma^2) with sigma a sixth of the window
    inside = (step.abs() <= radius[..., None]) & mask[..., None]  # [B, M, S]
    along = cells[..., None, :] + step[:, None]  # [B, M, S, xy]
    rows = inside & (along[..., 1] >= 0) & (along[..., 1] < height)
    columns = inside & (along[..., 0] >= 0) & (along[..., 0] < width)
    bump = torch.exp(spread[..., None, None] * (step[:, None] ** 2 + step**2))
    bump = bump * (rows[..., :, None] & columns[..., None, :])
    plane = torch.arange(batch, device=cells.device)[:, None] * num_classes + labels
    y = plane[..., None] * height + along[..., 1].clamp(0, height - 1)
    where = y[..., :, None] * width + along[..., None, :, 0].clamp(0, width - 1)
    heat = bump.new_zeros(batch * num_classes * height * width)
    heat = heat.scatter_reduce(0, where.flatten(), bump.flatten(), "amax")
    return heat.view(batch, num_classes, height, width)


def _clip(boxes: Tensor, input_size: tuple[int, int]) -> Tensor:
    """Into the picture, in float64: a corner on the border of a cell must not slip into its neighbour."""
    precise = boxes if boxes.device.type == "mps" else boxes.double()  # mps has no float64
    limit = precise.new_tensor([input_size[1] - 1, input_size[0] - 1]).repeat(2)
    return precise.clamp(min=0).minimum(limit)


def _radius(corners: Tensor, scale: Tensor, min_overlap: float) -> Tensor:
    """Radius in whole cells [B, M] int64, of the box size rounded up to whole cells."""
    width, height = ((corners[..., 2:] - corners[..., :2]) * scale).ceil().clamp(min=0).unbind(-1)
    return gaussian_radius(height, width, min_overlap).clamp(min=0).long()
