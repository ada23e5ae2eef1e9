"""What the labels of anchors mean: a class 0 .. C - 1, C for background, -1 to be ignored."""

import torch
from torch import Tensor

IGNORED = -1


def counted(labels: Tensor) -> Tensor:
    """Labels [N] -> whether the anchor is not ignored, [N] bool."""
    return labels != IGNORED


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """Labels [N] and logits [N, C] -> 1 at the class of the label, [N, C]; background and ignored are all 0."""
    classes = torch.arange(like.shape[1], device=like.device)
    return (labels[:, None] == classes).to(like.dtype)


def graded(labels: Tensor, quality: Tensor, like: Tensor) -> Tensor:
    """Labels and quality [N], logits [N, C] -> the quality at the class of the label, 0 elsewhere, [N, C]."""
    return one_hot(labels, like) * quality.to(like.dtype)[:, None]


def per_anchor(loss: Tensor, labels: Tensor) -> Tensor:
    """Loss of every class [N, C], labels [N] -> sum over the classes, 0 (and no gradient) where ignored, [N]."""
    return torch.where(counted(labels), loss.sum(1), 0)
