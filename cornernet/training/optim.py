"""Optimiser, learning rate and averaged weights."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from cornernet.config import Train
from cornernet.detectors import Detector
from cornernet.training import parts


def build_optimizer(module: nn.Module, settings: Train) -> torch.optim.Optimizer:
    """Optimiser over the parameters that train; weight decay spares biases and norms (one-dimensional tensors).

    Of each of train.lr_factors there are two groups, whose `lr_factor` is that of their rate. Raises ValueError for a
    rate or decay that is negative, and for factors that `parts.by_factor` refuses.
    """
    for name in ("lr", "weight_decay"):
        if not getattr(settings, name) >= 0:
            raise ValueError(f"train.{name} must not be negative, got {getattr(settings, name)}")
    groups = [
        {"params": chosen, "weight_decay": decay, "lr": settings.lr * share, "lr_factor": share}
        for share, trained in parts.by_factor(module, settings.lr_factors)
        for chosen, decay in (
            ([p for p in trained if p.ndim > 1], settings.weight_decay),
            ([p for p in trained if p.ndim <= 1], 0.0),
        )
    ]
    fused = torch.cuda.is_available() or None  # one kernel, which can leave a step out without asking the host
    if settings.optimizer == "sgd":
        return _with_momentum(torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, fused=fused))
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return kind(groups, lr=settings.lr, fused=fused)


def _with_momentum(optimizer: torch.optim.SGD) -> torch.optim.SGD:
    """The fused kernel leaves its first momentum unset where it leaves out the first step; zeros mean the same."""
    for group in optimizer.param_groups:
        for parameter in group["params"] if group["fused"] else ():
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every group of an optimiser this rate, times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = value * group["lr_factor"]


def rate(step: int, settings: Train) -> float:
    """Learning rate of optimiser step `step`, counted from 0: a pure function, so that resuming needs no state."""
    return settings.lr * factor(
        step, settings.steps, settings.schedule, settings.warmup_steps, settings.milestones, settings.gamma
    )


def factor(
    step: int, steps: int, schedule: str, warmup_steps: int = 0, milestones: Sequence[int] = (), gamma: float = 0.1
) -> float:
    """Factor of the peak rate at optimiser step `step` of `steps`.

    constant, step (times gamma at each milestone), cosine (to zero) and one_cycle (cosine up from 1/25 over the
    warm-up, or over 30 % of the steps if there is none, then cosine down to 1e-5; Smith and Topin, arXiv 1708.07120).
    """
    if schedule == "one_cycle":
        rise = warmup_steps or max(1, round(0.3 * steps))
        if step < rise:
            return _half_cosine(1 / 25, 1.0, step / rise)
        return _half_cosine(1.0, 1e-5, (step - rise) / max(1, steps - rise))
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    if schedule == "constant":
        return warm
    if schedule == "step":
        return warm * gamma ** sum(step >= milestone for milestone in milestones)
    if schedule == "cosine":
        return warm * _half_cosine(1.0, 0.0, max(0, step - warmup_steps) / max(1, steps - warmup_steps))
    raise ValueError(f"train.schedule must be constant, step, cosine or one_cycle, got {schedule!r}")


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, share))) / 2


class Average(AveragedModel):
    """Averaged weights and buffers of a detector; see `build_average`."""

    module: Detector
    skip: Tensor | None = None  # 0-dim; where it is 1 an update leaves everything but the count

    def __init__(self, detector: Detector, decay: float):
        super().__init__(detector, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take a step of the detector's weights in.

        torch's own sends its count to the device at every step, and waits for that.
        """
        n = int(self.n_averaged)
        share = 1 - min(self.decay, (1 + n) / (10 + n))
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        for floats in (True, False):  # the others are BatchNorm's counters of batches
            averaged, current = ([pair[i] for pair in pairs if pair[0].is_floating_point() == floats] for i in (0, 1))
            if averaged and (n == 0 or not floats):
                torch._foreach_copy_(averaged, current)
            elif averaged and self.skip is None:
                torch._foreach_lerp_(averaged, current, share)
            elif averaged and self.skip is not None:
                shares = (share * (1 - self.skip)).to(averaged[0].dtype)
                torch._foreach_lerp_(averaged, current, [shares] * len(averaged))
        self.n_averaged += 1


def _tensors(module: nn.Module) -> list[Tensor]:
    return [x.detach() for x in (*module.parameters(), *module.buffers())]


def build_average(detector: Detector, decay: float | None) -> Average | None:
    """Exponential moving average of weights and buffers, or None.

    The average starts as a copy after the first step; from then on the decay after n steps is
    min(decay, (1 + n) / (10 + n)), so that the random weights of the start are soon forgotten.
    """
    if decay is None:
        return None
    if not 0 < decay < 1:
        raise ValueError(f"train.ema must lie between 0 and 1 or be null, got {decay}")
    return Average(detector, decay)
