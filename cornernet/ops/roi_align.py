"""RoIAlign, He et al. 2017: Mask R-CNN, arXiv 1703.06870, section 3: means over points in the parts of a box.

On a CPU the points are read as rows of a table by `embedding_bag`: not slower than torchvision's kernel, whose import
takes as long as torch's own, and faster in a training (docs/performance.md). Elsewhere, and where boxes learn, by that
kernel, which graph formats know.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def roi_align(features: Tensor, boxes: Tensor, bins: int, samples: int) -> Tensor:
    """Features [B, C, H, W], boxes [B, N, 4] in cells, edges -> [B N, C, bins, bins], float32 or the features' float64.

    Each bin is the mean over samples x samples points, between cells interpolated; a point further than a cell outside
    the map counts 0.
    """
    features = features if features.dtype == torch.float64 else features.float()
    if reads_rows(features, boxes):
        return by_rows(features, boxes.to(features.dtype), bins, samples)
    from torchvision.ops import roi_align as kernel  # here, since it is slow to import

    return kernel(features, _numbered(boxes.to(features.dtype)), bins, 1.0, samples, aligned=True)


def reads_rows(features: Tensor, boxes: Tensor) -> bool:
    """Whether the points are read as rows."""
    plain = not torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return plain and features.device.type == "cpu" and not (torch.is_grad_enabled() and boxes.requires_grad)


def by_rows(features: Tensor, boxes: Tensor, bins: int, samples: int) -> Tensor:
    """Do the same as weighted sums of the rows of a table, one a cell."""
    batch, channels, height, width = features.shape
    x1, y1, x2, y2 = boxes.flatten(0, 1).unbind(-1)
    columns, across = _points(x1, x2, bins, samples, width)
    rows, down = _points(y1, y2, bins, samples, height)
    first = torch.arange(batch, device=boxes.device).repeat_interleave(boxes.shape[1]) * height
    cells = (rows + first[:, None, None])[:, :, None, :, None] * width + columns[:, None, :, None, :]
    shares = down[:, :, None, :, None] * across[:, None, :, None, :] / samples**2
    taps = (-1, 4 * samples**2)
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    found = F.embedding_bag(cells.reshape(taps), table, per_sample_weights=shares.reshape(taps), mode="sum")
    return found.view(-1, bins, bins, channels).permute(0, 3, 1, 2)


def _points(low: Tensor, high: Tensor, bins: int, samples: int, length: int) -> tuple[Tensor, Tensor]:
    """Edges [n] along one side -> cells [n, bins, 2 samples] around each point, and the share of each."""
    count = bins * samples
    steps = (torch.arange(count, device=low.device, dtype=low.dtype) + 0.5) / count
    at = low[:, None] - 0.5 + steps * (high - low)[:, None]
    inside = (at >= -1) & (at <= length)
    at = torch.where(inside, at, 0).clamp(0, length - 1)
    before = at.floor()
    cells = torch.stack([before, (before + 1).clamp(max=length - 1)], -1).long()
    shares = torch.stack([before + 1 - at, at - before], -1) * inside[..., None]
    return cells.view(-1, bins, 2 * samples), shares.view(-1, bins, 2 * samples)


def _numbered(boxes: Tensor) -> Tensor:
    """Boxes [B, N, 4] -> [B N, 5], the number of the image in front."""
    image = torch.arange(boxes.shape[0], device=boxes.device).to(boxes.dtype)
    return torch.cat([image[:, None, None].expand(-1, boxes.shape[1], 1), boxes], 2).flatten(0, 1)
