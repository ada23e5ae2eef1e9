"""CornerNet as one module: batch -> loss terms, images -> detections."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cornernet.detectors import canvas
from cornernet.detectors.canvas import plain_images, training_images
from cornernet.detectors.corner.attention import Attention, attention_maps, hidden
from cornernet.detectors.corner.centres import Centres, centre_maps
from cornernet.detectors.corner.features import corner_features
from cornernet.detectors.corner.network import CornerNetwork
from cornernet.detectors.corner.oracle import ALONE, PARTS, REASONS, CornerOracle
from cornernet.detectors.corner.show import Arrows, draw_targets
from cornernet.detectors.corner.stage import RegionStage, read
from cornernet.detectors.detector import Detector
from cornernet.detectors.keypoints import cell_in_pixels, encode_centres, radius_in_cells, size_of
from cornernet.detectors.oracle import slots
from cornernet.losses import AELoss
from cornernet.ops.gather import gather_cells
from cornernet.structures import (
    Batch,
    CentreTargets,
    CornerMaps,
    CornerOutputs,
    CornerTargets,
    Detections,
    Keypoints,
    View,
)

SPREAD = 5  # sigma of a centre's bump is (2 radius + 1) / 5, of a corner's / 6: Duan et al. 2019, their code
INSIDE = 2**-12  # cells; 1 less of it is added exactly to the number of any cell that a map has


class CornerDetector(Detector):
    """The corner detector behind the interface that training, evaluation and prediction share.

    `slack` is how many pixels the input sizes fall short of a multiple of the network's stride: 1 for the
    published 511, 0 for 512. `least` is the smallest (height, width) of a canvas at test time. `decoder` is `decode`
    with all its settings bound by `functools.partial`, `encoder` `encode` with those of the bumps; `traceable` are the
    overrides that exchange what of the decoding a graph cannot hold; `arrows` is that of the way of pairing.
    """

    parts: Sequence[str] = PARTS  # of a diagnosis
    alone, reasons = ALONE, REASONS
    network: CornerNetwork
    mean: Tensor
    std: Tensor

    def __init__(
        self, network: CornerNetwork, loss: AELoss | None, decoder: partial[Detections], num_classes: int,
        encoder: partial[CornerTargets], slack: tuple[int, int], least: tuple[int, int], mean: Sequence[float],
        std: Sequence[float], traceable: Sequence[str] = (), stage: RegionStage | None = None,
        centres: Centres | None = None, arrows: Callable[[Tensor, Tensor], Arrows] | None = None,
        attention: Attention | None = None,
    ):  # fmt: skip
        super().__init__()
        self.attention = attention
        self.traceable, self.stage, self.centres, self.arrows = traceable, stage, centres, arrows
        self.parts = (*PARTS, *(["centres"] if centres else []), *(["region"] if stage else []))
        self.network, self.loss, self.decoder = network, loss, decoder
        self.num_classes, self.encoder, self.slack = num_classes, encoder, slack
        self.least = least
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Batch on the module's device -> named loss terms and their weighted `total`, 0-dim float32."""
        images, features = training_images(batch, self.mean, self.std), None
        if canvas.required(self.loss).feature_loss is None:
            maps = self.network(images)
            targets = self.targets(batch, size_of(maps[-1].tl_heat))
        else:
            maps, pooled = zip(*self.network(images, with_features=True), strict=True)
            targets = self.targets(batch, size_of(maps[-1].tl_heat))
            features = corner_features(pooled, targets, batch.labels)
        told, goal = self._without_small(maps, targets, batch)
        terms = self.loss_terms(told, goal, features)
        if self.centres is not None:
            terms = self._with_centres(terms, maps, batch)
        if self.attention is not None:
            terms = self.attention.joined(terms, [attention_maps(x) for x in maps], batch)
        return terms if self.stage is None else self._with_region(terms, self.stage, maps, batch)

    def _with_region(
        self, terms: dict[str, Tensor], stage: RegionStage, maps: Sequence[CornerMaps], batch: Batch
    ) -> dict[str, Tensor]:
        """Terms of the corners -> the same with those of the region stage, in the total too."""
        loss = canvas.required(canvas.required(self.loss).region)
        boxes = batch.boxes / cell_in_pixels(size_of(batch.images), size_of(maps[-1].tl_heat), batch.boxes)
        shown = stage.proposals(maps[-1], boxes, batch.labels, batch.mask)
        said = [region(read(x), shown.boxes) for region, x in zip(self.network.regions, maps, strict=True)]
        more = loss.terms(said, shown)
        total = terms.pop("total") + loss.total(more)  # it stands behind all terms
        return {**terms, **more, "total": total}

    def _with_centres(self, terms: dict[str, Tensor], maps: Sequence[CornerMaps], batch: Batch) -> dict[str, Tensor]:
        """Terms of the corners -> the same with the centres', whose offsets are in the offset term."""
        loss = canvas.required(self.loss)
        targets = self._encode_centres(
            batch.boxes, batch.labels, batch.mask, size_of(batch.images), size_of(maps[-1].tl_heat)
        )
        heat, offset = loss.centre.terms([centre_maps(x) for x in maps], targets)
        corners = {name: term for name, term in terms.items() if name != "total"}
        corners["offset"] = corners["offset"] + offset
        return {**corners, "centre": heat, "total": loss.total(corners) + loss.centre.weight * heat}

    @torch.no_grad()
    def _encode_centres(self, boxes, labels, mask, input_size, output_size) -> CentreTargets:
        how = self.encoder.keywords
        return encode_centres(
            boxes, self._kinds(labels), mask, self.kinds, input_size, output_size, margin=0, spread=SPREAD, **how
        )

    @torch.no_grad()
    def targets(self, batch: Batch, output_size: tuple[int, int]) -> CornerTargets:
        """What the maps of `output_size` should show for the objects of a batch that are not too small for corners."""
        mask = batch.mask if self.attention is None else batch.mask & ~self.attention.small(batch.boxes)
        return self._encode(batch.boxes, batch.labels, mask, size_of(batch.images), output_size)

    def _without_small(
        self, maps: Sequence[CornerMaps], targets: CornerTargets, batch: Batch
    ) -> tuple[list[CornerMaps], CornerTargets]:
        """Maps and targets -> the same, right wherever a corner of an object lies that is too small for corners."""
        if self.attention is None:
            return list(maps), targets
        with torch.no_grad():
            small, size = batch.mask & self.attention.small(batch.boxes), size_of(maps[-1].tl_heat)
            others = self._encode(batch.boxes, batch.labels, small, size_of(batch.images), size)
            where = others.tl_heat > 0, others.br_heat > 0
        told = [hidden(x, targets, where) for x in maps]
        return [x for x, _ in told], told[-1][1]

    def _encode(self, boxes, labels, mask, input_size, output_size) -> CornerTargets:
        return self.encoder(boxes, self._kinds(labels), mask, self.kinds, input_size, output_size, margin=0)

    @property
    def kinds(self) -> int:
        """Classes of corners: those of the objects, or one."""
        return 1 if self.stage is not None and not self.stage.class_corners else self.num_classes

    def _kinds(self, labels: Tensor) -> Tensor:
        """Labels of objects -> of their corners."""
        return labels if self.kinds == self.num_classes else torch.zeros_like(labels)

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
        return self._rows(*self._pairs(images))

    def _rows(self, maps: CornerMaps, pairs: Detections, stride: Tensor) -> Detections:
        """Maps of one stack, pairs in cells, pixels of a cell -> rows in pixels, behind centres and region stage."""
        if self.centres is not None:
            marks = self.centres.found(maps, stride[:2])
            pairs = self.centres.confirmed(_times(pairs, stride), marks)
            pairs = pairs if self.stage is None else _times(pairs, 1 / stride)
        elif self.stage is None:
            pairs = _times(pairs, stride)
        if self.stage is None:
            return pairs
        return _times(self.stage.scored(self.network.regions[-1], maps, pairs), stride)

    def glance(self, images: Tensor) -> tuple[Detections, Keypoints]:
        """Return what `predict` does, and the peaks of the attention maps; raises ValueError where there are none."""
        if self.attention is None:
            return super().glance(images)
        maps, pairs, stride = self._pairs(images)
        return self._rows(maps, pairs, stride), self.attention.marks(attention_maps(maps))

    def view(self, images: Tensor) -> tuple[Detections, Keypoints | None]:
        """Do the same, but leave to `joined` what asks for the centres of other views, which are given with the rows.

        Keypoints [B, K] in pixels, None where no other view is asked.
        """
        if self.centres is None or self.centres.rule.views == "own":
            return self.predict(images), None
        maps, pairs, stride = self._pairs(images)
        return _times(pairs, stride), self.centres.found(maps, stride[:2])

    def joined(self, views: Sequence[View], size: tuple[int, int]) -> list[Detections]:
        """Views of an image of (height, width) -> rows of each that a centre confirms, in whatever view it was seen."""
        assert self.centres is not None, "there are keypoints"
        return self.centres.joined(views, size)

    def _pairs(self, images: Tensor) -> tuple[CornerMaps, Detections, Tensor]:
        """Images -> maps of the last stack, pairs of corners in cells, and pixels of a cell (x, y, x, y)."""
        maps = self.network(plain_images(images, self.mean, self.std))[-1]
        found = self.decoder(maps)
        return maps, found, cell_in_pixels(size_of(images), size_of(maps.tl_heat), found.boxes)

    def draw_targets(self, batch: Batch, images: Sequence[np.ndarray]) -> list[list[tuple[str, np.ndarray]]]:
        """Batch, its images [H, W, 3] uint8 BGR of any scale -> of each (title, image) of its targets."""
        height, width = (-(-n // self.cell_size()) for n in size_of(batch.images))
        targets = self.targets(batch, (height, width))
        given, centres = (batch.boxes, batch.labels, batch.mask, size_of(batch.images), (height, width)), None
        if self.centres is not None:
            centres = self._encode_centres(*given)
        labels = batch.labels.cpu().numpy()
        arrows = None if self.arrows is None else self.arrows(*_corner_points(targets, width))
        shown = [draw_targets(image, targets, labels, row, centres, arrows) for row, image in enumerate(images)]
        attended = [[] for _ in images] if self.attention is None else self.attention.drawn(batch, images)
        return [corners + maps for corners, maps in zip(shown, attended, strict=True)]

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
        size, cells = size_of(image), size_of(maps.tl_heat)
        targets = self._encode(boxes, labels, mask, size, cells)
        stride = (size[1] / cells[1], size[0] / cells[0])
        radius = radius_in_cells(boxes, 1 / boxes.new_tensor(stride), **self.encoder.keywords)
        region = None if self.stage is None else self.network.regions[-1]
        how = self.decoder.keywords
        return CornerOracle(maps, targets, labels, boxes, radius, stride, frame, how, self.stage, region, self.centres)

    def describe(self) -> str:
        """What a run's log says of the loss."""
        loss = canvas.required(self.loss)
        weights = {"heatmap": loss.weights["heatmap"]}
        if loss.grouping_loss is not None:
            held = loss.grouping_weight
            weights |= held if isinstance(held, Mapping) else {"grouping": held}
        weights["offset"] = loss.weights["offset"]
        if loss.centre is not None:
            weights["centre"] = loss.centre.weight
        if self.attention is not None:
            weights["attention"] = self.attention.weight
        if loss.feature_loss is not None:
            weights |= {term: factor for term, factor in loss.weights.items() if term.startswith("feature")}
        if loss.region is not None:
            weights |= loss.region.weights
        return ", ".join(f"{role} x {factor:g}" for role, factor in weights.items())

    def cell_size(self) -> int:
        """Side of the maps' cells in input pixels."""
        return self.network.backbone.strides[0]

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """Smallest input (height, width) that the network takes, not below `least`, that holds such an image."""
        return canvas.fit_size(height, width, self.network.backbone.multiple, self.slack, self.least)


def _times(found: Detections, factor: Tensor) -> Detections:
    """Rows with their boxes times a factor (x, y, x, y)."""
    return found._replace(boxes=found.boxes * factor)


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
    """Corner positions (x, y) in cells, fractions included: two [B, M, 2], whose floor is the cell of the map.

    A box that ends where the image does has its corner at the far edge of its cell, and keeps it there by INSIDE.
    """
    tl, br = (
        torch.stack((index % width, index // width), -1) + offset.clamp(max=1 - INSIDE)
        for index, offset in ((targets.tl_index, targets.tl_offset), (targets.br_index, targets.br_offset))
    )
    return tl, br
