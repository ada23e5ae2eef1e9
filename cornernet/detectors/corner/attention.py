"""Attention: where objects of a size may be, seen on a small image, so that crops are looked at there alone.

Law, Teng, Russakovsky, Deng: CornerNet-Lite, 2019, arXiv 1904.08900, section 3.1. The map of a level is for objects
whose longer side lies between two bounds, both included; its target is 1 in the cell of an object's centre and 0
elsewhere. Objects that are too small for corners teach attention and no corners: the cells under the bumps of theirs do
not count in the loss of the heatmaps.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from cornernet import backbones, drawing
from cornernet.config import Attention as Settings
from cornernet.config import Config
from cornernet.detectors.keypoints import objects, size_of
from cornernet.losses import adapt
from cornernet.losses.reduce import added, at_least_float32, positives
from cornernet.losses.scope import share
from cornernet.ops.peaks import at_most, divided, top_peaks
from cornernet.structures import Batch, CornerMaps, CornerTargets, Keypoints, StackMaps

SURE = 20.0  # logit of a cell that is right whatever the loss: its probability is 2e-9 or, in float32, 1
MARKS = 100  # most peaks of a map


class Attention(nn.Module):
    """What a detector with attention maps does with them.

    settings: of the config; strides: input pixels of a cell of each map, coarse to fine; loss, weight: of the heatmap
    role, None for a detector that predicts alone.
    """

    def __init__(self, settings: Settings, strides: Sequence[int], loss: Callable | None, weight: float = 0.0) -> None:
        super().__init__()
        self.strides, self.least, self.weight = strides, settings.least, weight
        self.bounds = bounds(settings.sizes)
        self.loss = None if loss is None else adapt.heatmap(loss)

    def small(self, boxes: Tensor) -> Tensor:
        """Boxes [B, M, 4] in input pixels -> which are too small for corners, [B, M] bool."""
        return _longer(boxes) < self.least

    def targets(
        self, boxes: Tensor, mask: Tensor, input_size: tuple[int, int], sizes: Sequence[tuple[int, int]]
    ) -> list[Tensor]:
        """Padded boxes [B, M, 4] in input pixels, mask [B, M] -> what maps of these sizes should show, float32.

        [B, 1, h, w] each.
        """
        found = objects(boxes, mask, input_size, input_size, margin=0)
        longer, centres = _longer(found.boxes), (found.boxes[..., :2] + found.boxes[..., 2:]) / 2
        targets = []
        for (low, high), stride, (height, width) in zip(self.bounds, self.strides, sizes, strict=True):
            x, y = (centres / stride).long().unbind(-1)
            cell = y.clamp(max=height - 1) * width + x.clamp(max=width - 1)
            there = found.mask & (longer >= low) & (longer <= high)
            flat = torch.zeros(len(boxes), height * width + 1, device=boxes.device)  # the last is of those not there
            flat.scatter_(1, cell.where(there, height * width), 1.0)
            targets.append(flat[:, :-1].view(-1, 1, height, width))
        return targets

    def drawn(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of what its maps should show."""
        height, width = size_of(batch.images)
        sizes = [(-(-height // stride), -(-width // stride)) for stride in self.strides]
        targets = self.targets(batch.boxes, batch.mask, (height, width), sizes)
        ends = [f"{low:g} to {high:g}" if high < math.inf else f"of {low:g} and more" for low, high in self.bounds]
        titles = [f"attention, sides {end}" for end in ends]
        return [
            [
                (title, drawing.heat(image, target[row, 0].cpu().numpy()))
                for title, target in zip(titles, targets, strict=True)
            ]
            for row, image in enumerate(images)
        ]

    def joined(self, terms: dict[str, Tensor], stacks: Sequence[Sequence[Tensor]], batch: Batch) -> dict[str, Tensor]:
        """Terms, maps of every stack -> the terms with that of the attention maps, in the total too."""
        with torch.no_grad():
            targets = self.targets(batch.boxes, batch.mask, size_of(batch.images), [size_of(x) for x in stacks[-1]])
        term = self.term(stacks, targets)
        total = terms.pop("total") + self.weight * term  # it stands behind all terms
        return {**terms, "attention": term, "total": total}

    def term(self, stacks: Sequence[Sequence[Tensor]], targets: Sequence[Tensor]) -> Tensor:
        """Maps of every stack and their targets -> sum over the maps, mean over the stacks, scalar, not weighted."""
        assert self.loss is not None, "it was built with a loss"
        with torch.autocast(targets[0].device.type, enabled=False):
            levels = [
                (1.0 if adapt.per_image(self.loss) else share(positives(target)))
                * added(self.loss(at_least_float32(logits), target) for logits in maps)
                for maps, target in zip(zip(*stacks, strict=True), targets, strict=True)
            ]
        return added(levels) / len(stacks)

    def marks(self, maps: Sequence[Tensor]) -> Keypoints:
        """Maps of one stack -> their peaks as the middles of cells in input pixels, by label the map, 0 the coarsest.

        At most MARKS of a map, those of all maps behind one another.
        """
        found = [self._peaks(logits, level) for level, logits in enumerate(maps)]
        return Keypoints(*(torch.cat(parts, 1) for parts in zip(*found, strict=True)))

    def _peaks(self, logits: Tensor, level: int) -> Keypoints:
        height, width = size_of(logits)
        scores, _, index = top_peaks(logits.float().sigmoid(), at_most(MARKS, height * width), 3)
        rows, columns = divided(index, width)
        points = (torch.stack((columns, rows), -1) + 0.5) * self.strides[level]
        return Keypoints(points, scores, torch.full_like(index, level))


def levels(config: Config, backbone: backbones.Backbone) -> list[tuple[int, int]]:
    """Config -> stride and width of the levels that attention maps read, coarse to fine, which the backbone then gives.

    Raises ValueError for a backbone that has none to give, or not as many.
    """
    if not config.model.attention.sizes:
        return []
    asked = f"model.attention.sizes={config.model.attention.sizes}"
    if not isinstance(backbone, backbones.StackedHourglass):
        raise ValueError(
            f"{asked} reads the levels of hourglasses: it needs model.backbone.name=hourglass or squeeze, and as "
            "model.backbone.stride that of its finest level"
        )
    count = len(config.model.attention.sizes) + 1
    if count > len(backbone.widths):
        raise ValueError(f"{asked} asks for {count} levels, and the hourglasses have {len(backbone.widths)}")
    backbone.merges = True
    return list(zip(backbone.strides, backbone.widths, strict=True))[:count][::-1]


def attention_maps(maps: CornerMaps) -> tuple[Tensor, ...]:
    """Maps of one stack of a network with attention maps -> these, coarse to fine."""
    return cast(StackMaps, maps).attention


def bounds(sizes: Sequence[float]) -> list[tuple[float, float]]:
    """Sides at which a map hands over to the next coarser -> (least, largest) longer side of each, coarse to fine."""
    ends = [0.0, *sorted(sizes), math.inf]
    return list(pairwise(ends))[::-1]


def hidden(maps: CornerMaps, targets: CornerTargets, where: tuple[Tensor, Tensor]) -> tuple[CornerMaps, CornerTargets]:
    """Maps, targets and cells [B, C, H, W] bool of both kinds -> the same, right and without a gradient there."""
    heats = [_right(*three) for three in zip(maps[:2], targets[:2], where, strict=True)]
    (tl, tl_target), (br, br_target) = heats
    return maps._replace(tl_heat=tl, br_heat=br), targets._replace(tl_heat=tl_target, br_heat=br_target)


def _right(logits: Tensor, target: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    corner = target == 1
    answer = torch.where(corner, SURE, -SURE).to(logits.dtype)
    return torch.where(where, answer, logits), torch.where(where, corner.to(target.dtype), target)


def _longer(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).amax(-1)
