"""Losses by role and name; the way from a config's `{name, weight, args}` to something to call. Torch alone.

    build("heatmap", "neg", clamp=None)(logits, target)
    build("offset", "torch.nn.L1Loss")

Box losses are importable as functions of torchvision's shape as well, giou_loss(boxes1, boxes2, reduction="none").
Called by the detectors, by experiments and by code from elsewhere (docs/use_losses_elsewhere.md).
"""

from cornernet.losses import box, classification, feature, functional, grouping, heatmap, offset, trial
from cornernet.losses.ae import AELoss, neg_loss
from cornernet.losses.building import FACTORS, INPUTS, ROLES, build, build_from, declared_of, default_weight, role_of
from cornernet.losses.declarations import Declared, PairDistance, PointsAt, declared
from cornernet.losses.functional import *  # noqa: F403  # all of `functional.FUNCTIONS`, for editors in functional.pyi
from cornernet.losses.published import _ae_loss, _neg_loss, _regr_loss
from cornernet.losses.several import Several

__all__ = [
    "FACTORS",
    "INPUTS",
    "ROLES",
    "AELoss",
    "Declared",
    "PairDistance",
    "PointsAt",
    "Several",
    "_ae_loss",
    "_neg_loss",
    "_regr_loss",
    "build",
    "build_from",
    "declared",
    "declared_of",
    "default_weight",
    "neg_loss",
    "role_of",
    "trial",
]
__all__ += functional.__all__

ROLES["heatmap"].update(heatmap.LOSSES)
ROLES["grouping"].update(grouping.LOSSES)
ROLES["offset"].update(offset.LOSSES)
ROLES["box"].update(box.LOSSES)
ROLES["classification"].update(classification.LOSSES)
ROLES["feature"].update(feature.LOSSES)
