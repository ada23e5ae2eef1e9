"""RetinaNet's kind of detector as one module: batch -> loss terms, images -> detections."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cornernet import backbones
from cornernet.config import Anchor, Config, untyped
from cornernet.config.ranges import FEW, SHARE, TEST_RANGES, WIDTH, Interval, ranges
from cornernet.detectors import canvas
from cornernet.detectors.anchor import assign
from cornernet.detectors.anchor.anchors import cell_anchors, grid_anchors
from cornernet.detectors.anchor.assign import Assigned
from cornernet.detectors.anchor.decode import decode
from cornernet.detectors.anchor.head import AnchorHead
from cornernet.detectors.anchor.loss import AnchorLoss
from cornernet.detectors.anchor.network import AnchorNetwork
from cornernet.detectors.anchor.oracle import PARTS, REASONS, AnchorOracle
from cornernet.detectors.anchor.show import draw_targets
from cornernet.detectors.anchor.verify import CornerVerifier, corner_targets
from cornernet.detectors.anchor.verify_loss import VerifyLoss
from cornernet.detectors.corner.show import draw_targets as draw_corners
from cornernet.detectors.detector import Detector
from cornernet.detectors.losses import build_losses
from cornernet.detectors.oracle import slots
from cornernet.losses import declared, declared_of
from cornernet.structures import AnchorMaps, Batch, CornerTargets, Detections

ROLES = ("classification", "box", "feature", "verify", "offset")
GIVES = dict.fromkeys(("verify", "offset"), ("model.anchor.verify=true",))
RANGES = {
    "model.anchor.channels": WIDTH,
    "model.anchor.depth": Interval(0, 1000, "[]"),
    "model.anchor.first_level": Interval(1, 7, "[]"),
    "model.anchor.last_level": Interval(1, 9, "[]"),
    **dict.fromkeys((f"model.anchor.{x}" for x in ("side", "scales", "ratios")), Interval(0.0, 1000, "(]")),
    "model.anchor.positive_iou": SHARE,
    "model.anchor.negative_iou": SHARE,
    "model.anchor.candidates": FEW,
    "model.anchor.verify_channels": WIDTH,
    "model.min_overlap": Interval(0, 1, "(]"),
    **{key: TEST_RANGES[key] for key in ("test.top_k", "test.num_dets")},
}


class AnchorDetector(Detector):
    """The anchor detector behind the interface that training, evaluation and prediction share.

    cells: anchors [levels, A, 4] of one cell of every level, around the origin; strides: of the levels; assigner:
    anchors, boxes, labels, mask, number of classes and anchors of every level -> Assigned; encoder: batch, sizes and
    strides of the levels -> targets of the corner verification. slack, least: see `canvas`.
    """

    parts, reasons = PARTS, REASONS  # of a diagnosis
    network: AnchorNetwork
    cells: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self, network: AnchorNetwork, loss: AnchorLoss | None, assigner: Callable, encoder: Callable, decoder: Callable,
        cells: Tensor, strides: list[int], num_classes: int, slack: tuple[int, int], least: tuple[int, int],
        mean: Sequence[float], std: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.loss, self.decoder = network, loss, decoder
        self.assigner, self.encoder = assigner, encoder
        self.strides, self.num_classes, self.slack, self.least = strides, num_classes, slack, least
        self.register_buffer("cells", cells, persistent=False)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""
        loss = canvas.required(self.loss)
        images = canvas.training_images(batch, self.mean, self.std)
        features = None
        if loss.feature_loss is None:
            stacks = self.network(images)
        else:
            stacks, features = zip(*self.network(images, with_features=True), strict=True)
        anchors = self.anchors(stacks[-1])
        terms = loss.terms(stacks, torch.cat(anchors), self.targets(batch, anchors), features)
        if loss.verify is not None:
            corners = self.corner_targets(batch, stacks[-1].sizes)
            terms |= loss.verify.terms([maps.corners for maps in stacks], corners)
        return {**terms, "total": loss.total(terms)}

    def anchors(self, maps: AnchorMaps) -> list[Tensor]:
        """Maps -> anchors [n, 4] of every level, input pixels."""
        return grid_anchors(maps.sizes, self.strides, self.cells)

    @torch.no_grad()
    def targets(self, batch: Batch, anchors: list[Tensor]) -> Assigned:
        """What the anchors should find in a batch."""
        return self._assign(batch.boxes, batch.labels, batch.mask, anchors)

    @torch.no_grad()
    def corner_targets(self, batch: Batch, sizes: list[tuple[int, int]]) -> list[CornerTargets]:
        """What the corner verification should find in a batch on levels of these sizes."""
        return self.encoder(batch, sizes, self.strides)

    def _assign(self, boxes: Tensor, labels: Tensor, mask: Tensor, anchors: list[Tensor]) -> Assigned:
        counts = [len(level) for level in anchors]
        return self.assigner(torch.cat(anchors), boxes.float(), labels, mask, self.num_classes, counts)

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""
        maps = self.network(canvas.plain_images(images, self.mean, self.std))[-1]
        return self.decoder(maps, self.anchors(maps))

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of the anchors to learn."""
        size = batch.images.shape[-2:]
        sizes = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in self.strides]
        anchors = grid_anchors(sizes, self.strides, self.cells)
        goal = self.targets(batch, anchors)
        scales = [image.shape[0] / size[0] for image in images]
        drawn = [
            draw_targets(image, [level * scale for level in anchors], goal, row)
            for row, (image, scale) in enumerate(zip(images, scales, strict=True))
        ]
        if self.network.verifier is None:
            return drawn
        finest = self.corner_targets(batch, sizes)[0]
        return [drawn[row] + draw_corners(image, finest, row) for row, image in enumerate(images)]

    def graph_overrides(self) -> list[str]:
        """None: all of `predict` can be traced into a graph."""
        return []

    @torch.no_grad()
    def oracle(self, image: Tensor, boxes: Tensor, labels: Tensor, frame: Tensor) -> AnchorOracle:
        """One image [1, 3, H, W] as `predict` takes it, the truth about it -> its output beside that truth.

        boxes [M, 4] float, input pixels; labels [M] int64; frame [4]: where the image lies in the input, all on the
        detector's device. See `detectors.oracle`.
        """
        maps = self.network(canvas.plain_images(image, self.mean, self.std))[-1]
        boxes, labels, mask = slots(boxes, labels)
        anchors = self.anchors(maps)
        assigned = self._assign(boxes, labels, mask, anchors)
        return AnchorOracle(maps, anchors, assigned, boxes[0], labels[0], mask[0], frame, self.decoder)

    def describe(self) -> str:
        """What a run's log says of the loss."""
        loss = canvas.required(self.loss)
        terms = ", ".join(f"{role} x {factor:g}" for role, factor in loss.weights.items())
        return f"{terms}; the box loss compares {'decoded boxes' if loss.on_boxes else 'deltas'}"

    def cell_size(self) -> int:
        """Side of the finest level's cells in input pixels."""
        return min(self.strides)

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that the network takes, not below `least`, that holds such an image."""
        return canvas.fit_size(height, width, self.network.backbone.multiple, self.slack, self.least)


def build(config: Config, num_classes: int, with_loss: bool = True) -> AnchorDetector:
    """Config and class count -> AnchorDetector; raises ValueError for settings that do not go together."""
    ranges(config, RANGES)
    head = config.model.anchor
    if head.last_level < head.first_level:
        raise ValueError(f"model.anchor.last_level {head.last_level} lies below first_level {head.first_level}")
    backbone = _backbone(config)
    strides = list(backbone.strides)
    cells = torch.stack([cell_anchors(head.side * stride, head.scales, head.ratios) for stride in strides])
    own = AnchorHead(head.channels, head.depth, cells.shape[1], num_classes)
    verifier = CornerVerifier(head.channels, head.verify_channels) if head.verify else None
    network = AnchorNetwork(backbone, own, verifier)
    decoder = partial(decode, top_k=config.test.top_k, num_dets=config.test.num_dets)
    encoder = partial(corner_targets, min_overlap=config.model.min_overlap, roots=config.model.radius_roots)
    progress = torch.zeros((), device="cpu")
    loss = _loss(config, num_classes, progress) if with_loss else None
    detector = AnchorDetector(
        network, loss, _assigner(head), encoder, decoder, cells, strides, num_classes,
        canvas.slack(config.data.input_size, backbone.multiple), canvas.least(config.data),
        *canvas.colours(config),
    )  # fmt: skip
    detector.progress, detector.feature_width = progress, head.channels
    return detector


def places(config: Config) -> tuple[str, ...]:
    """Config -> the places of losses that there are: the last two with the corner verification alone."""
    return ROLES if config.model.anchor.verify else ROLES[:-2]


def _backbone(config: Config) -> backbones.Backbone:
    head = config.model.anchor
    body = backbones.build(config.model.backbone, typed=not untyped(config, "model.backbone"))
    return backbones.pyramid(body, head.channels, head.first_level, head.last_level)


def _assigner(head: Anchor) -> Callable[..., Assigned]:
    if head.assign == "atss":
        return partial(assign.atss, candidates=head.candidates)
    if head.negative_iou > head.positive_iou:
        raise ValueError(
            f"model.anchor.negative_iou {head.negative_iou} must not be above positive_iou {head.positive_iou}"
        )
    by_iou = partial(assign.max_iou, positive_iou=head.positive_iou, negative_iou=head.negative_iou)
    return lambda *what: by_iou(*what[:-1])  # levels do not matter to it


def _loss(config: Config, num_classes: int, progress: Tensor) -> AnchorLoss:
    built, weights = build_losses(config, places(config), num_classes, config.model.anchor.channels, progress)
    by_boxes = on_boxes(config, built["box"])
    loss = AnchorLoss(built["classification"], built["box"], weights, by_boxes, built.get("feature"))
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
    return (own if asked == "auto" else asked) == "boxes"
