"""Boxes -> what the corner network is trained towards: heatmaps, offsets and indices of the corners.

CornerNet, Law and Deng 2018, arXiv 1808.01244, sections 3.2 and 3.3 (equation 2). `decode` is the inverse.
"""

from torch import Tensor

from cornernet.detectors.keypoints import heatmaps, in_cells, objects, radius_in_cells
from cornernet.ops.gaussian import Roots, gaussian_radius, largest_radius
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
    roots: Roots = "right",
) -> CornerTargets:
    """Padded boxes of a batch -> targets on the same device, without a host sync and with static shapes.

    boxes [B, M, 4] float, input pixels; labels [B, M] int64; mask [B, M], true or 1 where a slot holds an object;
    sizes are (H, W) -> CornerTargets for C = num_classes and H x W = output_size. Slot m of the result belongs to
    slot m of the boxes. Boxes are clipped to [0, size - margin]: 1 as published, where coordinates are those of pixels;
    0 for edges, whose offset from the last cell may then be 1. A slot whose box has no area left is masked out, and
    the offsets and indices of masked slots are 0. roots: of the radius of the bumps, see `ops.gaussian`.
    """
    found = objects(boxes, mask, input_size, output_size, margin)
    points = in_cells(found.boxes.unflatten(-1, (2, 2)) * found.scale, found.mask, output_size)
    radius = radius_in_cells(found.boxes, found.scale, min_overlap, roots)
    reach = largest_radius(*output_size, min_overlap, roots)
    tl_heat, br_heat = heatmaps(points.cells, radius, labels, found.mask, num_classes, output_size, reach)
    offsets, index = points.offsets, points.index
    return CornerTargets(tl_heat, br_heat, found.mask, offsets[:, :, 0], offsets[:, :, 1], index[..., 0], index[..., 1])
