"""A detector in one file: an object is the peak at its centre, with the sides of its box beside it.

Objects as Points, Zhou, Wang and Krähenbühl 2019, arXiv 1904.07850, on a small network of stride 4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cornernet.config import Config
from cornernet.detectors import canvas
from cornernet.detectors.detector import Detector, Network
from cornernet.detectors.losses import build_losses
from cornernet.ops.gather import gather_cells
from cornernet.ops.gaussian import draw_gaussians, gaussian_radius, largest_radius
from cornernet.ops.peaks import top_peaks
from cornernet.structures import Batch, Detections

STRIDE, MIN_OVERLAP = 4, 0.7
ROLES = ("heatmap", "offset")


@dataclass
class SECTION:
    """Keys of this detector, given as model.args."""

    width: int = 32  # channels of the network
    depth: int = 2  # convolutions at stride 4


class Maps(NamedTuple):
    """What the network gives; of sides the logarithm, in cells."""

    heat: Tensor  # [B, C, H, W] logits
    offset: Tensor  # [B, 2, H, W] (x, y), cells
    sides: Tensor  # [B, 2, H, W] (x, y)


class CentreNetwork(Network):
    """Normalised images [B, 3, H, W] -> Maps at a quarter of their size."""

    def __init__(self, width: int, depth: int, num_classes: int):
        super().__init__()
        further = [block(width, width, 1) for _ in range(depth)]
        self.body = nn.Sequential(block(3, width, 2), block(width, width, 2), *further)
        self.heat, self.offset, self.sides = (nn.Conv2d(width, n, 1) for n in (num_classes, 2, 2))
        nn.init.constant_(self.heat.bias, -2.19)  # a tenth, so that the first steps see no object everywhere

    def class_rows(self) -> dict[str, list[int]]:
        """The maps of the heat, see `Detector.class_rows`."""
        return {f"heat.{name}": list(range(self.heat.out_channels)) for name in ("weight", "bias")}

    def forward(self, images: Tensor) -> Maps:
        """Map images."""
        features = self.body(images)
        return Maps(self.heat(features), self.offset(features), self.sides(features))


def block(before: int, width: int, stride: int) -> nn.Sequential:
    """Convolution, norm and ReLU."""
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class CentreLoss(nn.Module):
    """The losses of the two roles; sides and offset are compared alike."""

    def __init__(self, losses: dict[str, Callable], weights: dict[str, float]):
        super().__init__()
        self.heatmap, self.offset, self.weights = losses["heatmap"], losses["offset"], weights

    def forward(self, maps: Maps, batch: Batch) -> dict[str, Tensor]:
        """Maps and what they should show -> the terms and their total."""
        heat, index, offset, sides = targets(batch, maps.heat.shape)
        found = gather_cells(maps.offset.float(), index), gather_cells(maps.sides.float(), index)
        terms = {
            "heatmap": self.heatmap(maps.heat.float(), heat),
            "offset": self.offset(found[0], offset, batch.mask) + self.offset(found[1], sides, batch.mask),
        }
        return {**terms, "total": sum(self.weights[role] * term for role, term in terms.items())}


@torch.no_grad()
def targets(batch: Batch, shape: torch.Size) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Batch and shape of the heat -> heat, and by slot the cell [B, M], its offset and the sides [B, M, 2]."""
    count, classes, height, width = shape
    low, high = (batch.boxes / STRIDE).unflatten(-1, (2, 2)).unbind(-2)
    centre, sides = (low + high) / 2, (high - low).clamp(min=0.1)
    cells = centre.long().minimum(batch.labels.new_tensor([width - 1, height - 1]))
    radius = gaussian_radius(sides[..., 1], sides[..., 0], MIN_OVERLAP).clamp(min=0).long()
    plane = torch.arange(count, device=cells.device)[:, None] * classes + batch.labels
    flat = (x.flatten() for x in (plane, cells[..., 0], cells[..., 1], radius, batch.mask))
    heat = draw_gaussians((count * classes, height, width), *flat, largest_radius(height, width, MIN_OVERLAP))
    return heat.view(shape), cells[..., 1] * width + cells[..., 0], centre - cells, sides.log()


class CentreDetector(Detector):
    """The detector; slack and least: see `canvas`."""

    def __init__(self, network: CentreNetwork, loss: CentreLoss | None, config: Config):
        super().__init__()
        self.network, self.loss = network, loss
        self.top_k, self.kernel = config.test.top_k, config.test.kernel
        self.slack, self.least = canvas.slack(config.data.input_size, STRIDE), canvas.least(config.data)
        self.register_buffer("mean", torch.tensor(config.data.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.data.std), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""
        images = canvas.training_images(batch, self.mean, self.std)
        return canvas.required(self.loss)(self.network(images), batch)

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""
        maps = self.network(canvas.plain_images(images, self.mean, self.std))
        scores, labels, cells = top_peaks(maps.heat.float().sigmoid(), self.top_k, self.kernel)
        width = maps.heat.shape[-1]
        centre = torch.stack((cells % width, cells // width), -1) + gather_cells(maps.offset, cells)
        half = gather_cells(maps.sides, cells).exp() / 2
        boxes = STRIDE * torch.cat((centre - half, centre + half), -1)
        return Detections(boxes, scores, labels, scores, scores)

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that holds such an image."""
        return canvas.fit_size(height, width, STRIDE, self.slack, self.least)

    def cell_size(self) -> int:
        """Side of the cells in input pixels."""
        return STRIDE

    def describe(self) -> str:
        """What a run's log says of the loss."""
        return ", ".join(f"{role} x {weight:g}" for role, weight in canvas.required(self.loss).weights.items())


def build(config: Config, num_classes: int, with_loss: bool, own: SECTION) -> CentreDetector:
    """Config, class count and the keys of SECTION -> CentreDetector; raises ValueError for keys that cannot be."""
    if own.width < 1 or own.depth < 0:
        raise ValueError(f"model.args.width must be at least 1 and depth at least 0, got {own.width} and {own.depth}")
    progress = torch.zeros((), device="cpu")
    loss = CentreLoss(*build_losses(config, ROLES, num_classes, own.width, progress)) if with_loss else None
    detector = CentreDetector(CentreNetwork(own.width, own.depth, num_classes), loss, config)
    detector.progress = progress
    return detector
