"""The corner loss as the published code computes it: probabilities by a clamped sigmoid, cells picked by boolean index.

Law, Deng: CornerNet, 2018, arXiv 1808.01244, section 3.
"""

import torch
import torch.nn.functional as F


def corner_loss(outs, targets, pull_weight=0.1, push_weight=0.1, regr_weight=1.0):
    """Flat list of 6 outputs a stack and the 5 targets as AELoss takes them -> scalar; outs are left as they are."""
    tl_heat, br_heat, mask, tl_regr, br_regr = targets
    stacks = [outs[i : i + 6] for i in range(0, len(outs), 6)]
    total = 0
    for stack in stacks:
        for logits, heat in ((stack[0], tl_heat), (stack[1], br_heat)):
            total = total + focal(logits.sigmoid().clamp(1e-4, 1 - 1e-4), heat)
        pull, push = grouping(stack[2], stack[3], mask)
        total = total + pull_weight * pull + push_weight * push
        for offsets, truth in ((stack[4], tl_regr), (stack[5], br_regr)):
            total = total + regr_weight * regression(offsets, truth, mask)
    return total / len(stacks)


def focal(p, target):
    """Probabilities and target [B, C, H, W] -> scalar."""
    corner, rest = target.eq(1), target.lt(1)
    lit, dark = p[corner], p[rest]
    forgiven = (1 - target[rest]).pow(4)
    lit_sum = (lit.log() * (1 - lit).pow(2)).sum()
    dark_sum = ((1 - dark).log() * dark.pow(2) * forgiven).sum()
    count = corner.float().sum()
    return -dark_sum if lit.numel() == 0 else -(lit_sum + dark_sum) / count


def grouping(tl_tag, br_tag, mask):
    """Tags [B, M, 1], mask [B, M] bool -> pull, push."""
    first, second = tl_tag.squeeze(2), br_tag.squeeze(2)
    count = mask.sum(1, keepdim=True).float()
    mean = (first + second) / 2
    pull = sum(((tag - mean).pow(2) / (count + 1e-4))[mask].sum() for tag in (first, second))
    both = mask.unsqueeze(1) & mask.unsqueeze(2)
    count = count.unsqueeze(2)
    near = F.relu(1 - (mean.unsqueeze(1) - mean.unsqueeze(2)).abs())
    push = (near - 1 / (count + 1e-4)) / ((count - 1) * count + 1e-4)
    return pull, push[both].sum()


def regression(offsets, truth, mask):
    """Offsets [B, M, 2], mask [B, M] bool -> scalar."""
    count = mask.float().sum()
    slots = mask.unsqueeze(2).expand_as(truth)
    return F.smooth_l1_loss(offsets[slots], truth[slots], reduction="sum") / (count + 1e-4)


def run(outs, targets):
    """Loss and gradients of the outputs, as a training step asks for them."""
    return torch.autograd.grad(corner_loss(outs, targets), outs)
