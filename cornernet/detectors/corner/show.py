"""The targets of a training image, of its corners and its centres, for people."""

import numpy as np
import torch
from torch import Tensor

from cornernet import drawing
from cornernet.structures import CentreTargets, CornerTargets

Segments = tuple[Tensor, Tensor]  # starts and ends [B, M, 2], (x, y) in cells
Arrows = dict[str, tuple[Segments, Segments]]  # title -> those of top-left and of bottom-right corners
TITLES = ("top-left corners", "bottom-right corners", "centres")


def draw_targets(
    image: np.ndarray, targets: CornerTargets, labels: np.ndarray, row: int, centres: CentreTargets | None = None,
    arrows: Arrows | None = None,
) -> list[tuple[str, np.ndarray]]:  # fmt: skip
    """Image [H, W, 3] uint8 BGR, targets and labels [B, M] of a batch, the image's row -> (title, image) of each kind.

    The bumps of all classes over the dimmed image, each keypoint where its cell and offset put it, and behind them what
    the corners are to say of their box as arrows in the colour of its class.
    """
    size = image.shape[:2]
    heats, points = [targets.tl_heat, targets.br_heat], corner_points(targets, row, size)
    if centres is not None:
        heats.append(centres.heat)
        points.append(_points(centres.heat, centres.mask, centres.index, centres.offset, row, size))
    shown = [
        (title, drawing.marked(drawing.heat(image, heat[row].amax(0).cpu().numpy()), place))
        for title, heat, place in zip(TITLES, heats, points, strict=False)
    ]
    return shown + [(title, _arrows(image, targets, labels, row, both)) for title, both in (arrows or {}).items()]


def _arrows(
    image: np.ndarray, targets: CornerTargets, labels: np.ndarray, row: int, both: tuple[Segments, Segments]
) -> np.ndarray:
    """Image with the arrows of both kinds of corners of a row."""
    (rows, columns), mask = targets.tl_heat.shape[-2:], targets.mask[row]
    scale = targets.tl_offset.new_tensor([image.shape[1] / columns, image.shape[0] / rows])
    starts, ends = (torch.cat([(x[row] * scale)[mask] for x in end]).cpu().numpy() for end in zip(*both, strict=True))
    return drawing.arrows(image, starts, ends, np.tile(labels[row][mask.cpu().numpy()], 2))


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
