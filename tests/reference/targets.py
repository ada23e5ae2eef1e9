"""Corner targets object by object, as a loader worker of the published code makes them: plain loops over NumPy arrays.

Law, Deng: CornerNet, 2018, arXiv 1808.01244, section 3.2.
"""

import math

import numpy as np
import torch


def encode(boxes, labels, counts, classes, input_size, output_size, overlap=0.3, slots=128):
    """Boxes [B, M, 4] in input pixels, labels [B, M], objects of each image (all with an area) -> seven tensors.

    tl_heat, br_heat [B, C, H, W], mask [B, slots], tl_offset, br_offset [B, slots, 2], tl_index, br_index [B, slots].
    """
    batch, (rows, columns) = len(counts), output_size
    tl_heat = np.zeros((batch, classes, rows, columns), np.float32)
    br_heat = np.zeros((batch, classes, rows, columns), np.float32)
    tl_offset, br_offset = np.zeros((batch, slots, 2), np.float32), np.zeros((batch, slots, 2), np.float32)
    tl_index, br_index = np.zeros((batch, slots), np.int64), np.zeros((batch, slots), np.int64)
    mask = np.zeros((batch, slots), np.uint8)
    ratio_x, ratio_y = columns / input_size[1], rows / input_size[0]
    for b in range(batch):
        for m in range(counts[b]):
            label, (x1, y1, x2, y2) = int(labels[b][m]), (float(v) for v in boxes[b][m])
            fx1, fy1, fx2, fy2 = x1 * ratio_x, y1 * ratio_y, x2 * ratio_x, y2 * ratio_y
            cx1, cy1, cx2, cy2 = int(fx1), int(fy1), int(fx2), int(fy2)
            width, height = math.ceil((x2 - x1) * ratio_x), math.ceil((y2 - y1) * ratio_y)
            reach = max(0, int(radius(height, width, overlap)))
            draw(tl_heat[b, label], cx1, cy1, reach)
            draw(br_heat[b, label], cx2, cy2, reach)
            tl_offset[b, m] = fx1 - cx1, fy1 - cy1
            br_offset[b, m] = fx2 - cx2, fy2 - cy2
            tl_index[b, m] = cy1 * columns + cx1
            br_index[b, m] = cy2 * columns + cx2
        mask[b, : counts[b]] = 1
    arrays = (tl_heat, br_heat, mask, tl_offset, br_offset, tl_index, br_index)
    return tuple(torch.from_numpy(x) for x in arrays)


def radius(height, width, overlap):
    """Largest shift of a box's corners that leaves it the overlap: the least of three quadratics' roots."""
    side, area = height + width, height * width
    same = (side - math.sqrt(side**2 - 4 * area * (1 - overlap) / (1 + overlap))) / 2
    inner = (2 * side - math.sqrt((2 * side) ** 2 - 16 * (1 - overlap) * area)) / 8
    b = 2 * overlap * side
    outer = (-b + math.sqrt(b**2 + 16 * overlap * (1 - overlap) * area)) / (8 * overlap)
    return min(same, inner, outer)


def draw(heat, x, y, reach):
    """Maximum of the plane [H, W] and a Gaussian of sigma (2 reach + 1) / 6 around the cell, in place."""
    sigma = (2 * reach + 1) / 6
    rows, columns = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    bump = np.exp(-(rows * rows + columns * columns) / (2 * sigma * sigma))
    bump[bump < np.finfo(bump.dtype).eps * bump.max()] = 0
    left, right = min(x, reach), min(heat.shape[1] - x, reach + 1)
    top, bottom = min(y, reach), min(heat.shape[0] - y, reach + 1)
    part = heat[y - top : y + bottom, x - left : x + right]
    np.maximum(part, bump[reach - top : reach + bottom, reach - left : reach + right], out=part)
