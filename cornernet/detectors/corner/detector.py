"""CornerNet as one module: batch -> loss terms, images -> detections."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cornernet import backbones
from cornernet.config import Config, untyped
from cornernet.config.ranges import COUNT, NOT_NEGATIVE, Interval, ranges
from cornernet.detectors import canvas
from cornernet.detectors.canvas import plain_images, training_images
from cornernet.detectors.corner.assignment import assignment
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.features import corner_features
from cornernet.detectors.corner.head import CornerHead
from cornernet.detectors.corner.network import CornerNetwork
from cornernet.detectors.corner.oracle import PARTS, REASONS, CornerOracle
from cornernet.detectors.corner.pairing import pair_distance
from cornernet.detectors.corner.show import draw_targets
from cornernet.detectors.corner.targets import encode, radius_in_cells
from cornernet.detectors.detector import Detector
from cornernet.detectors.losses import build_losses
from cornernet.detectors.oracle import slots
from cornernet.losses import AELoss
from cornernet.ops.gather import gather_cells
from cornernet.structures import Batch, CornerMaps, CornerOutputs, CornerTargets, Detections

ROLES = ("heatmap", "grouping", "offset", "feature")
RANGES = {
    "model.backbone.stem_channels": COUNT,
    "model.head.channels": COUNT,
    "model.head.pool_channels": COUNT,
    "model.head.tag_dim": COUNT,
    "model.min_overlap": Interval(0, 1, "(]"),
    "test.top_k": COUNT,
    "test.num_dets": COUNT,
    "test.ae_threshold": Interval(0, math.inf, "[]"),
    "test.pair_penalty": NOT_NEGATIVE,
}
TRACEABLE = {"hungarian": ["test.grouping=sinkhorn"]}  # SciPy's assignment runs on the CPU, outside of any graph


class CornerDetector(Detector):
    """The corner detector behind the interface that training, evaluation and prediction share.

    `slack` is how many pixels the input sizes fall short of a multiple of the network's stride: 1 for the
    published 511, 0 for 512. `least` is the smallest (height, width) of a canvas at test time. `decoder` is `decode`
    with all its settings bound by `functools.partial`; `traceable` are the overrides that exchange what of it a graph
    cannot hold.
    """

    parts, reasons = PARTS, REASONS  # of a diagnosis
    network: CornerNetwork
    mean: Tensor
    std: Tensor

    def __init__(
        self, network: CornerNetwork, loss: AELoss | None, decoder: partial[Detections], num_classes: int,
        min_overlap: float, slack: tuple[int, int], least: tuple[int, int], mean: Sequence[float],
        std: Sequence[float], traceable: Sequence[str] = (),
    ):  # fmt: skip
        super().__init__()
        self.traceable = traceable
        self.network, self.loss, self.decoder = network, loss, decoder
        self.num_classes, self.min_overlap, self.slack = num_classes, min_overlap, slack
        self.least = least
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""
        images = training_images(batch, self.mean, self.std)
        if canvas.required(self.loss).feature_loss is None:
            maps = self.network(images)
            targets = self.targets(batch, _size(maps[-1].tl_heat))
            return self.loss_terms(maps, targets)
        maps, pooled = zip(*self.network(images, with_features=True), strict=True)
        targets = self.targets(batch, _size(maps[-1].tl_heat))
        return self.loss_terms(maps, targets, corner_features(pooled, targets, batch.labels))

    @torch.no_grad()
    def targets(self, batch: Batch, output_size: tuple[int, int]) -> CornerTargets:
        """What the maps of `output_size` should show for the objects of a batch."""
        return self._encode(batch.boxes, batch.labels, batch.mask, _size(batch.images), output_size)

    def _encode(self, boxes, labels, mask, input_size, output_size) -> CornerTargets:
        return encode(boxes, labels, mask, self.num_classes, input_size, output_size, self.min_overlap, 0)

    def loss_terms(
        self, maps: Sequence[CornerMaps], targets: CornerTargets, features: tuple[list[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Maps of every stack against the targets, `corner_features` for a feature loss -> named terms and `total`."""
        outputs = [_at_corners(stack, targets) for stack in maps]
        points = _corner_points(targets, maps[-1].tl_heat.shape[-1])
        loss = canvas.required(self.loss)
        terms = loss.stack_terms(outputs, targets.goal, points, features)
        return {**terms, "total": loss.total(terms)}

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""
        maps = self.network(plain_images(images, self.mean, self.std))[-1]
        found = self.decoder(maps)
        (height, width), (rows, columns) = images.shape[-2:], maps.tl_heat.shape[-2:]
        scale = found.boxes.new_tensor([width / columns, height / rows] * 2)
        return found._replace(boxes=found.boxes * scale)

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of its heatmaps' targets."""
        height, width = (-(-n // self.cell_size()) for n in batch.images.shape[-2:])
        targets = self.targets(batch, (height, width))
        return [draw_targets(image, targets, row) for row, image in enumerate(images)]

    def graph_overrides(self) -> list[str]:
        """Overrides of the config with which `predict` can be traced into a graph; empty if it can be as it is."""
        return list(self.traceable)

    @torch.no_grad()
    def oracle(self, image: Tensor, boxes: Tensor, labels: Tensor, frame: Tensor) -> CornerOracle:
        """One image [1, 3, H, W] as `predict` takes it, the truth about it -> its output beside that truth.

        boxes [M, 4] float, input pixels; labels [M] int64; frame [4]: where the image lies in the input, all on the
        detector's device. See `detectors.oracle`.
        """
        maps = self.network(plain_images(image, self.mean, self.std))[-1]
        boxes, labels, mask = slots(boxes, labels)
        size, cells = _size(image), _size(maps.tl_heat)
        targets = self._encode(boxes, labels, mask, size, cells)
        stride = (size[1] / cells[1], size[0] / cells[0])
        radius = radius_in_cells(boxes, 1 / boxes.new_tensor(stride), self.min_overlap)
        return CornerOracle(maps, targets, labels, boxes, radius, stride, frame, self.decoder.keywords)

    def describe(self) -> str:
        """What a run's log says of the loss."""
        loss = canvas.required(self.loss)
        weights = {"heatmap": loss.weights["heatmap"], "grouping": loss.grouping_weight}
        weights["offset"] = loss.weights["offset"]
        if loss.feature_loss is not None:
            weights |= {term: factor for term, factor in loss.weights.items() if term.startswith("feature")}
        return ", ".join(f"{role} x {factor:g}" for role, factor in weights.items())

    def cell_size(self) -> int:
        """Side of the maps' cells in input pixels."""
        return self.network.backbone.strides[0]

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that the network takes, not below `least`, that holds such an image."""
        return canvas.fit_size(height, width, self.network.backbone.multiple, self.slack, self.least)


def build(config: Config, num_classes: int, with_loss: bool = True) -> CornerDetector:
    """Config and class count -> CornerDetector; raises ValueError for settings that do not go together."""
    _check(config)
    progress = torch.zeros((), device="cpu")
    loss = _build_loss(config, num_classes, progress) if with_loss else None
    backbone, head = _backbone(config), config.model.head
    heads = [CornerHead(head.channels, head.pool_channels, num_classes, head.tag_dim) for _ in range(backbone.stacks)]
    test = config.test
    decoder = partial(
        decode, top_k=test.top_k, kernel=test.kernel, ae_threshold=test.ae_threshold,
        num_dets=test.num_dets, score=test.score, pair_penalty=test.pair_penalty,
        pair_distance=pair_distance(config), assignment=assignment(test.grouping),
    )  # fmt: skip
    short = canvas.slack(config.data.input_size, backbone.multiple)
    detector = CornerDetector(
        CornerNetwork(backbone, heads), loss, decoder, num_classes, config.model.min_overlap, short,
        canvas.least(config.data), config.data.mean, config.data.std, TRACEABLE.get(test.grouping, ()),
    )  # fmt: skip
    detector.progress = progress
    return detector


def _backbone(config: Config) -> backbones.Backbone:
    settings, width = config.model.backbone, config.model.head.channels
    body = backbones.build(settings, typed=not untyped(config, "model.backbone"), out_channels=width)
    return backbones.single(body, width, settings.stride)


def _check(config: Config) -> None:
    """Refuse here what would otherwise only show up at the first step or evaluation."""
    ranges(config, RANGES)
    if config.test.kernel < 1 or config.test.kernel % 2 == 0:
        raise ValueError(f"test.kernel must be a positive odd number of cells, got {config.test.kernel}")


def _build_loss(config: Config, num_classes: int, progress: Tensor) -> AELoss:
    built, weights = build_losses(config, ROLES, num_classes, config.model.head.channels, progress)
    return AELoss(
        regr_weight=weights["offset"],
        focal_loss=built["heatmap"],
        grouping_loss=built["grouping"],
        offset_loss=built["offset"],
        focal_weight=weights["heatmap"],
        grouping_weight=weights["grouping"],
        feature_loss=built.get("feature"),
        feature_weight={term: factor for term, factor in weights.items() if term.startswith("feature")},
        across_processes=True,
    )


def _size(maps: Tensor) -> tuple[int, int]:
    """(height, width) of maps [..., H, W]."""
    height, width = maps.shape[-2:]
    return height, width


def _at_corners(maps: CornerMaps, targets: CornerTargets) -> CornerOutputs:
    """One stack's maps as the loss takes them: tags and offsets read at the objects' corners."""
    return CornerOutputs(
        maps.tl_heat,
        maps.br_heat,
        gather_cells(maps.tl_tag, targets.tl_index),
        gather_cells(maps.br_tag, targets.br_index),
        gather_cells(maps.tl_offset, targets.tl_index),
        gather_cells(maps.br_offset, targets.br_index),
    )


def _corner_points(targets: CornerTargets, width: int) -> tuple[Tensor, Tensor]:
    """Corner positions (x, y) in cells, fractions included: two [B, M, 2]."""
    tl, br = (
        torch.stack((index % width, index // width), -1) + offset
        for index, offset in ((targets.tl_index, targets.tl_offset), (targets.br_index, targets.br_offset))
    )
    return tl, br
