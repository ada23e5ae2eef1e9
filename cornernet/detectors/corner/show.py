"""The targets of a training image, of its corners and its centres, for people."""

import numpy as np
import torch
from torch import Tensor

from cornernet import drawing
from cornernet.structures import CentreTargets, CornerTargets

TITLES = ("top-left corners", "bottom-right corners", "centres")


def draw_targets(
    image: np.ndarray, targets: CornerTargets, row: int, centres: CentreTargets | None = None
) -> list[tuple[str, np.ndarray]]:
    """Image [H, W, 3] uint8 BGR and the targets of its row in the batch -> (title, image) of every heatmap.

    The bumps of all classes over the dimmed image, each keypoint where its cell and offset put it.
    """
    size = image.shape[:2]
    heats, points = [targets.tl_heat, targets.br_heat], corner_points(targets, row, size)
    if centres is not None:
        heats.append(centres.heat)
        points.append(_points(centres.heat, centres.mask, centres.index, centres.offset, row, size))
    return [
        (title, drawing.marked(drawing.heat(image, heat[row].amax(0).cpu().numpy()), place))
        for title, heat, place in zip(TITLES, heats, points, strict=False)
    ]


def corner_points(targets: CornerTargets, row: int, size: tuple[int, int]) -> list[np.ndarray]:
    """(x, y) of the top-left and the bottom-right corners of a row in an image of (height, width), each [n, 2]."""
    kinds = zip(targets[5:], targets[3:5], strict=True)
    return [_points(targets.tl_heat, targets.mask, index, offset, row, size) for index, offset in kinds]


def _points(heat: Tensor, mask: Tensor, index: Tensor, offset: Tensor, row: int, size: tuple[int, int]) -> np.ndarray:
    """(x, y) of the keypoints of a row of a batch in an image of (height, width), [n, 2]."""
    height, width = heat.shape[-2:]
    scale = offset.new_tensor([size[1] / width, size[0] / height])
    cells = torch.stack((index[row] % width, index[row] // width), -1)
    return ((cells + offset[row]) * scale)[mask[row]].cpu().numpy()
