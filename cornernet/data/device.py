"""What is left to do to a batch on the device: the changes that its loader drew numbers for, and the normalisation."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cornernet.structures import Batch


class Colours(NamedTuple):
    """What is to be done to the colours of every image, as one matrix: matrix @ colour / top + flat."""

    means: Tensor  # [B, 3] mean colours of the images as they are stored, in 0..1
    top: int  # brightest value of a stored pixel
    matrix: Tensor  # [B, 3, 3]
    flat: Tensor  # [B, 3]


def prepare(batch: Batch, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """A training batch -> what the network sees, [B, 3, H, W] float32: changed as was drawn for it, normalised.

    Matrices on the colours, the range of the pixels and the normalisation are one pass over them.
    """
    images, colours = batch.images, _untouched(batch.images)
    for change in batch.changes:
        if change.on_colours:
            means = (colours.matrix * colours.means[:, None]).sum(2) + colours.flat
            colours = _then(colours, *change.apply(means, **change.numbers))
        else:
            given = _changed(images, colours.matrix / colours.top, colours.flat)
            images = change.apply(given, **change.numbers)
            if images.shape != given.shape:
                raise ValueError(f"a change must give images {list(given.shape)}, got {list(images.shape)}")
            colours = _untouched(images)
    mean, std = (_by_channel(values, colours.means).view(1, 3) for values in (mean, std))
    return _changed(images, colours.matrix / (colours.top * std).unsqueeze(2), (colours.flat - mean) / std)


def normalise(images: Tensor, mean: Tensor | tuple[float, ...], std: Tensor | tuple[float, ...]) -> Tensor:
    """Images [B, 3, H, W] in 0..1, mean and std [3], on the images' device if tensors -> (images - mean) / std."""
    mean, std = (_by_channel(values, images) for values in (mean, std))
    return (images - mean).div_(std)


def constant(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Nested tuple -> tensor; on a GPU made once, since a copy in every step would make it wait for the host.

    On the CPU there is nothing to gain, and tensors that an export traces must not end up in a cache.
    """
    return _make(values, device, dtype) if device.type == "cpu" else _cached(values, device, dtype)


def _make(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what is first made during prediction serves training as well
        return torch.tensor(values, device=device, dtype=dtype)


_cached = lru_cache(maxsize=64)(_make)


def _by_channel(values: Tensor | tuple[float, ...], images: Tensor) -> Tensor:
    # A tensor is taken as it is: to read its numbers would make a GPU wait, and an export could not trace it.
    tensor = values if isinstance(values, Tensor) else constant(tuple(values), images.device, images.dtype)
    return tensor.to(images.dtype).view(1, -1, 1, 1)


def _untouched(images: Tensor) -> Colours:
    """Images [B, 3, H, W], uint8 or float32 in 0..1 -> their colours as they are."""
    top = 255 if images.dtype == torch.uint8 else 1
    sums = torch.cat([part.sum((2, 3), dtype=torch.float32) for part in _parts(images)])
    matrix = torch.eye(3, device=images.device).expand(len(images), 3, 3)
    return Colours(sums / (top * images[0, 0].numel()), top, matrix, torch.zeros_like(sums))


def _then(colours: Colours, matrix: Tensor, flat: Tensor) -> Colours:
    """The same with one more matrix [B, 3, 3] and what it adds, [B, 3], behind it.

    Neither this nor `_transform` is a product of matrices, which autocast and a GPU's settings take in fewer digits.
    """
    both = (matrix[..., None] * colours.matrix[:, None]).sum(2)
    return colours._replace(matrix=both, flat=(matrix * colours.flat[:, None]).sum(2) + flat)


def _parts(images: Tensor) -> tuple[Tensor, ...]:
    """On a CPU image by image, each of which stays in the cache from one operation to the next."""
    whole = images.device.type != "cpu" or torch.compiler.is_compiling()
    return images.split(len(images) if whole else 1)


def _changed(images: Tensor, matrix: Tensor, flat: Tensor) -> Tensor:
    """Images [B, 3, H, W] of any type, matrix [B, 3, 3], flat [B, 3] -> the changed images, float32."""
    parts = _parts(images)
    if len(parts) == 1:
        return _transform(images.float(), matrix, flat)
    out = torch.from_numpy(np.empty(images.shape, np.float32))  # NumPy asks for large pages: new ones take less time
    for one, by, plus, made in zip(parts, matrix.split(1), flat.split(1), out.split(1), strict=True):
        _transform(one.float(), by, plus, made)
    return out


def _transform(images: Tensor, matrix: Tensor, flat: Tensor, out: Tensor | None = None) -> Tensor:
    """Images [B, 3, H, W], matrix [B, 3, 3], flat [B, 3] -> matrix @ colour + flat of every pixel."""
    columns = matrix[..., None, None].unbind(2)
    channels = images.split(1, 1)
    out = torch.mul(channels[0], columns[0], out=out)
    return out.addcmul_(channels[1], columns[1]).addcmul_(channels[2], columns[2]).add_(flat[:, :, None, None])
