"""From a config to an anchor detector."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cornernet import backbones
from cornernet.config import Anchor, Config, untyped
from cornernet.config.ranges import FEW, SHARE, TEST_RANGES, WIDTH, Interval, ranges
from cornernet.detectors import canvas
from cornernet.detectors.anchor import assign, dynamic
from cornernet.detectors.anchor.anchors import cell_anchors
from cornernet.detectors.anchor.assign import Assigned
from cornernet.detectors.anchor.coding import DELTAS, Coding
from cornernet.detectors.anchor.decode import decode
from cornernet.detectors.anchor.detector import AnchorDetector
from cornernet.detectors.anchor.distribution import DISTANCES
from cornernet.detectors.anchor.head import AnchorHead
from cornernet.detectors.anchor.loss import AnchorLoss
from cornernet.detectors.anchor.network import AnchorNetwork
from cornernet.detectors.anchor.verify import CornerVerifier, corner_targets
from cornernet.detectors.anchor.verify_loss import VerifyLoss
from cornernet.detectors.losses import build_losses
from cornernet.losses import declared, declared_of
from cornernet.losses.adapt import takes

ROLES = ("classification", "box", "feature", "distribution", "verify", "offset")
GIVES = {
    "distribution": ("model.anchor.coding=distribution",),
    **dict.fromkeys(("verify", "offset"), ("model.anchor.verify=true",)),
}
RANGES = {
    "model.anchor.channels": WIDTH,
    "model.anchor.depth": Interval(0, 1000, "[]"),
    "model.anchor.first_level": Interval(1, 7, "[]"),
    "model.anchor.last_level": Interval(1, 9, "[]"),
    **dict.fromkeys((f"model.anchor.{x}" for x in ("side", "scales", "ratios")), Interval(0.0, 1000, "(]")),
    "model.anchor.positive_iou": SHARE,
    "model.anchor.negative_iou": SHARE,
    "model.anchor.candidates": FEW._replace(null=True),
    **dict.fromkeys((f"model.anchor.{x}" for x in ("alpha", "beta", "iou_weight")), Interval(0.0, 100, "[]")),
    "model.anchor.radius": Interval(0.0, 1000, "(]"),
    "model.anchor.reg_max": Interval(1, 1000, "[]"),
    "model.anchor.verify_channels": WIDTH,
    "model.min_overlap": Interval(0, 1, "(]"),
    **{key: TEST_RANGES[key] for key in ("test.top_k", "test.num_dets")},
}
OF_CORNERS = (
    *(f"model.{key}" for key in ("attention", "head", "pairing", "region")),
    *(f"test.{key}" for key in ("ae_threshold", "centre", "grouping", "kernel", "saccade", "score", "weights")),
)
OF_ASSIGNERS = {  # keys of model.anchor -> the values of model.anchor.assign that read them
    **dict.fromkeys(("positive_iou", "negative_iou"), ("max_iou",)),
    "candidates": ("atss", "tal", "simota"),
    **dict.fromkeys(("alpha", "beta"), ("tal",)),
    **dict.fromkeys(("radius", "iou_weight"), ("simota",)),
}


def build(config: Config, num_classes: int, with_loss: bool = True) -> AnchorDetector:
    """Config and class count -> AnchorDetector; raises ValueError for settings that do not go together."""
    ranges(config, RANGES)
    head = config.model.anchor
    if head.last_level < head.first_level:
        raise ValueError(f"model.anchor.last_level {head.last_level} lies below first_level {head.first_level}")
    backbone = _backbone(config)
    strides = list(backbone.strides)
    cells = torch.stack([cell_anchors(head.side * stride, head.scales, head.ratios) for stride in strides])
    coding, bins = (DISTANCES, head.reg_max + 1) if head.coding == "distribution" else (DELTAS, 0)
    own = AnchorHead(head.channels, head.depth, cells.shape[1], num_classes, bins)
    verifier = CornerVerifier(head.channels, head.verify_channels) if head.verify else None
    network = AnchorNetwork(backbone, own, verifier)
    decoder = partial(decode, top_k=config.test.top_k, num_dets=config.test.num_dets, coding=coding)
    encoder = partial(corner_targets, min_overlap=config.model.min_overlap, roots=config.model.radius_roots)
    progress = torch.zeros((), device="cpu")
    loss = _loss(config, num_classes, progress, coding) if with_loss else None
    detector = AnchorDetector(
        network, loss, _assigner(head), encoder, decoder, cells, strides, num_classes,
        canvas.slack(config.data.input_size, backbone.multiple), canvas.least(config.data),
        *canvas.colours(config), coding,
    )  # fmt: skip
    detector.progress, detector.feature_width = progress, head.channels
    return detector


def places(config: Config) -> tuple[str, ...]:
    """Config -> the places of losses that there are: the last three where the config has what they are of."""
    head = config.model.anchor
    there = (True, True, True, head.coding == "distribution", head.verify, head.verify)
    return tuple(role for role, has in zip(ROLES, there, strict=True) if has)


def unread(config: Config) -> Iterator[str]:
    """Config -> the keys that are not read: those of corners, and of ways that its anchors do not go."""
    head = config.model.anchor
    yield from OF_CORNERS
    yield from (f"model.anchor.{key}" for key, by in OF_ASSIGNERS.items() if head.assign not in by)
    if head.coding != "distribution":
        yield "model.anchor.reg_max"
    if not head.verify:
        yield from ("model.anchor.verify_channels", "model.min_overlap", "model.radius_roots")


def _backbone(config: Config) -> backbones.Backbone:
    head = config.model.anchor
    body = backbones.build(config.model.backbone, typed=not untyped(config, "model.backbone"))
    return backbones.pyramid(body, head.channels, head.first_level, head.last_level)


def _assigner(head: Anchor) -> Callable[..., Assigned]:
    if head.assign != "max_iou":
        own: dict[str, Any] = {} if head.candidates is None else {"candidates": head.candidates}
        if head.assign == "atss":
            return partial(assign.atss, **own)
        if head.assign == "tal":
            return partial(dynamic.tal, alpha=head.alpha, beta=head.beta, **own)
        return partial(dynamic.simota, radius=head.radius, iou_weight=head.iou_weight, **own)
    if head.negative_iou > head.positive_iou:
        raise ValueError(
            f"model.anchor.negative_iou {head.negative_iou} must not be above positive_iou {head.positive_iou}"
        )
    return partial(assign.max_iou, positive_iou=head.positive_iou, negative_iou=head.negative_iou)


def _loss(config: Config, num_classes: int, progress: Tensor, coding: Coding) -> AnchorLoss:
    built, weights = build_losses(config, places(config), num_classes, config.model.anchor.channels, progress)
    by_boxes, of_bins = on_boxes(config, built["box"]), built.get("distribution")
    if of_bins is not None and takes(of_bins, "quality"):
        name = config.loss.distribution.name
        raise ValueError(f"loss.distribution.name={name} asks for a quality, and the bins of a side have none")
    loss = AnchorLoss(built["classification"], built["box"], weights, by_boxes, built.get("feature"), of_bins, coding)
    if "verify" in built:
        loss.verify = VerifyLoss(built["verify"], built["offset"])
    return loss


def on_boxes(config: Config, loss: Callable) -> bool:
    """Whether the box loss compares decoded boxes: as the config says, or as the loss declares.

    Raises ValueError for a loss that declares nothing where the config does not say, and for one made for boxes that is
    to compare deltas, whether by itself or around another.
    """
    asked, name, args = config.model.anchor.box_space, config.loss.box.name, config.loss.box.args
    own = declared("box", loss, f"box loss {name!r}").space
    typed = not untyped(config, "loss.box")
    made_for = declared_of("box", name, typed=typed).space  # of a wrapper not what its base declares
    if made_for == "boxes" and own == "deltas":
        raise ValueError(f"loss.box.name={name} goes around losses on areas, got loss.box.args.base={args.get('base')}")
    if made_for == "boxes" and asked == "deltas":
        raise ValueError(f"model.anchor.box_space=deltas does not go with loss.box.name={name}: deltas have no area")
    if asked == "auto" and own is None:
        raise ValueError(
            f"loss.box.name={name} does not declare what it compares (SPACE), so model.anchor.box_space must be boxes "
            "or deltas, got auto"
        )
    by_boxes = (own if asked == "auto" else asked) == "boxes"
    if not by_boxes and config.model.anchor.coding == "distribution":
        raise ValueError(
            f"model.anchor.coding=distribution has no deltas for loss.box.name={name} to compare; take a loss on boxes "
            "or model.anchor.box_space=boxes"
        )
    return by_boxes
