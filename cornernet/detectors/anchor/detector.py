"""RetinaNet's kind of detector as one module: batch -> loss terms, images -> detections."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from cornernet.arguments import accepted
from cornernet.detectors import canvas
from cornernet.detectors.anchor.anchors import grid_anchors
from cornernet.detectors.anchor.assign import Assigned
from cornernet.detectors.anchor.coding import DELTAS, Coding
from cornernet.detectors.anchor.loss import AnchorLoss
from cornernet.detectors.anchor.network import AnchorNetwork
from cornernet.detectors.anchor.oracle import PARTS, REASONS, AnchorOracle
from cornernet.detectors.anchor.show import draw_targets
from cornernet.detectors.corner.show import draw_targets as draw_corners
from cornernet.detectors.detector import Detector
from cornernet.detectors.oracle import slots
from cornernet.losses.adapt import takes
from cornernet.structures import AnchorMaps, Batch, CornerTargets, Detections

LOOKING = ("logits", "predicted")  # what an assigner may want to know of the network's output


class AnchorDetector(Detector):
    """The anchor detector behind the interface that training, evaluation and prediction share.

    cells: anchors [levels, A, 4] of one cell of every level, around the origin; strides: of the levels; assigner: see
    `assign`; encoder: batch, sizes and strides of the levels -> targets of the corner verification; coding: of the
    maps' deltas. slack, least: see `canvas`.
    """

    parts, reasons = PARTS, REASONS  # of a diagnosis
    network: AnchorNetwork
    cells: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self, network: AnchorNetwork, loss: AnchorLoss | None, assigner: Callable, encoder: Callable, decoder: Callable,
        cells: Tensor, strides: list[int], num_classes: int, slack: tuple[int, int], least: tuple[int, int],
        mean: Sequence[float], std: Sequence[float], coding: Coding = DELTAS,
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.loss, self.decoder, self.coding = network, loss, decoder, coding
        self.assigner, self.encoder, self.looks = assigner, encoder, takes(assigner, *LOOKING)
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
        goal, strides = self.targets(batch, anchors, stacks[-1]), self._of_anchors(anchors)
        terms = loss.terms(stacks, torch.cat(anchors), goal, features, strides)
        if loss.verify is not None:
            corners = self.corner_targets(batch, stacks[-1].sizes)
            terms |= loss.verify.terms([maps.corners for maps in stacks], corners)
        return {**terms, "total": loss.total(terms)}

    def anchors(self, maps: AnchorMaps) -> list[Tensor]:
        """Maps -> anchors [n, 4] of every level, input pixels."""
        return grid_anchors(maps.sizes, self.strides, self.cells)

    @torch.no_grad()
    def targets(self, batch: Batch, anchors: list[Tensor], maps: AnchorMaps | None = None) -> Assigned:
        """What the anchors should find in a batch; maps: the last stack's, which an assigner that `looks` wants."""
        return self._assign(batch.boxes, batch.labels, batch.mask, anchors, maps)

    @torch.no_grad()
    def corner_targets(self, batch: Batch, sizes: list[tuple[int, int]]) -> list[CornerTargets]:
        """What the corner verification should find in a batch on levels of these sizes."""
        return self.encoder(batch, sizes, self.strides)

    def _assign(
        self, boxes: Tensor, labels: Tensor, mask: Tensor, anchors: list[Tensor], maps: AnchorMaps | None
    ) -> Assigned:
        every = torch.cat(anchors)
        known = {"levels": [len(level) for level in anchors], "strides": self._of_anchors(anchors)}
        if self.looks:
            assert maps is not None
            known |= {"logits": maps.logits.float(), "predicted": self.coding.decode(maps.deltas.float(), every)}
        return self.assigner(every, boxes.float(), labels, mask, self.num_classes, **accepted(self.assigner, known))

    def _of_anchors(self, anchors: list[Tensor]) -> Tensor:
        """Anchors of every level -> the stride of each, [A] pixels."""
        pairs = zip(anchors, self.strides, strict=True)
        return torch.cat([level.new_full((len(level),), stride) for level, stride in pairs])

    @torch.no_grad()
    def _seen(self, batch: Batch) -> AnchorMaps:
        """What the network says of a batch, as in a test; it is left in the mode it was in."""
        training = self.network.training
        maps = self.network.eval()(canvas.training_images(batch, self.mean, self.std))[-1]
        self.network.train(training)
        return maps

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""
        maps = self.network(canvas.plain_images(images, self.mean, self.std))[-1]
        return self.decoder(maps, self.anchors(maps))

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of the anchors to learn."""
        size = batch.images.shape[-2:]
        sizes = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in self.strides]
        anchors = grid_anchors(sizes, self.strides, self.cells)
        goal = self.targets(batch, anchors, self._seen(batch) if self.looks else None)
        scales = [image.shape[0] / size[0] for image in images]
        drawn = [
            draw_targets(image, [level * scale for level in anchors], goal, row)
            for row, (image, scale) in enumerate(zip(images, scales, strict=True))
        ]
        if self.network.verifier is None:
            return drawn
        finest, labels = self.corner_targets(batch, sizes)[0], batch.labels.cpu().numpy()
        return [drawn[row] + draw_corners(image, finest, labels, row) for row, image in enumerate(images)]

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
        assigned = self._assign(boxes, labels, mask, anchors, maps)
        return AnchorOracle(maps, anchors, assigned, boxes[0], labels[0], mask[0], frame, self.decoder, self.coding)

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
