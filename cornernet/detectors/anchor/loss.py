"""The loss of an anchor detector: classes of all anchors, boxes of the positive ones, features if asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cornernet.detectors.anchor import distribution
from cornernet.detectors.anchor.assign import Assigned
from cornernet.detectors.anchor.coding import DELTAS, Coding
from cornernet.detectors.losses import one_each
from cornernet.losses.adapt import takes
from cornernet.losses.embedded import MOST, NOTHING, first_rows
from cornernet.losses.reduce import added, at_least_float32
from cornernet.losses.scope import share
from cornernet.losses.several import by_name
from cornernet.ops.boxes import box_iou
from cornernet.structures import AnchorMaps

METRICS = ("iou",)  # what terms hold beside losses, for the log


class AnchorLoss(nn.Module):
    """Sums over the anchors, divided by the positive ones of all processes; means over the stacks.

    on_boxes: the box loss compares decoded boxes in pixels, else deltas. A classification loss that names `quality`
    is given it, [N]: the IoU of each positive anchor's box with its target, or what the assigner says instead, 0 of
    the others, without gradient. distribution_loss: of the bins that the maps have with another coding than deltas.
    """

    def __init__(
        self, classification_loss: Callable, box_loss: Callable, weights: dict[str, float], on_boxes: bool,
        feature_loss: Callable | None = None, distribution_loss: Callable | None = None, coding: Coding = DELTAS,
    ) -> None:  # fmt: skip
        super().__init__()
        self.classification_loss, self.box_loss, self.feature_loss = classification_loss, box_loss, feature_loss
        self.distribution_loss, self.coding = distribution_loss, coding
        self.weights, self.on_boxes = weights, on_boxes
        self.takes_quality = takes(classification_loss, "quality")
        self.verify: Any = None  # loss of the corner verification, whose terms a detector that has it adds

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Named terms -> their weighted sum, scalar."""
        return added(self.weights[name] * value for name, value in terms.items() if name not in METRICS)

    def terms(
        self, stacks: Sequence[AnchorMaps], anchors: Tensor, assigned: Assigned,
        features: Sequence[list[Tensor]] | None = None, strides: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Maps of every stack, anchors [A, 4], their targets -> classification, box, feature if there is such a loss.

        strides [A], pixels, of the anchors' levels: a distribution loss wants them, and has a term then.

        Scalars, and beside these losses the metric `iou`: the mean IoU of positive anchors' boxes with their targets.
        """
        count = assigned.positive.sum()
        scale = share(count) / count.clamp(min=1)
        with torch.autocast(stacks[0].logits.device.type, enabled=False):
            found = [self._stack(maps, anchors, assigned, scale) for maps in stacks]
            if self.distribution_loss is not None:
                assert strides is not None
                for terms, maps in zip(found, stacks, strict=True):
                    terms["distribution"] = scale * self._sides(maps, anchors, assigned, strides)
            if self.feature_loss is not None:
                assert features is not None
                factor = share(count)
                for terms, levels in zip(found, features, strict=True):
                    given = by_name("feature", self.feature_loss(*_rows(levels, assigned)))
                    terms |= {name: factor * term for name, term in given.items()}
        return {name: added(terms[name] for terms in found) / len(found) for name in found[0]}

    def _stack(self, maps: AnchorMaps, anchors: Tensor, assigned: Assigned, scale: Tensor) -> dict[str, Tensor]:
        labels, boxes, positive = (x.flatten(0, 1) for x in (assigned.labels, assigned.boxes, assigned.positive))
        logits = at_least_float32(maps.logits).flatten(0, 1)
        predicted = self.coding.decode(at_least_float32(maps.deltas), anchors).flatten(0, 1)
        # what is no object is two boxes without size, in the same place: no value, no gradient
        predicted = torch.where(positive[:, None], predicted, 0)
        overlaps = box_iou(predicted.detach(), boxes) * positive
        quality = overlaps if assigned.quality is None else assigned.quality.flatten()
        named = {"quality": quality} if self.takes_quality else {}
        classes = one_each("classification", self.classification_loss(logits, labels, **named), len(logits)).sum()
        if self.on_boxes:
            first, second = predicted, boxes
        else:
            around = anchors.expand(len(maps.logits), -1, -1).flatten(0, 1)
            second = self.coding.encode(torch.where(positive[:, None], boxes, around), around)
            first = torch.where(positive[:, None], at_least_float32(maps.deltas).flatten(0, 1), second)
        box = torch.where(positive, one_each("box", self.box_loss(first, second), len(first)), 0).sum()
        return {"classification": scale * classes, "box": scale * box, "iou": scale * overlaps.sum()}

    def _sides(self, maps: AnchorMaps, anchors: Tensor, assigned: Assigned, strides: Tensor) -> Tensor:
        """Distribution loss of all anchors, summed."""
        assert maps.bins is not None and self.distribution_loss is not None
        bins, distances = at_least_float32(maps.bins), self.coding.encode(assigned.boxes, anchors) / strides[:, None]
        rows = (x.flatten(0, 1) for x in (bins, distances, assigned.positive))
        return distribution.sides(self.distribution_loss, *rows).sum()


def _rows(features: list[Tensor], assigned: Assigned) -> tuple[Tensor, Tensor]:
    """Class features of every level, targets -> embeddings [N, D] at positive anchors' cells and their classes [N]."""
    cells = torch.cat([level.flatten(2) for level in features], 2).transpose(1, 2)  # [B, cells, D]
    per_cell = assigned.labels.shape[1] // cells.shape[1]
    labels = torch.where(assigned.positive, assigned.labels, NOTHING).flatten()
    first = first_rows(labels, MOST)
    return at_least_float32(cells.flatten(0, 1)[first // per_cell]), labels[first]
