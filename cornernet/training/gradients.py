"""How strongly every term of a loss pulls at the features that all heads share.

Of each term t, w t in the total, the norm of d(w t)/dz, where z is what `Network.shared` gives for the last stack: what
a term does to the backbone goes through it. There Sener and Koltun: Multi-Task Learning as Multi-Objective
Optimization, 2018, arXiv 1810.04650, section 3.3, compare tasks too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

import torch
from torch import Tensor, nn

from cornernet.detectors import Detector
from cornernet.structures import Batch
from cornernet.training.nonfinite_steps import untouched

STARVED = 0.01  # share of the largest gradient below which a term hardly teaches the backbone


def gradient_norms(detector: Detector, batch: Batch, scale: float = 1.0) -> dict[str, float]:
    """Detector in train mode, a batch on its device -> norm of each weighted term's gradient, by the term's name.

    A pass of its own, not compiled, which leaves weights, gradients, buffers and random numbers as they were. Terms
    that have no part in the total are left out. scale: what a scaler multiplies losses by, divided out again. Every
    process of a run calls this, since losses count over all of them, and gets the norms of its own batch. Raises
    ValueError where the total is not made of the terms.
    """
    with untouched(detector), torch.compiler.set_stance("force_eager"), _cut(detector.network.shared()) as features:
        terms = detector(batch)
        total = terms.pop("total")
        terms = {name: term for name, term in terms.items() if term.requires_grad}
        factors = torch.autograd.grad(total, list(terms.values()), retain_graph=True, allow_unused=True)
        weights = {name: w for name, w in zip(terms, factors, strict=True) if w is not None}
        if not weights:
            raise ValueError(
                f"train.gradients_every: the total of {type(detector).__name__} is not computed from the terms that "
                "forward gives, so their shares in it are unknown"
            )
        norms = [_norm(terms[name], weight * scale, features) for name, weight in weights.items()]
    return dict(zip(weights, (torch.stack(norms) / scale).tolist(), strict=True))


def _norm(term: Tensor, weight: Tensor, features: list[Tensor]) -> Tensor:
    """Norm of the gradient of a weighted term at all these features together, 0-dim float32."""
    found = torch.autograd.grad(term, features, weight, retain_graph=True, allow_unused=True)
    each = [torch.linalg.vector_norm(x, dtype=torch.float32) for x in found if x is not None]
    return torch.stack([torch.zeros_like(weight), *each]).norm()


@contextmanager
def _cut(module: nn.Module) -> Iterator[list[Tensor]]:
    """Meanwhile gradients end at what a module gives -> list that then holds it, of several stacks the last one's."""
    features: list[Tensor] = []

    def cut(_: nn.Module, __: tuple, output: Tensor | list[list[Tensor]]) -> Tensor | list[list[Tensor]]:
        stacks = [[output]] if isinstance(output, Tensor) else output
        leaves = [[level.detach().requires_grad_() for level in levels] for levels in stacks]
        features[:] = leaves[-1]
        given = [[leaf.clone() for leaf in levels] for levels in leaves]  # which a head may change in place
        return given[0][0] if isinstance(output, Tensor) else given

    hook = module.register_forward_hook(cut)
    try:
        yield features
    finally:
        hook.remove()


def starving(rows: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Rows of gradients.csv -> terms whose gradient is below a hundredth of the largest, with their share of it.

    The share is the median over the rows.
    """
    norms = [{name: float(x) for name, x in row.items() if name != "step" and x} for row in rows]
    shares: dict[str, list[float]] = {}
    for row in norms:
        most = max(row.values(), default=0.0)
        for name, value in row.items() if most else ():
            shares.setdefault(name, []).append(value / most)
    middle = {name: median(held) for name, held in shares.items()}
    return {name: share for name, share in middle.items() if share < STARVED}
