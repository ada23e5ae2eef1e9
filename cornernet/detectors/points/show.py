"""The targets of a training image, for people."""

import numpy as np
import torch

from cornernet import drawing
from cornernet.structures import PointTargets


def draw_targets(
    image: np.ndarray, targets: PointTargets, labels: np.ndarray, row: int
) -> list[tuple[str, np.ndarray]]:
    """Image [H, W, 3] uint8 BGR, the targets and labels [B, M] of a batch, the image's row -> (title, image).

    The bumps of all classes over the dimmed image, each centre where its cell and offset put it, and from there half of
    the size as arrows to the box of that size, in the colour of its class.
    """
    height, width = targets.heat.shape[-2:]
    scale = targets.offset.new_tensor([image.shape[1] / width, image.shape[0] / height])
    mask, index = targets.mask[row], targets.index[row]
    centre = (torch.stack((index % width, index // width), -1) + targets.offset[row]) * scale
    half = targets.size[row] * scale / 2
    boxes = torch.cat((centre - half, centre + half), -1)[mask].cpu().numpy()
    centres, reach, kinds = centre[mask].cpu().numpy(), half[mask].cpu().numpy(), labels[row][mask.cpu().numpy()]
    heat = drawing.marked(drawing.heat(image, targets.heat[row].amax(0).cpu().numpy()), centres)
    ways = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    starts, ends = np.repeat(centres, 4, 0), (centres[:, None] + reach[:, None] * ways).reshape(-1, 2)
    sizes = drawing.outlines(drawing.arrows(image, starts, ends, np.repeat(kinds, 4)), boxes, kinds)
    return [("centres", heat), ("sizes", sizes)]
