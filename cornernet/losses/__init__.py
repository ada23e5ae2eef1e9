"""Losses by role and name; the way from a config's `{name, weight, args}` to something to call.

    build("heatmap", "neg", clamp=None)(logits, target)
    build("offset", "torch.nn.L1Loss")

Box losses are importable as functions of torchvision's shape as well, giou_loss(boxes1, boxes2, reduction="none").
"""

from collections.abc import Callable
from typing import Any

from cornernet.losses import box, classification, feature, grouping, heatmap, offset
from cornernet.losses.ae import AELoss, neg_loss
from cornernet.losses.arguments import bound, wanted
from cornernet.losses.lookup import find
from cornernet.losses.published import _ae_loss, _neg_loss, _regr_loss
from cornernet.losses.weights import default_weight

__all__ = ["ROLES", "AELoss", "_ae_loss", "_neg_loss", "_regr_loss", "build", "default_weight", "neg_loss"]

ROLES = {"heatmap": heatmap.LOSSES, "grouping": grouping.LOSSES, "offset": offset.LOSSES}
INPUTS = {"heatmap": 2, "grouping": 3, "offset": 3}  # tensors a role passes by position
ROLES["box"], INPUTS["box"] = box.LOSSES, 2
ROLES["classification"], INPUTS["classification"] = classification.LOSSES, 2
ROLES["feature"], INPUTS["feature"] = feature.LOSSES, 2
globals().update(box.FUNCTIONS)  # giou_loss(boxes1, boxes2, reduction="none", eps=1e-7) and its kind


def build(role: str, name: str, /, given: dict[str, Any] | None = None, **args: Any) -> Callable:
    """Role, name of a member or dotted path, arguments -> what the role calls, a partial or an instance.

    given: what the detector knows, such as num_classes; the loss gets those of them that it names, and a config may not
    set them. What you write here counts as typed by the user: a dotted path is imported and called. Raises ValueError,
    one sentence, for an unknown role or name and an unknown, missing or mistyped argument.
    """
    return build_from(role, name, args, given, typed=True)


def build_from(
    role: str, name: str, args: dict[str, Any], given: dict[str, Any] | None = None, typed: bool = False
) -> Callable:
    """Do the same with names and arguments of a config, which are refused where they are dotted paths nobody typed."""
    if role not in ROLES:
        raise ValueError(f"there is no role {role!r} for a loss; there are {', '.join(ROLES)}")
    label, loss = f"{role} loss {name!r}", find(role, name, ROLES[role], typed)
    taken = wanted(loss, {**(given or {}), **({"typed": typed} if name in ROLES[role] else {})})
    if taken.get("num_classes") == 1:
        raise ValueError(f"{label} tells classes apart, and there is only one")
    return bound(label, loss, INPUTS[role], args, taken)
