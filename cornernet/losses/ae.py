"""The loss of a corner detector: heatmaps, grouping, offsets and features of every stack, weighted and summed.

Law, Deng: CornerNet, 2018, arXiv 1808.01244, section 3; the arguments are those of the published code.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cornernet.losses import adapt
from cornernet.losses.grouping.ae import ae
from cornernet.losses.heatmap.neg import neg
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.losses.published import _ae_loss, _neg_loss
from cornernet.losses.reduce import added, at_least_float32
from cornernet.losses.scope import shares
from cornernet.losses.several import by_name
from cornernet.structures import CornerGoal, CornerOutputs

neg_loss = neg
KINDS = ("tl_heat", "br_heat", "tl_tag", "br_tag", "tl_regr", "br_regr")
Tensors = Sequence[Tensor]
Points = tuple[Tensor, Tensor]
Features = tuple[Sequence[Tensor], Tensor]


class AELoss(nn.Module):
    """Sum of focal, pull, push and offset terms, averaged over the stacks; or of other members of the three roles.

    outs: list of 6 * stacks tensors, for every stack tl_heat, br_heat [B, C, H, W] logits, tl_tag, br_tag [B, M, D],
    tl_regr, br_regr [B, M, 2], the latter four gathered at the corners.
    targets: [tl_heat, br_heat [B, C, H, W], mask [B, M] of any dtype, tl_regr, br_regr [B, M, 2]].

    pull_weight, push_weight: of these two terms, on top of grouping_weight, which is that of every grouping term, or of
    several kinds of terms by their names: {"guiding": 0.05, "shift": 1.0}, those without a name under "grouping";
    regr_weight, focal_weight: of the offset and the heatmap term. focal_loss, grouping_loss, offset_loss: callables of
    their roles, as `build` makes them (focal_loss takes logits, or as in the published code a list of probability maps,
    one a stack, and the target); a grouping_loss of None leaves its terms out.
    feature_loss, feature_weight: a loss of the feature role and its weight, or `Several` and their weights by name;
    terms and forward are then given features, the embeddings [N, D] of every stack and the labels [N] of their rows, -1
    where there is nothing. across_processes: counts are taken over all processes, so that training on several equals
    training on one; of grouping losses this asks for a mean over images (ae with a chunk_size) and equal batches.
    """

    def __init__(
        self,
        pull_weight: float = 1,
        push_weight: float = 1,
        regr_weight: float = 1,
        focal_loss: Callable = neg_loss,
        *,
        grouping_loss: Callable | None = ae,
        offset_loss: Callable = smooth_l1,
        focal_weight: float = 1.0,
        grouping_weight: float | Mapping[str, float] = 1.0,
        feature_loss: Callable | None = None,
        feature_weight: float | Mapping[str, float] = 1.0,
        across_processes: bool = False,
    ) -> None:
        super().__init__()
        self.pull_weight, self.push_weight, self.regr_weight = pull_weight, push_weight, regr_weight
        self.focal_weight, self.grouping_weight = focal_weight, grouping_weight
        self.feature_weights = (
            dict(feature_weight) if isinstance(feature_weight, Mapping) else {"feature": feature_weight}
        )
        self.across_processes = across_processes
        fitted = adapt.heatmap(focal_loss)
        self.focal_loss = focal_loss if isinstance(fitted, adapt.OfProbabilities) else fitted
        self._fitted = self.focal_loss, fitted
        self.offset_loss = adapt.offset(offset_loss)
        self.grouping_loss = grouping_loss
        self.takes_points = grouping_loss is not None and adapt.takes_points(grouping_loss)
        self.feature_loss = feature_loss
        # losses of a region stage and of a branch for centres, which a detector that has them adds to the total
        self.region: Any = None
        self.centre: Any = None

    def forward(
        self, outs: Tensors, targets: Tensors, points: Points | None = None, features: Features | None = None
    ) -> Tensor:
        """Outputs and targets as the class says, corner points [B, M, 2] in cells if the grouping needs them -> [1]."""
        return self.total(self.terms(outs, targets, points, features)).unsqueeze(0)

    @property
    def ae_loss(self) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]:
        """The grouping loss in the published convention: tags and mask -> its terms, of ae pull and push."""
        return _ae_loss if self.grouping_loss is ae else lambda *given: tuple(self._grouping(*given).values())

    @property
    def regr_loss(self) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """The offset loss under its published name: offsets, their targets and mask -> scalar."""
        return self.offset_loss

    @property
    def weights(self) -> dict[str, float]:
        """Factors by term: of the grouping's terms those of pull and push, on top of `grouping_weight`."""
        own = {"heatmap": self.focal_weight, "pull": self.pull_weight, "push": self.push_weight}
        return {**own, "offset": self.regr_weight, **self.feature_weights}

    def weight(self, term: str) -> float:
        """Factor of a named term in the total."""
        own = self.weights.get(term, 1)
        others = term in ("heatmap", "offset") or term.startswith("feature")
        if others:
            return own
        held = self.grouping_weight
        return own * (held.get(term, held.get("grouping", 1)) if isinstance(held, Mapping) else held)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Named terms -> their weighted sum, scalar."""
        return added(self.weight(name) * value for name, value in terms.items())

    def terms(
        self, outs: Tensors, targets: Tensors, points: Points | None = None, features: Features | None = None
    ) -> dict[str, Tensor]:
        """Same input -> the terms of `stack_terms`.

        Raises ValueError if the lists do not have the lengths and shapes that the class states.
        """
        return self.stack_terms(_stacks(outs, targets), CornerGoal(*targets), points, features)

    def stack_terms(
        self,
        stacks: Sequence[CornerOutputs],
        goal: CornerGoal,
        points: Points | None = None,
        features: Features | None = None,
    ) -> dict[str, Tensor]:
        """Outputs of every stack -> heatmap, pull, push (or what the grouping names), offset, feature if there is one.

        They are unweighted means over the stacks, scalars. Raises ValueError without the points or features needed.
        """
        if self.takes_points and points is None:
            raise ValueError("this grouping loss needs points=(tl_point, br_point), [B, M, 2] in cells")
        if self.feature_loss is not None and features is None:
            raise ValueError("this feature loss needs features=(embeddings of every stack, labels)")
        share = shares(goal.tl_heat, goal.br_heat, goal.mask) if self.across_processes else (1.0, 1.0, 1.0)
        # in float32 whatever the network runs in; members upcast, this keeps their products from being cast down again
        with torch.autocast(goal.tl_heat.device.type, enabled=False):
            stacks = [CornerOutputs(*map(at_least_float32, stack)) for stack in stacks]
            found = [self._stack(stack, goal, points, share[2]) for stack in stacks]
            found = [
                {"heatmap": heat, **terms} for heat, terms in zip(self._heat(stacks, goal, share), found, strict=True)
            ]
            if self.feature_loss is not None and features is not None:
                for terms, embeddings in zip(found, features[0], strict=True):
                    given = self.feature_loss(at_least_float32(embeddings), features[1])
                    terms |= {name: share[2] * term for name, term in by_name("feature", given).items()}
        return {name: added(terms[name] for terms in found) / len(found) for name in found[0]}

    def _heat(self, stacks: Sequence[CornerOutputs], goal: CornerGoal, share: tuple) -> list[Tensor]:
        """Heatmap term of every stack; of a published function, which sees all stacks at once, equal parts."""
        loss = self._focal()
        tl_share, br_share = (1.0, 1.0) if adapt.per_image(self.focal_loss) else share[:2]
        if isinstance(loss, adapt.OfProbabilities):
            heat = tl_share * loss.together([stack.tl_heat for stack in stacks], goal.tl_heat)
            heat = heat + br_share * loss.together([stack.br_heat for stack in stacks], goal.br_heat)
            return [heat / len(stacks)] * len(stacks)
        return [
            tl_share * loss(stack.tl_heat, goal.tl_heat) + br_share * loss(stack.br_heat, goal.br_heat)
            for stack in stacks
        ]

    def _focal(self) -> Callable:
        """What computes the heatmap term; the published attribute may have been changed since it was asked last."""
        if self._fitted[0] is not self.focal_loss:
            self._fitted = self.focal_loss, adapt.heatmap(self.focal_loss)
        return neg if self.focal_loss is _neg_loss else self._fitted[1]  # the same, from logits

    def _grouping(self, *given: Tensor, **points: Tensor) -> dict[str, Tensor]:
        return by_name("grouping", self.grouping_loss(*given, **points)) if self.grouping_loss else {}

    def _stack(self, stack: CornerOutputs, goal: CornerGoal, points: Points | None, share: Any) -> dict[str, Tensor]:
        """The other terms of a stack; share: of the offset term."""
        corners = {"tl_point": points[0], "br_point": points[1]} if self.takes_points and points else {}
        grouping = self._grouping(stack.tl_tag, stack.br_tag, goal.mask, **corners)
        offset = self.offset_loss(stack.tl_offset, goal.tl_offset, goal.mask)
        offset = offset + self.offset_loss(stack.br_offset, goal.br_offset, goal.mask)
        return {**grouping, "offset": share * offset}


def _stacks(outs: Tensors, targets: Tensors) -> list[CornerOutputs]:
    """The published flat list cut into its stacks, checked against the targets."""
    if len(outs) == 0 or len(outs) % 6 or len(targets) != 5:
        raise ValueError(f"expected 6 outputs a stack and 5 targets, got {len(outs)} and {len(targets)}")
    heat, mask, offset = targets[0].shape, targets[2].shape, targets[3].shape
    stacks = [CornerOutputs(*outs[i : i + 6]) for i in range(0, len(outs), 6)]
    for number, stack in enumerate(stacks):
        tags = (*mask, stack.tl_tag.shape[-1])
        for kind, out, expected in zip(KINDS, stack, (heat, heat, tags, tags, offset, offset), strict=True):
            if tuple(out.shape) != tuple(expected):
                got = f"{kind} of stack {number} has shape {list(out.shape)}"
                raise ValueError(f"{got}, expected {list(expected)} as its target")
    return stacks
