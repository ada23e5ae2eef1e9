"""Config -> CornerDetector: its network, losses, region stage and the way back from maps to boxes."""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from cornernet import backbones
from cornernet.arguments import accepted
from cornernet.config import Config, untyped
from cornernet.config.ranges import FEW, NOT_NEGATIVE, POSITIVE, ROWS, SHARE, TEST_RANGES, WIDTH, Interval, ranges
from cornernet.detectors import canvas
from cornernet.detectors.corner import attention, pairing, region
from cornernet.detectors.corner.assignment import assignment
from cornernet.detectors.corner.centre_loss import CentreLoss
from cornernet.detectors.corner.centres import Centres
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.detector import CornerDetector
from cornernet.detectors.corner.head import CornerHead
from cornernet.detectors.corner.network import CornerNetwork
from cornernet.detectors.corner.pairing import Pairing
from cornernet.detectors.corner.region_loss import RegionLoss
from cornernet.detectors.corner.stage import RegionStage
from cornernet.detectors.corner.targets import encode
from cornernet.detectors.losses import build_losses
from cornernet.losses import AELoss

REGION = ("pair", "classification")
ROLES = ("heatmap", "grouping", "offset", "centre", "attention", "guiding", "shift", "size", "feature", *REGION)
GIVES = {  # places that not every corner detector has -> what gives it one
    **{place: pairing.ways(place) for place in pairing.PLACES},
    "centre": ("model.head.centre=true",),
    "attention": ("model.attention.sizes=[32,96]",),
    **dict.fromkeys(REGION, tuple(f"model.region.name={name}" for name in region.REGIONS)),
}
RANGES = {
    "model.backbone.stem_channels": WIDTH,
    **dict.fromkeys((f"model.head.{x}" for x in ("channels", "pool_channels", "tag_dim")), WIDTH),
    "model.region.top_k": FEW,
    "model.region.proposals": ROWS,
    "model.region.positive_iou": Interval(0, 1, "(]"),
    "model.region.min_pair": SHARE,
    "model.attention.sizes": POSITIVE._replace(empty=True),
    "model.attention.least": NOT_NEGATIVE,
    "model.min_overlap": Interval(0, 1, "(]"),
    **{
        key: x
        for key, x in TEST_RANGES.items()
        if re.match(r"test\.(top_k|num_dets|ae_threshold|weights|centre|saccade)", key)
    },
}
TRACEABLE = {"hungarian": ["test.grouping=sinkhorn"]}  # SciPy's assignment runs on the CPU, outside of any graph


def places(config: Config) -> tuple[str, ...]:
    """Config -> the places of losses that there are: of pairing, of centres and of a region stage those it has."""
    held = {"heatmap", "offset", "feature", *pairing.places(config)}
    held |= {"centre"} if config.model.head.centre else set()
    held |= {"attention"} if config.model.attention.sizes else set()
    held |= set(REGION) if config.model.region.name != "none" else set()
    return tuple(role for role in ROLES if role in held)


def unread(config: Config) -> Iterator[str]:
    """Config -> the keys that are not read: those of anchors, and of parts and ways that it does not have."""
    model, test, way = config.model, config.test, pairing.kind(config)
    yield "model.anchor"
    if model.region.name == "none":
        yield "model.region"
    if model.region.name == "none" or test.score == "cpn":
        yield from (f"test.weights.{part}" for part in ("corner", "pair", "region"))
    if not model.attention.sizes:
        yield "model.attention"
    if not model.head.centre:
        yield "test.centre"
    if not test.saccade.sides:
        yield "test.saccade"
    tagged = config.loss.grouping.name != "none"
    if not (tagged and accepted(way, {"tag_dim": 0})):
        yield "model.head.tag_dim"
    if not accepted(way, {"ae_threshold": 0.0}) or (way is pairing.tags.tags and not tagged):
        yield "test.ae_threshold"


