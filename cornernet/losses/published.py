"""The functions of the published code under their names and calling conventions, for code that was written for them.

Source: princeton-vl/CornerNet, models/py_utils/kp_utils.py. Values and gradients are the same; masks may have any
dtype, a batch of one works, and probabilities of exactly 0 or 1 are finite.
"""

import torch
from torch import Tensor

from cornernet.losses.grouping.ae import ae
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.losses.reduce import added, at_least_float32, per_positive


def _neg_loss(preds: list[Tensor], gt: Tensor) -> Tensor:
    """List of PROBABILITY maps (one a stack) and target, [B, C, H, W] -> sum over the list, scalar."""
    y = at_least_float32(gt)
    return added(per_positive(_neg_of_probability(at_least_float32(p), y), y) for p in preds)


def _neg_of_probability(p: Tensor, y: Tensor) -> Tensor:
    tiny = torch.finfo(p.dtype).tiny
    log_p, log_q = p.clamp(min=tiny).log(), (1 - p).clamp(min=tiny).log()
    return -torch.where(y == 1, (1 - p) ** 2 * log_p, (1 - y) ** 4 * p**2 * log_q)


def _ae_loss(tag0: Tensor, tag1: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Tags [B, M, D], mask [B, M] -> pull, push, scalars. See losses.grouping.ae."""
    terms = ae(tag0, tag1, mask)
    return terms["pull"], terms["push"]


def _regr_loss(regr: Tensor, gt_regr: Tensor, mask: Tensor) -> Tensor:
    """Offsets [B, M, 2], mask [B, M] -> scalar. See losses.offset.smooth_l1."""
    return smooth_l1(regr, gt_regr, mask)
