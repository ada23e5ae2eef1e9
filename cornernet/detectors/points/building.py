"""Config -> PointDetector: its network, losses and the way back from maps to boxes."""

import torch
from torch import Tensor

from cornernet import backbones
from cornernet.config import Config, untyped
from cornernet.config.ranges import TEST_RANGES, WIDTH, Interval, ranges
from cornernet.detectors import canvas
from cornernet.detectors.losses import build_losses
from cornernet.detectors.points.detector import PointDetector
from cornernet.detectors.points.head import PointHead
from cornernet.detectors.points.loss import PointLoss
from cornernet.detectors.points.network import PointNetwork

ROLES = ("heatmap", "offset", "size", "feature")
RANGES = {
    "model.backbone.stem_channels": WIDTH,
    "model.head.channels": WIDTH,
    "model.min_overlap": Interval(0, 1, "(]"),
    **{key: TEST_RANGES[key] for key in ("test.top_k", "test.kernel")},
}
OF_PAIRS = (
    *(f"model.{key}" for key in ("attention", "pairing", "region")),
    *(f"model.head.{key}" for key in ("pool_channels", "pooling", "tag_dim", "centre")),
    *(f"test.{key}" for key in ("ae_threshold", "centre", "grouping", "num_dets", "saccade", "score", "weights")),
)
SIZE_FACTOR = 0.1  # of the size loss's own weight where the config gives none, equation 4


def build(config: Config, num_classes: int, with_loss: bool = True) -> PointDetector:
    """Config and class count -> PointDetector; raises ValueError for settings that do not go together."""
    ranges(config, RANGES)
    model, test = config.model, config.test
    if test.kernel % 2 == 0:
        raise ValueError(f"test.kernel must be a positive odd number of cells, got {test.kernel}")
    progress = torch.zeros((), device="cpu")
    loss = _loss(config, num_classes, progress) if with_loss else None
    backbone = _backbone(config)
    heads = [PointHead(model.head.channels, num_classes, model.head.kernel) for _ in range(backbone.stacks)]
    detector = PointDetector(
        PointNetwork(backbone, heads), loss, num_classes, model.min_overlap, model.radius_roots, test.top_k,
        test.kernel, canvas.slack(config.data.input_size, backbone.multiple), canvas.least(config.data),
        *canvas.colours(config),
    )  # fmt: skip
    detector.progress, detector.feature_width = progress, model.head.channels
    return detector


def unread(config: Config) -> tuple[str, ...]:
    """Config -> the keys that are not read: those of anchors and of pairs."""
    return ("model.anchor", *OF_PAIRS)


def _backbone(config: Config) -> backbones.Backbone:
    settings, width = config.model.backbone, config.model.head.channels
    body = backbones.build(settings, typed=not untyped(config, "model.backbone"), out_channels=width)
    return backbones.single(body, width, settings.stride)


def _loss(config: Config, num_classes: int, progress: Tensor) -> PointLoss:
    built, weights = build_losses(config, ROLES, num_classes, config.model.head.channels, progress)
    if config.loss.size.weight is None:
        weights["size"] *= SIZE_FACTOR
    return PointLoss(built, weights)
