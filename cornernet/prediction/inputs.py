"""Whatever images may come as: paths, arrays, tensors, PIL images, folders, videos, cameras, streams.

All become uint8 BGR. Grey ones get three equal channels; alpha is dropped, as it is of files: a transparent pixel keeps
its colour. Of more than 8 bits those are kept that `cornernet.data.depths` says.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import cv2
import numpy as np
import torch
from torch import Tensor

from cornernet.data import eight_bits, misfit, read_image
from cornernet.prediction.media import find_images
from cornernet.prediction.video import Video, is_video, open_video
from cornernet.system.wording import kind

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger("cornernet")
FIRST = 3  # files of which it is looked whether their depth is the one of the checkpoint
Order = Literal["bgr", "rgb"]
PATH = (str, os.PathLike)
KINDS = (
    "a path of an image, folder or video, a camera's number, the address of a stream, a uint8 array of NumPy [h, w], "
    "[h, w, 1], [h, w, 3] or [h, w, 4], a PIL image, a tensor [B, 3, h, w], or a list of paths, arrays, PIL images and "
    "tensors"
)
TO_BGR = {  # (channels, order) -> the conversion
    (1, "bgr"): cv2.COLOR_GRAY2BGR, (1, "rgb"): cv2.COLOR_GRAY2BGR, (3, "rgb"): cv2.COLOR_RGB2BGR,
    (4, "bgr"): cv2.COLOR_BGRA2BGR, (4, "rgb"): cv2.COLOR_RGBA2BGR,
}  # fmt: skip


def moves(images: Any) -> bool:
    """Whether a source is a video, a stream or a camera."""
    if isinstance(images, Video):
        return True
    return _one(images) and is_video(int(images) if isinstance(images, Integral) else images)


def _one(images: Any) -> bool:
    """Whether it is a path or a camera's number."""
    return isinstance(images, (*PATH, Integral)) and not isinstance(images, bool)


def read(
    images: Any, order: Order, unreadable: Callable | None, depth: int | str = "auto"
) -> Iterator[tuple[str, np.ndarray]]:  # fmt: skip
    """Any source and data.bit_depth -> (file or "", image [h, w, 3] uint8 BGR); raises TypeError for what is none, at
    once where no generator has to be run for it.
    """
    if moves(images):
        video = images
        if not isinstance(images, Video):
            video = open_video(int(images) if isinstance(images, Integral) else images)
        return ((f"{video.name}#{i}", frame) for i, frame in video.numbered())
    if isinstance(images, PATH):
        return _each(find_images(images), order, unreadable, depth)
    if isinstance(images, Tensor):
        return _each(_of_tensor(images), order, unreadable, depth)
    if isinstance(images, np.ndarray):
        return _each(images if images.ndim == 4 else [images], order, unreadable, depth)
    if _is_pil(images):
        return _each([images], order, unreadable, depth)
    if not isinstance(images, Iterable) or isinstance(images, (bytes, Mapping)):
        raise TypeError(f"images must be {KINDS}; got {kind(images, 'None')}")
    if not isinstance(images, Iterator):
        images = list(images)
        for item in images:
            _check(item)
    return _each(images, order, unreadable, depth)


def _check(item: Any) -> None:
    if not isinstance(item, (*PATH, np.ndarray, Tensor)) and not _is_pil(item):
        raise TypeError(f"images must be {KINDS}; got {kind(item, 'None')} in the list")


def _each(
    several: Iterable, order: Order, unreadable: Callable | None, depth: int | str
) -> Iterator[tuple[str, np.ndarray]]:  # fmt: skip
    told = ""
    for index, item in enumerate(several):
        _check(item)
        if isinstance(item, PATH):
            try:
                image = read_image(os.fspath(item), depth=depth)
            except (OSError, ValueError) as error:
                if unreadable is None:
                    raise
                unreadable(error)
                continue
            if index < FIRST and not told and (told := misfit(os.fspath(item), depth)):
                log.warning("%s", told)
            yield str(item), image
            continue
        held = _of_tensor(item) if isinstance(item, Tensor) else [item]
        yield from (("", _of_pil(one, depth) if _is_pil(one) else of_array(one, order, index)) for one in held)


def of_array(image: np.ndarray, order: Order, index: int = 0) -> np.ndarray:
    """Array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], uint8, colours in the order -> [h, w, 3] BGR.

    Raises ValueError naming the image's place for any other.
    """
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(
            f"image {index} must be [h, w], [h, w, 1], [h, w, 3] or [h, w, 4] uint8, "
            f"got {list(image.shape)} {image.dtype}"
        )
    change = TO_BGR.get((channels, order))
    return image if change is None else cv2.cvtColor(np.ascontiguousarray(image), change)


def _is_pil(item: Any) -> "TypeGuard[Image]":
    """Whether it is an image of PIL, which need not be imported to answer no."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(item, pil.Image)


def _of_pil(image: "Image", depth: int | str) -> np.ndarray:
    """PIL image of any mode, its pixels as they are stored -> [h, w, 3] uint8 BGR."""
    if image.mode[0] in "IF":  # more than 8 bits, which PIL itself would cut off at 255
        try:
            return of_array(eight_bits(np.asarray(image), depth), "rgb")
        except ValueError as error:
            raise ValueError(f"a PIL image of mode {image.mode} {error}") from None
    return of_array(np.asarray(image.convert("RGB")), "rgb")


def _of_tensor(images: Tensor) -> list[np.ndarray]:
    """Tensor [3, h, w] or [B, 3, h, w], uint8 or floats in [0, 1] -> arrays [h, w, 3] uint8."""
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ValueError(f"a tensor of images must be [3, h, w] or [B, 3, h, w], got {list(images.shape)}")
    batch = batch.detach().cpu()
    if batch.is_floating_point():
        if not ((batch >= 0) & (batch <= 1)).all():
            raise ValueError("a tensor of floats must hold values from 0 to 1; give 0 to 255 as uint8")
        batch = (batch.float() * 255).round().to(torch.uint8)
    if batch.dtype != torch.uint8:
        raise ValueError(f"a tensor of images must be uint8 or floats in [0, 1], got {batch.dtype}")
    return [np.ascontiguousarray(image) for image in batch.permute(0, 2, 3, 1).numpy()]