def build(config: Config, num_classes: int, with_loss: bool = True) -> CornerDetector:
    """Config and class count -> CornerDetector; raises ValueError for settings that do not go together."""
    _check(config)
    progress = torch.zeros((), device="cpu")
    made = pairing.build(config, config.model.backbone.stride)
    loss, attend = _build_loss(config, num_classes, progress, made) if with_loss else (None, (None,))
    backbone, head = _backbone(config), config.model.head
    regions = region.build(config, head.channels, num_classes, backbone.stacks)
    kinds = num_classes if config.model.region.class_corners or not regions else None
    levels = attention.levels(config, backbone)
    widths = [width for _, width in levels]
    test, form = config.test, (head.pooling == "cascade", head.kernel, head.centre, widths)
    heads = [CornerHead(head.channels, head.pool_channels, kinds, made.branch, *form) for _ in range(backbone.stacks)]
    decoder = partial(
        decode, top_k=test.top_k, kernel=test.kernel, ae_threshold=made.threshold,
        num_dets=config.model.region.proposals if regions else test.num_dets, score=test.score, weights=test.weights,
        pair_distance=made.distance, assignment=assignment(test.grouping),
    )  # fmt: skip
    short = canvas.slack(config.data.input_size, backbone.multiple)
    detector = CornerDetector(
        CornerNetwork(backbone, heads, regions), loss, decoder, num_classes,
        partial(encode, min_overlap=config.model.min_overlap, roots=config.model.radius_roots), short,
        canvas.least(config.data), *canvas.colours(config), _traceable(config),
        _stage(config, num_classes, made) if regions else None,
        Centres(test.centre, test.top_k, test.kernel, test.score) if head.centre else None,
        getattr(made, "arrows", None),
        attention.Attention(config.model.attention, [stride for stride, _ in levels], *attend) if levels else None,
    )  # fmt: skip
    detector.progress, detector.feature_width = progress, head.channels
    return detector


def _backbone(config: Config) -> backbones.Backbone:
    settings, width = config.model.backbone, config.model.head.channels
    body = backbones.build(settings, typed=not untyped(config, "model.backbone"), out_channels=width)
    return backbones.single(body, width, settings.stride)


def _check(config: Config) -> None:
    """Refuse here what would otherwise only show up at the first step or evaluation."""
    ranges(config, RANGES)
    if not config.model.region.class_corners and config.model.region.name == "none":
        raise ValueError(
            "model.region.class_corners=false needs a region stage, such as model.region.name=cpn; "
            "corners alone have classes, model.region.class_corners=true"
        )
    if config.test.score == "cpn" and config.model.region.name == "none":
        raise ValueError("test.score=cpn needs a region stage, such as model.region.name=cpn")
    if config.model.head.centre and config.test.centre.views == "all" and config.test.saccade.sides:
        raise ValueError("test.saccade.sides needs test.centre.views=own, since a look shows no other's centres")
    if config.model.head.centre and config.test.centre.views == "all" and config.model.region.name != "none":
        raise ValueError(
            "test.centre.views=all needs model.region.name=none: a region stage looks at pairs that a centre of their "
            "own view confirms, test.centre.views=own"
        )
    weights = config.test.weights
    if weights.corner + weights.region == 0:
        raise ValueError("test.weights.corner or test.weights.region must be above 0, got 0 for both")
    if config.test.kernel < 1 or config.test.kernel % 2 == 0:
        raise ValueError(f"test.kernel must be a positive odd number of cells, got {config.test.kernel}")


def _traceable(config: Config) -> list[str]:
    """Overrides that exchange what of the decoding a graph cannot hold."""
    pooled = config.model.head.centre and config.test.centre.views == "all"
    return [*TRACEABLE.get(config.test.grouping, ()), *(["test.centre.views=own"] if pooled else [])]


def _build_loss(
    config: Config, num_classes: int, progress: Tensor, made: Pairing
) -> tuple[AELoss, tuple[Callable | None, float]]:
    """Return the loss of the maps, and loss and weight of those of attention."""
    built, weights = build_losses(config, places(config), num_classes, config.model.head.channels, progress)
    loss = AELoss(
        regr_weight=weights["offset"],
        focal_loss=built["heatmap"],
        grouping_loss=made.loss(built),
        offset_loss=built["offset"],
        focal_weight=weights["heatmap"],
        grouping_weight={place: weights[place] for place in pairing.PLACES if place in weights},
        feature_loss=built.get("feature"),
        feature_weight={term: factor for term, factor in weights.items() if term.startswith("feature")},
        across_processes=True,
    )
    if "centre" in built:
        loss.centre = CentreLoss(built["centre"], built["offset"], weights["centre"])
    if "classification" in built:
        held = {place: weights[place] for place in REGION}
        loss.region = RegionLoss(built["pair"], built["classification"], held, config.model.region.min_pair)
    return loss, (built.get("attention"), weights.get("attention", 0.0))


def _stage(config: Config, num_classes: int, made: Pairing) -> RegionStage:
    """Config, classes and the way of pairing -> what surrounds its region stage."""
    settings, test = config.model.region, config.test
    propose = partial(
        decode, top_k=settings.top_k, kernel=test.kernel, ae_threshold=math.inf, num_dets=settings.proposals,
        score=test.score, weights=test.weights, pair_distance=made.distance,
    )  # fmt: skip
    return RegionStage(
        propose, num_classes, settings.class_corners, settings.positive_iou, settings.min_pair, test.num_dets,
        test.score, test.weights,
    )  # fmt: skip
