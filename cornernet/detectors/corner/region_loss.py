"""The loss of a region stage: is each proposal an object, and which class has it?

Duan et al.: Corner Proposal Network, 2020, arXiv 2007.13816, equations 2 and 3. Both are losses of the classification
role: the pair's has one class, the class's as many as there are.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cornernet.detectors.corner.proposals import IGNORED, Proposals
from cornernet.detectors.losses import one_each
from cornernet.losses.adapt import takes
from cornernet.losses.reduce import added, at_least_float32
from cornernet.losses.scope import share
from cornernet.structures import RegionLogits


class RegionLoss(nn.Module):
    """Sums over the proposals, divided by those that are objects, of all processes; means over the stacks.

    pair_loss, class_loss: of the classification role, unreduced; weights: of the terms `pair` and `classification`;
    min_pair: what the pair head rejects below is not asked for its class, but for the objects' own boxes.
    """

    def __init__(self, pair_loss: Callable, class_loss: Callable, weights: dict[str, float], min_pair: float) -> None:
        super().__init__()
        self.pair_loss, self.class_loss = pair_loss, class_loss
        self.weights, self.min_pair = weights, min_pair

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Named terms -> their weighted sum, scalar."""
        return added(self.weights[name] * value for name, value in terms.items())

    def terms(self, stacks: Sequence[RegionLogits], proposals: Proposals) -> dict[str, Tensor]:
        """Logits of every stack for these proposals -> pair, if the stage scores pairs, and classification, scalars."""
        with torch.autocast(proposals.boxes.device.type, enabled=False):
            found = [self._stack(stack, proposals) for stack in stacks]
        return {name: added(terms[name] for terms in found) / len(found) for name in found[0]}

    def _stack(self, logits: RegionLogits, proposals: Proposals) -> dict[str, Tensor]:
        classes, labels, terms = at_least_float32(logits.classes), proposals.labels, {}
        objects = (labels != IGNORED) & (labels < classes.shape[-1])
        if logits.pair is not None:
            pair = at_least_float32(logits.pair)
            one = torch.where(objects, 0, torch.where(labels == IGNORED, IGNORED, 1))
            terms["pair"] = _mean("pair", self.pair_loss, pair[..., None], one, objects, proposals.quality)
            rejected = (pair.detach().sigmoid() < self.min_pair) & ~proposals.given
            labels = labels.masked_fill(rejected, IGNORED)
            objects = objects & ~rejected
        quality = proposals.quality
        terms["classification"] = _mean("classification", self.class_loss, classes, labels, objects, quality)
        return terms


def _mean(place: str, loss: Callable, logits: Tensor, labels: Tensor, objects: Tensor, quality: Tensor) -> Tensor:
    """Loss of [B, N] rows, over the number of objects among them."""
    named = {"quality": quality.flatten()} if takes(loss, "quality") else {}
    each = one_each(place, loss(logits.flatten(0, 1), labels.flatten(), **named), labels.numel())
    count = objects.sum()
    return share(count) * each.sum() / count.clamp(min=1)
