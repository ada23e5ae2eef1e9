"""Objects as points as one module: batch -> loss terms, images -> detections."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cornernet.detectors import canvas
from cornernet.detectors.detector import Detector
from cornernet.detectors.keypoints import cell_in_pixels, radius_in_cells, size_of
from cornernet.detectors.oracle import slots
from cornernet.detectors.points.decode import decode
from cornernet.detectors.points.loss import PointLoss
from cornernet.detectors.points.network import PointNetwork
from cornernet.detectors.points.oracle import PARTS, REASONS, PointOracle
from cornernet.detectors.points.show import draw_targets
from cornernet.detectors.points.targets import encode
from cornernet.ops.gaussian import Roots
from cornernet.structures import Batch, Detections, PointTargets


class PointDetector(Detector):
    """Objects as points behind the interface that training, evaluation and prediction share.

    min_overlap, roots: of the radius of the bumps; top_k, kernel: see `decode`; slack, least: see `canvas`.
    """

    parts, reasons = PARTS, REASONS  # of a diagnosis
    network: PointNetwork
    mean: Tensor
    std: Tensor

    def __init__(
        self, network: PointNetwork, loss: PointLoss | None, num_classes: int, min_overlap: float, roots: Roots,
        top_k: int, kernel: int, slack: tuple[int, int], least: tuple[int, int], mean: Sequence[float],
        std: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.loss, self.num_classes = network, loss, num_classes
        self.min_overlap, self.roots, self.top_k, self.kernel = min_overlap, roots, top_k, kernel
        self.slack, self.least = slack, least
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""
        loss, features = canvas.required(self.loss), ()
        images = canvas.training_images(batch, self.mean, self.std)
        if loss.feature_loss is None:
            stacks = self.network(images)
        else:
            stacks, features = zip(*self.network(images, with_features=True), strict=True)
        terms = loss.terms(stacks, self.targets(batch, size_of(stacks[-1].heat)), batch.labels, features)
        return {**terms, "total": loss.total(terms)}

    @torch.no_grad()
    def targets(self, batch: Batch, output_size: tuple[int, int]) -> PointTargets:
        """What the maps of `output_size` should show for the objects of a batch."""
        return self._encode(batch.boxes, batch.labels, batch.mask, size_of(batch.images), output_size)

    def _encode(self, boxes, labels, mask, input_size, output_size) -> PointTargets:
        return encode(boxes, labels, mask, self.num_classes, input_size, output_size, self.min_overlap, self.roots)

    def predict(self, images: Tensor) -> Detections:
        """Images [B, 3, H, W] uint8 BGR of a size that `fit_size` gives -> Detections in their pixels, best first."""
        maps = self.network(canvas.plain_images(images, self.mean, self.std))[-1]
        found = decode(maps, self.top_k, self.kernel)
        return found._replace(boxes=found.boxes * cell_in_pixels(size_of(images), size_of(maps.heat), found.boxes))

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of its targets."""
        height, width = (-(-n // self.cell_size()) for n in size_of(batch.images))
        targets, labels = self.targets(batch, (height, width)), batch.labels.cpu().numpy()
        return [draw_targets(image, targets, labels, row) for row, image in enumerate(images)]

    @torch.no_grad()
    def oracle(self, image: Tensor, boxes: Tensor, labels: Tensor, frame: Tensor) -> PointOracle:
        """One image [1, 3, H, W] as `predict` takes it, the truth about it -> its output beside that truth.

        boxes [M, 4] float, input pixels; labels [M] int64; frame [4]: where the image lies in the input, all on the
        detector's device. See `detectors.oracle`.
        """
        maps = self.network(canvas.plain_images(image, self.mean, self.std))[-1]
        boxes, labels, mask = slots(boxes, labels)
        targets = self._encode(boxes, labels, mask, size_of(image), size_of(maps.heat))
        stride = cell_in_pixels(size_of(image), size_of(maps.heat), boxes)
        radius = radius_in_cells(boxes, 1 / stride[:2], self.min_overlap, self.roots)
        return PointOracle(maps, targets, labels, boxes, radius, stride, frame, self.top_k, self.kernel)

    def describe(self) -> str:
        """What a run's log says of the loss."""
        return ", ".join(f"{term} x {factor:g}" for term, factor in canvas.required(self.loss).weights.items())

    def cell_size(self) -> int:
        """Side of the maps' cells in input pixels."""
        return self.network.backbone.strides[0]

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that the network takes, not below `least`, that holds such an image."""
        return canvas.fit_size(height, width, self.network.backbone.multiple, self.slack, self.least)
