"""Half of both sides as a tag, after the centripetal shift of Dong et al.: CentripetalNet, 2020, arXiv 2003.09119,
equations 1 and 2.

    cs_tl = (log(cx - x_tl), log(cy - y_tl))    cs_br = (log(x_br - cx), log(y_br - cy))
    loss  = 1/N sum over k of smoothL1(t_k, cs_tl) + smoothL1(b_k, cs_br)

Each corner says how far its box's centre lies, so a pair is right when the two agree with the box that they span.
t, b: tags of an object's corners, D = 2; (cx, cy): centre of its box in cells; N: objects of the image. Where the
paper takes the mean over a batch's objects, this takes it over each image's and then over the images.

Of CentripetalNet this is the target alone, read as a tag: no guiding shift, no deformable convolution, and a distance
in place of the test whether the centres lie in the middle of the box. All of it is model.pairing.name=centripetal.

Use it where objects of one class touch: it needs no competition between tags. test.ae_threshold is then a disagreement
in sizes, 0.4 for 40 percent.
"""

import torch.nn.functional as F
from torch import Tensor

from cornernet.losses.reduce import EPSILON, at_least_float32, occupied

WEIGHT = 0.5
SMALLEST = 0.1  # cells; keeps the logarithm of a box without size finite


def half_sides(
    tl_tag: Tensor, br_tag: Tensor, mask: Tensor, tl_point: Tensor, br_point: Tensor, beta: float = 1.0
) -> dict[str, Tensor]:
    """Tags [B, M, 2], mask [B, M], corners [B, M, 2] in cells -> {"grouping"}, scalar. CentripetalNet, equations 1, 2.

    beta: knee of the smooth L1. Raises ValueError unless the tags have two numbers.
    """
    if tl_tag.shape[-1] != 2:
        raise ValueError(f"half_sides needs tags of 2 numbers (model.head.tag_dim=2), got {tl_tag.shape[-1]}")
    t, b, m = occupied(tl_tag, mask), occupied(br_tag, mask), at_least_float32(mask != 0)
    shift = true_shift(tl_point, br_point) * m[..., None]
    error = F.smooth_l1_loss(t, shift, reduction="none", beta=beta) + F.smooth_l1_loss(
        b, shift, reduction="none", beta=beta
    )
    return {"grouping": (error.sum((1, 2)) / (m.sum(1) + EPSILON)).mean()}


def true_shift(tl_point: Tensor, br_point: Tensor) -> Tensor:
    """Corners of boxes [..., 2] in cells -> what both tags should be, log of half the sides [..., 2]."""
    return ((br_point - tl_point) / 2).clamp(min=SMALLEST).log()


def points_at(tl_point: Tensor, br_point: Tensor) -> tuple[Tensor, Tensor]:
    """Corners of boxes [..., 2] in cells -> where the true tags of both kinds point, the centre."""
    half = true_shift(tl_point, br_point).exp()
    return tl_point + half, br_point - half


def pair_distance(tl_points: Tensor, br_points: Tensor, tl_tags: Tensor, br_tags: Tensor) -> Tensor:
    """Corners in cells and tags, [B, K, 2] -> disagreement of both shifts with the box they would span, [B, K, K].

    Mean over both corners and both axes of |tag - log(half the side)|: 0.1 is a box about 10 % off what they expect.
    Pairs that are inverted or without size are infinitely far. Raises ValueError unless the tags have two numbers.
    """
    if tl_tags.shape[-1] != 2:
        raise ValueError(f"it needs model.head.tag_dim=2 (x and y shift), got {tl_tags.shape[-1]}")
    side = br_points[:, None] - tl_points[:, :, None]  # [B, K, K, 2]
    shift = (side.clamp(min=1e-6) / 2).log()
    error = (tl_tags[:, :, None] - shift).abs() + (br_tags[:, None] - shift).abs()
    return error.mean(-1) / 2
