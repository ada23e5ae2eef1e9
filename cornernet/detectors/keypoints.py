"""What detectors of keypoints share: boxes -> bumps, offsets and cells of their points, and maps -> the best points.

CornerNet, Law and Deng 2018, arXiv 1808.01244, sections 3.2 and 3.3; for centres Duan et al.: CenterNet, 2019, arXiv
1904.08189, and Zhou et al.: Objects as Points, 2019, arXiv 1904.07850.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.data import constant
from cornernet.ops.gather import gather_cells
from cornernet.ops.gaussian import Roots, draw_gaussians, gaussian_radius, largest_radius
from cornernet.ops.peaks import divided, top_peaks
from cornernet.structures import CentreTargets, Keypoints


class Points(NamedTuple):
    """P points of every box of a batch as cells of a map; masked slots are cell 0 without an offset."""

    cells: Tensor  # [B, M, P, 2] int64 (x, y)
    offsets: Tensor  # [B, M, P, 2] float32, fraction of a cell
    index: Tensor  # type: ignore[assignment]  # [B, M, P] int64, y * W + x


class Objects(NamedTuple):
    """Boxes of a batch as they are encoded."""

    boxes: Tensor  # [B, M, 4] float64 where the device has it, input pixels, clipped
    mask: Tensor  # [B, M] bool, also false where no area is left
    scale: Tensor  # [2] cells of an input pixel (x, y)


def objects(
    boxes: Tensor, mask: Tensor, input_size: tuple[int, int], output_size: tuple[int, int], margin: float
) -> Objects:
    """Padded boxes [B, M, 4] and their mask -> Objects; boxes are clipped to [0, size - margin], sizes are (H, W)."""
    clipped = _clip(boxes, input_size, margin)
    mask = (mask > 0) & (clipped[..., 2:] > clipped[..., :2]).all(-1)
    shares = output_size[1] / input_size[1], output_size[0] / input_size[0]
    scale = constant(shares, clipped.device, clipped.dtype)
    return Objects(clipped, mask, scale)


def in_cells(points: Tensor, mask: Tensor, output_size: tuple[int, int]) -> Points:
    """Points [B, M, P, 2] in cells of a map of (H, W), none negative -> the cells they lie in and what is left."""
    points = points.masked_fill(~mask[..., None, None], 0)
    last = constant((output_size[1] - 1, output_size[0] - 1), points.device, torch.int64)
    cells = points.long().minimum(last)
    return Points(cells, (points - cells).float(), cells[..., 1] * output_size[1] + cells[..., 0])


def heatmaps(
    cells: Tensor, radius: Tensor, labels: Tensor, mask: Tensor, classes: int, size: tuple[int, int],
    reach: int, spread: float = 6.0,
) -> Tensor:  # fmt: skip
    """Cells [B, M, P, 2], radius, labels, mask [B, M] -> heatmaps [P, B, C, H, W] float32, in one piece.

    reach: no radius is larger; a bump's sigma is (2 radius + 1) / spread.
    """
    batch, count = labels.shape[0], cells.shape[2]
    maps = torch.arange(count * batch, device=cells.device).view(count, batch, 1)
    plane = (maps * classes + labels.masked_fill(~mask, 0)).flatten()
    x, y = cells.permute(3, 2, 0, 1).flatten(1)
    shape = (count * batch * classes, *size)
    radius, mask = (both.expand(count, -1, -1).flatten() for both in (radius, mask))
    heat = draw_gaussians(shape, plane, x, y, radius, mask, reach, spread)
    return heat.view(count, batch, classes, *size)


def radius_in_cells(boxes: Tensor, scale: Tensor, min_overlap: float, roots: Roots = "right") -> Tensor:
    """Boxes [B, M, 4] and (x, y) cells a unit of theirs -> whole cells [B, M] int64 that the bumps of a box reach."""
    width, height = ((boxes[..., 2:] - boxes[..., :2]) * scale).ceil().clamp(min=0).unbind(-1)
    return gaussian_radius(height, width, min_overlap, roots).clamp(min=0).long()


def encode_centres(
    boxes: Tensor, labels: Tensor, mask: Tensor, num_classes: int, input_size: tuple[int, int],
    output_size: tuple[int, int], min_overlap: float = 0.7, margin: float = 1.0, roots: Roots = "right",
    spread: float = 6.0,
) -> CentreTargets:  # fmt: skip
    """Padded boxes of a batch -> targets of their centres; the arguments are those of `corner.targets.encode`.

    spread: sigma of a bump is (2 radius + 1) / spread; 6 for objects as points, 5 for keypoint triplets.
    """
    found = objects(boxes, mask, input_size, output_size, margin)
    centres = (found.boxes[..., :2] + found.boxes[..., 2:]) / 2 * found.scale
    points = in_cells(centres[:, :, None], found.mask, output_size)
    radius = radius_in_cells(found.boxes, found.scale, min_overlap, roots)
    reach = largest_radius(*output_size, min_overlap, roots)
    heat = heatmaps(points.cells, radius, labels, found.mask, num_classes, output_size, reach, spread)
    return CentreTargets(heat[0], found.mask, points.offsets[:, :, 0], points.index[:, :, 0])


def best_keypoints(heat: Tensor, offset: Tensor, top_k: int, kernel: int) -> tuple[Keypoints, Tensor]:
    """Heat [B, C, H, W] (logits), offsets [B, 2, H, W] -> the K <= top_k best peaks in cells, and their flat cells.

    kernel: odd side of the window in which a keypoint must be the maximum.
    """
    scores, labels, index = top_peaks(heat.float().sigmoid(), top_k, kernel)
    rows, columns = divided(index, heat.shape[3])
    cells = torch.stack((columns, rows), -1).float()
    return Keypoints(cells + gather_cells(offset, index).float(), scores, labels), index


def cell_in_pixels(images: tuple[int, int], maps: tuple[int, int], like: Tensor) -> Tensor:
    """(height, width) of the input and of a map -> input pixels of a cell, (x, y, x, y) in the dtype of `like`.

    Divided as tensors, so that an export that leaves the size open does not take it for a constant.
    """
    pixels, cells = (torch.stack([like.new_full((), size[i]) for i in (1, 0, 1, 0)]) for size in (images, maps))
    return pixels / cells


def size_of(maps: Tensor) -> tuple[int, int]:
    """(height, width) of images or maps [..., H, W]."""
    height, width = maps.shape[-2:]
    return height, width


def _clip(boxes: Tensor, input_size: tuple[int, int], margin: float) -> Tensor:
    """Into the image, in float64: a corner on the border of a cell must not slip into its neighbour."""
    precise = boxes if boxes.device.type == "mps" else boxes.double()  # mps has no float64
    limit = constant((input_size[1] - margin, input_size[0] - margin) * 2, precise.device, precise.dtype)
    return precise.clamp(min=0).minimum(limit)
