"""The corner targets of a training image, for people."""

import numpy as np
import torch

from cornernet import drawing
from cornernet.structures import CornerTargets

TITLES = ("top-left corners", "bottom-right corners")


def draw_targets(image: np.ndarray, targets: CornerTargets, row: int) -> list[tuple[str, np.ndarray]]:
    """Image [H, W, 3] uint8 BGR and the targets of its row in the batch -> (title, image) of both heatmaps.

    The bumps of all classes over the dimmed image, each corner where its cell and offset put it.
    """
    heats, titles = (targets.tl_heat, targets.br_heat), TITLES
    points = corner_points(targets, row, image.shape[:2])
    return [
        (title, drawing.marked(drawing.heat(image, heat[row].amax(0).cpu().numpy()), place))
        for title, heat, place in zip(titles, heats, points, strict=True)
    ]


def corner_points(targets: CornerTargets, row: int, size: tuple[int, int]) -> list[np.ndarray]:
    """(x, y) of the top-left and the bottom-right corners of a row in an image of (height, width), each [n, 2]."""
    height, width = targets.tl_heat.shape[-2:]
    scale = targets.tl_offset.new_tensor([size[1] / width, size[0] / height])
    mask = targets.mask[row]
    cells = [(index[row], offset[row]) for index, offset in zip(targets[5:], targets[3:5], strict=True)]
    places = [(torch.stack((i % width, i // width), -1) + offset) * scale for i, offset in cells]
    return [place[mask].cpu().numpy() for place in places]
