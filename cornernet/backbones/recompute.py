"""Gradient checkpointing: of some parts of a network only the input is kept, and the rest is found a second time.

Chen, Xu, Zhang, Guestrin: Training Deep Nets with Sublinear Memory Cost, 2016, arXiv 1604.06174. Each part is computed
again when the gradient arrives at its end, so that only one part's features are held at a time. That costs one more
forward pass; values and gradients stay what they are.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial

from torch import Tensor, is_grad_enabled, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(segments: Iterable[nn.Module]) -> None:
    """Have modules compute what they hold a second time, in place; they must not contain each other.

    Each takes and gives one tensor and draws no random numbers. Where no gradient is wanted nothing changes.
    """
    for module in segments:
        norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
        module.forward = partial(_kept_small, module.forward, norms)


def _kept_small(forward: Callable, norms: Sequence[_BatchNorm], x: Tensor) -> Tensor:
    if not is_grad_enabled():
        return forward(x)
    return checkpoint(
        forward, x, use_reentrant=False, preserve_rng_state=False, context_fn=lambda: (nullcontext(), _Seen(norms))
    )


class _Seen:
    """Context in which BatchNorms leave their statistics alone: the first pass has counted the batch already.

    They still write them, since autograd expects the second pass to be made of the same operations: into copies. One
    graph enters it anew for each of its backward passes.
    """

    def __init__(self, norms: Sequence[_BatchNorm]):
        self.norms = norms

    def __enter__(self) -> None:
        self.own = [(norm.running_mean, norm.running_var, norm.num_batches_tracked) for norm in self.norms]
        for norm, (mean, var, _) in zip(self.norms, self.own, strict=True):
            assert mean is not None and var is not None, "a norm of a backbone counts"
            norm.running_mean, norm.running_var, norm.num_batches_tracked = mean.clone(), var.clone(), None

    def __exit__(self, *error: object) -> None:
        for norm, (mean, var, count) in zip(self.norms, self.own, strict=True):
            norm.running_mean, norm.running_var, norm.num_batches_tracked = mean, var, count
