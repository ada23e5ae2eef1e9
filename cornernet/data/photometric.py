"""The part of the augmentation that the device does, batched: colour jitter, PCA lighting, normalisation."""

from functools import lru_cache

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

    Every step of the jitter moves a picture towards something: brightness towards black, contrast towards its mean
    grey, saturation towards its grey image, both taken before the jitter. So after any number of steps in any order
    it is `own * image + grey * grey image + flat`, three numbers a picture, and one pass over the pixels applies them.
    """
    weights = constant(GREY, images.device, images.dtype).view(1, 3, 1, 1)
    grey = (images * weights).sum(1, keepdim=True)
    own, of_grey, of_mean = _mixture(order, alpha.to(images.dtype))
    flat = of_mean.unsqueeze(1) * grey.mean((2, 3)) + _lighting(light.to(images.dtype))
    return (images * _spread(own)).add_(grey * _spread(of_grey)).add_(flat[:, :, None, None])


def normalise(images: Tensor, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """Images [B, 3, H, W] in 0..1, mean and std [3], on the images' device if tensors -> (images - mean) / std."""
    mean, std = (_by_channel(values, images) for values in (mean, std))
    return (images - mean).div_(std)


def _by_channel(values: Tensor | tuple[float, ...], images: Tensor) -> Tensor:
    # A tensor is taken as it is: to read its numbers would make a GPU wait, and an export could not trace it.
    tensor = values if isinstance(values, Tensor) else constant(tuple(values), images.device, images.dtype)
    return tensor.to(images.dtype).view(1, -1, 1, 1)


def prepare(batch: Batch, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """A training batch -> what the network sees, [B, 3, H, W] float32: jittered, lit, normalised."""
    given = (batch.images, batch.colour_order, batch.colour_alpha, batch.colour_light)
    if batch.images.device.type != "cpu" or torch.compiler.is_compiling():
        return _prepared(*given, mean, std)
    # picture by picture, each of which stays in the cache from one operation to the next
    return torch.cat([_prepared(*one, mean, std) for one in zip(*(x.split(1) for x in given), strict=True)])


def _prepared(images: Tensor, order: Tensor, alpha: Tensor, light: Tensor, mean, std) -> Tensor:
    return normalise(photometric(images / 255, order, alpha, light), mean, std)


def constant(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Nested tuple -> tensor; on a GPU made once, since a copy in every step would make it wait for the host.

    On the CPU there is nothing to gain, and tensors that an export traces must not end up in a cache.
    """
    return _make(values, device, dtype) if device.type == "cpu" else _cached(values, device, dtype)


def _make(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what is first made during prediction serves training as well
        return torch.tensor(values, device=device, dtype=dtype)


_cached = lru_cache(maxsize=64)(_make)


def _mixture(order: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Order and alpha [B, 3] -> the factors [B] of the picture, its grey image and its mean grey."""
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
    return (light * values) @ vectors.T


def _spread(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]
