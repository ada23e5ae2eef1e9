"""What the losses on embeddings and class labels share: which rows count, lengths, cosines, the softmax at the end.

A row whose label is -1 holds nothing: it is never looked at and has no gradient. Everything is of static shape.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cornernet.losses.reduce import at_least_float32

TINY = 1e-12  # under the root of every length, so that an embedding of zeros has a gradient
SHORT = 1e-2  # length below which a direction is noise
LONG = 1e15  # numbers from here on are scaled down before they are squared
NOTHING = -1  # label of a row that does not count
MOST = 1024  # rows of a batch that detectors hand over; what losses on pairs of rows hold grows with the square


class Rows(NamedTuple):
    """Embeddings with the labels of those that count."""

    x: Tensor  # [N, D] in at least float32, 0 in rows that do not count
    y: Tensor  # [N] int64, a class, 0 in rows that do not count
    real: Tensor  # [N] bool, the row counts


def rows(embeddings: Tensor, labels: Tensor) -> Rows:
    """Embeddings [N, D] of any dtype, labels [N] -> Rows."""
    real = labels != NOTHING
    x = at_least_float32(embeddings)
    return Rows(torch.where(real[:, None], x, torch.zeros_like(x)), labels.clamp(min=0).long(), real)


def mean_of_rows(loss: Tensor, real: Tensor) -> Tensor:
    """Loss of every row [N], which rows count [N] bool -> their mean, 0 if there is none, scalar."""
    return torch.where(real, loss, 0).sum() / real.sum().clamp(min=1)


def cross_entropy(logits: Tensor, y: Tensor, real: Tensor) -> Tensor:
    """Logits [N, C], classes [N], which rows count [N] bool -> mean of -log softmax at the class, scalar."""
    return mean_of_rows(F.cross_entropy(logits, y, reduction="none"), real)


def length(x: Tensor) -> Tensor:
    """Vectors [..., D] -> Euclidean lengths [..., 1], at least 1e-6."""
    largest = x.detach().abs().amax(-1, keepdim=True)
    scale = torch.where(largest > LONG, largest, 1)
    return scale * ((x / scale).square().sum(-1, keepdim=True) + TINY).sqrt()


def unit(x: Tensor, short: float = SHORT) -> Tensor:
    """Vectors [..., D] -> the same of length 1; zeros stay zeros.

    The gradient grows as 1 / length: without a bound one row of zeros would move a network more than all others do
    together. So vectors below `short` have that of their direction at length 1; 0: the formula's, for what is
    multiplied by the length afterwards.
    """
    long = length(x)
    direction, share = x / long, long.detach()
    gentle = share * direction + ((1 - share) * direction).detach()
    return torch.where(share < short, gentle, direction)


def products(x: Tensor, w: Tensor) -> Tensor:
    """Embeddings [N, D], class vectors [C, D] -> inner products [N, C], which autocast does not round."""
    with torch.autocast(x.device.type, enabled=False):
        return x @ w.to(x.dtype).T


def cosines(x: Tensor, w: Tensor, short: float = SHORT) -> Tensor:
    """Embeddings [N, D], class vectors [C, D] -> cosines of the angles between them [N, C]; short: as of `unit`."""
    return products(unit(x, short), unit(at_least_float32(w), short)).clamp(-1, 1)


def at_class(logits: Tensor, y: Tensor, changed: Tensor) -> Tensor:
    """Logits [N, C] with those of the rows' own classes [N] replaced by `changed` [N, C]."""
    return torch.where(F.one_hot(y, logits.shape[1]).bool(), changed, logits)


def distances(x: Tensor) -> Tensor:
    """Vectors [N, D] -> Euclidean distances [N, N]; no gradient between equal ones."""
    with torch.autocast(x.device.type, enabled=False):
        return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def class_vectors(num_classes: int, dim: int) -> nn.Parameter:
    """One trained vector a class, [C, D]."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_classes, dim)))


def first_rows(labels: Tensor, most: int) -> Tensor:
    """Labels [N] -> positions [min(N, most)] of the rows to compare, those that count first, in their order."""
    return (labels == NOTHING).to(torch.int8).argsort(stable=True)[:most]
