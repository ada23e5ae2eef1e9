"""The part of the augmentation that the device does, batched: colour jitter, PCA lighting, normalisation."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from cornernet.structures import Batch

# Principal components of COCO's colours, rows B, G, R (method: Krizhevsky et al. 2012; numbers: published CornerNet).
EIGENVALUES = (0.2141788, 0.01817699, 0.00341571)
EIGENVECTORS = (
    (-0.58752847, -0.69563484, 0.41340352),
    (-0.5832747, 0.00994535, -0.81221408),
    (-0.56089297, 0.71832671, 0.41158938),
)
GREY = (0.114, 0.587, 0.299)  # ITU-R BT.601 luma of blue, green, red


def photometric(images: Tensor, order: Tensor, alpha: Tensor, light: Tensor) -> Tensor:
    """Images [B, 3, H, W] in 0..1, order, alpha, light [B, 3] each -> jittered and lit images, not clamped.

    Every step of the jitter moves an image towards something: brightness towards black, contrast towards its mean
    grey, saturation towards its grey image, both taken before the jitter. So any number of steps in any order is a
    matrix on the colours and what is added to them, and one pass over the pixels applies both.
    """
    matrix, flat = _colours(images.mean((2, 3)), order, alpha.to(images.dtype), light.to(images.dtype))
    return _transform(images, matrix, flat)


def normalise(images: Tensor, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """Images [B, 3, H, W] in 0..1, mean and std [3], on the images' device if tensors -> (images - mean) / std."""
    mean, std = (_by_channel(values, images) for values in (mean, std))
    return (images - mean).div_(std)


def _by_channel(values: Tensor | tuple[float, ...], images: Tensor) -> Tensor:
    # A tensor is taken as it is: to read its numbers would make a GPU wait, and an export could not trace it.
    tensor = values if isinstance(values, Tensor) else constant(tuple(values), images.device, images.dtype)
    return tensor.to(images.dtype).view(1, -1, 1, 1)


def prepare(batch: Batch, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """A training batch -> what the network sees, [B, 3, H, W] float32: jittered, lit, normalised.

    The range of the pixels and the normalisation join the matrix of `photometric`.
    """
    images, whole = batch.images, batch.images.device.type != "cpu" or torch.compiler.is_compiling()
    # on a CPU image by image, each of which stays in the cache from one operation to the next
    parts = images.split(len(images) if whole else 1)
    means = torch.cat([part.sum((2, 3), dtype=torch.float32) for part in parts]) / (255 * images[0, 0].numel())
    mean, std = (_by_channel(values, means).view(1, 3) for values in (mean, std))
    matrix, flat = _colours(means, batch.colour_order, batch.colour_alpha.float(), batch.colour_light.float())
    matrix, flat = matrix / (255 * std).unsqueeze(2), (flat - mean) / std
    if whole:
        return _transform(images.float(), matrix, flat)
    out = torch.from_numpy(np.empty(images.shape, np.float32))  # NumPy asks for large pages: new ones take less time
    for one, by, plus, made in zip(parts, matrix.split(1), flat.split(1), out.split(1), strict=True):
        _transform(one.float(), by, plus, made)
    return out


def _transform(images: Tensor, matrix: Tensor, flat: Tensor, out: Tensor | None = None) -> Tensor:
    """Images [B, 3, H, W], matrix [B, 3, 3], flat [B, 3] -> matrix @ colour + flat of every pixel.

    Not by a product of matrices, which autocast and a GPU's settings would take in fewer digits.
    """
    columns = matrix[..., None, None].unbind(2)
    channels = images.split(1, 1)
    out = torch.mul(channels[0], columns[0], out=out)
    return out.addcmul_(channels[1], columns[1]).addcmul_(channels[2], columns[2]).add_(flat[:, :, None, None])


def constant(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Nested tuple -> tensor; on a GPU made once, since a copy in every step would make it wait for the host.

    On the CPU there is nothing to gain, and tensors that an export traces must not end up in a cache.
    """
    return _make(values, device, dtype) if device.type == "cpu" else _cached(values, device, dtype)


def _make(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what is first made during prediction serves training as well
        return torch.tensor(values, device=device, dtype=dtype)


_cached = lru_cache(maxsize=64)(_make)


def _colours(means: Tensor, order: Tensor, alpha: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colours of the images in 0..1, order, alpha, light [B, 3] each -> matrix [B, 3, 3] and flat [B, 3]."""
    weights = constant(GREY, means.device, means.dtype)
    own, of_grey, of_mean = _mixture(order, alpha)
    matrix = torch.diag_embed(own[:, None].expand(-1, 3)) + of_grey[:, None, None] * weights
    return matrix, (of_mean * (means * weights).sum(1))[:, None] + _lighting(light)


def _mixture(order: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Order and alpha [B, 3] -> the factors [B] of the image, its grey image and its mean grey."""
    own, of_grey, of_mean = torch.ones_like(alpha[:, 0]), torch.zeros_like(alpha[:, 0]), torch.zeros_like(alpha[:, 0])
    for step in range(3):
        factor, towards = 1 + alpha[:, step], -alpha[:, step]
        own = own * factor
        of_mean = of_mean * factor + towards * (order[:, step] == 1)
        of_grey = of_grey * factor + towards * (order[:, step] == 2)
    return own, of_grey, of_mean


def _lighting(light: Tensor) -> Tensor:
    """Weights of the components [B, 3] -> what is added to the channels [B, 3]."""
    values = constant(EIGENVALUES, light.device, light.dtype)
    vectors = constant(EIGENVECTORS, light.device, light.dtype)
    return ((light * values)[:, None] * vectors).sum(2)
