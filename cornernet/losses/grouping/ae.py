"""Associative embedding. Newell, Huang, Deng, 2017, arXiv 1611.05424; Law, Deng: CornerNet, 2018, arXiv 1808.01244,
equations 4 and 5.

    pull = 1/N sum over k of (t_k - e_k)^2 + (b_k - e_k)^2
    push = 1/(N (N - 1)) sum over k, j with j != k of max(0, margin - |e_k - e_j|)

t, b: tags of an object's corners; e: their mean; N: objects of the image. With D numbers a tag the pull is the squared
Euclidean distance and |.| the L1 distance, a sum over the D.

Use it as CornerNet's own; objects of one class that crowd together are where it gives out first.
"""

from torch import Tensor

from cornernet.losses.reduce import EPSILON, at_least_float32, occupied
from cornernet.ops.tags import by_tags

WEIGHT = 0.1  # its terms are sums over the images of a GPU, 4.9 on average (Law, Deng 2018), not means
pair_distance = by_tags


def ae(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, margin: float = 1.0, chunk_size: float | None = None
) -> dict[str, Tensor]:
    """Tags [B, M, D], mask [B, M] -> {"pull", "push"}, scalars. CornerNet, equations 4 and 5.

    Both are sums over the images, as published, where a GPU trained on a chunk of 4.9 images on average. With a
    chunk_size they are that many times the mean over the images: then their weight does not grow with the batch.
    """
    t, b, m = occupied(tl_tag, mask), occupied(br_tag, mask), at_least_float32(mask != 0)
    e, n = (t + b) / 2, m.sum(1)
    pull = ((t - e) ** 2 + (b - e) ** 2).sum((1, 2)) / (n + EPSILON)

    n, pair = n[:, None, None], m[:, :, None] * m[:, None, :]
    distance = (e[:, :, None] - e[:, None, :]).abs().sum(-1)
    # the published code takes the diagonal, N times the margin, off again in N^2 equal parts; because of the epsilons
    # an image with one object is left with a push of 0.9999, a constant
    push = ((margin - distance).relu() - margin / (n + EPSILON)) / (n * (n - 1) + EPSILON) * pair

    scale = 1.0 if chunk_size is None else chunk_size / mask.shape[0]
    return {"pull": scale * pull.sum(), "push": scale * push.sum()}
