"""Boxes -> what objects as points are trained towards: a heatmap, and offset, size and cell of every centre.

Objects as Points, arXiv 1904.07850, sections 3 and 4. `decode` is the inverse.
"""

from torch import Tensor

from cornernet.detectors.keypoints import encode_centres, objects
from cornernet.ops.gaussian import Roots
from cornernet.structures import PointTargets


def encode(
    boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, input_size: tuple[int, int],
    output_size: tuple[int, int], min_overlap: float = 0.7, roots: Roots = "right",
) -> PointTargets:  # fmt: skip
    """Padded boxes of a batch -> targets on the same device, without a host sync and with static shapes.

    boxes [B, M, 4] float, input pixels, which are clipped to the input; labels [B, M] int64; mask [B, M], true or 1
    where a slot holds an object; sizes are (H, W) -> PointTargets for C = num_classes and H x W = output_size. A slot
    whose box has no area left is masked out; what masked slots hold is 0. roots: of the radius, see `ops.gaussian`.
    """
    size = input_size, output_size
    centres = encode_centres(boxes, labels, mask, num_classes, *size, min_overlap, margin=0, roots=roots)
    found = objects(boxes, mask, *size, margin=0)
    sides = ((found.boxes[..., 2:] - found.boxes[..., :2]) * found.scale).masked_fill(~found.mask[..., None], 0)
    return PointTargets(centres.heat, centres.mask, centres.offset, sides.float(), centres.index)
