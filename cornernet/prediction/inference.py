"""From images of any size to final boxes in their own pixels: fit (`canvas`), predict, map back, pool (`pooling`)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from cornernet.config import Config, Nms, Precision, Slices
from cornernet.detectors import Predicting
from cornernet.precision import predicting
from cornernet.prediction import saccades
from cornernet.prediction import slices as slicing
from cornernet.prediction.canvas import Fitted, fit, points_to_original, sizes_of, to_original
from cornernet.prediction.pooling import after_nms, best, pooled
from cornernet.structures import Detections, ImageDetections, Keypoints, View

# Pixels that go through the network at once on a CPU: beyond, features leave its caches and an image takes longer.
CPU_PIXELS = 2**18


def settings(config: Config) -> dict[str, Any]:
    """Config -> the keyword arguments of `detect` that it holds."""
    test = config.test
    return {
        "scales": tuple(test.scales),
        "flip": test.flip,
        "slices": test.slices,
        "search": saccades.Search(test.saccade, config.data.input_size, config.model.attention.sizes)
        if test.saccade.sides
        else None,
        "longest_side": config.data.longest_side,
        "nms": test.nms,
        "max_per_image": test.max_per_image,
        "batch_size": test.batch_size,
        "precision": test.precision,
    }


def detect(
    detector: Predicting,
    images: Sequence[np.ndarray],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    slices: Slices | None = None,
    search: saccades.Search | None = None,
    longest_side: int | None = None,
    nms: Nms | None = None,
    max_per_image: int = 100,
    batch_size: int = 1,
    precision: Precision = "fp32",
    device: torch.device | str | None = None,
) -> list[ImageDetections]:
    """Find the objects on each image.

    images: [h, w, 3] uint8 BGR arrays, sizes may differ -> as many ImageDetections on the CPU, original pixels,
    best first, no box empty or outside its image.
    Each image is resized to `longest_side` (None: as it is) times each of `scales`; the detections of all scales,
    and with `flip` of the flipped images, are pooled before `nms` (None: the config's defaults) runs class by class.
    `batch_size` images at once go through the network where their canvases agree in size, on a CPU fewer if they are
    large; a canvas depends on its own image alone, so the composition of a batch does not change the boxes.
    slices: cut larger images into tiles and find the objects in each as in an image, see `slices`.
    search: glance at each image and look where that points, see `saccades`, in place of longest_side, scales, slices.
    precision: in which the network computes; boxes and scores are float32, and an exported file has its own.
    Raises ValueError for an image of another kind, for scales or sizes that are not positive, for too many
    tiles and for fp16 without a GPU.
    """
    _check(images, scales, longest_side, max_per_image, batch_size)
    device = device_of(detector) if device is None else torch.device(device)

    def see(windows: Sequence[Fitted], glance: bool) -> Iterator[tuple[int, saccades.Found]]:
        seen = _seen(detector.glance if glance else detector.view, windows, flip, batch_size, precision, device)
        return ((index, saccades.Found(rows, marks)) for index, rows, marks, _ in seen)

    if search is not None:
        _check_free(scales, slices, longest_side)
        return _searched(detector, images, see, search, nms or Nms(), max_per_image, batch_size)

    def find(images: Sequence[np.ndarray], longest_side: int | None) -> list[ImageDetections]:
        return _detect(
            detector, images, scales, flip, longest_side, nms or Nms(), max_per_image, batch_size, precision, device
        )

    def pixel(size: tuple[int, int], longest_side: int | None) -> float:
        return max(size) / max(sizes_of(detector, size, max(scales), longest_side)[0])

    if slices is None or slices.size is None:
        return find(images, longest_side)
    return slicing.sliced(find, pixel, images, slices, longest_side, batch_size, max_per_image)


def _detect(
    detector: Predicting,
    images: Sequence[np.ndarray],
    scales: Sequence[float],
    flip: bool,
    longest_side: int | None,
    nms: Nms,
    max_per_image: int,
    batch_size: int,
    precision: Precision,
    device: torch.device,
) -> list[ImageDetections]:
    """Objects on each image, no tiles."""
    pools: list[list[View]] = [[] for _ in images]
    seen = partial(_one_scale, detector, images, flip, longest_side, batch_size, precision, device)
    with evaluating(detector), torch.inference_mode():
        for scale in scales:
            for index, found in seen(scale):
                pools[index].append(found)
        sizes = [image.shape[:2] for image in images]
        joined = [_joined(detector, pool, size) for pool, size in zip(pools, sizes, strict=True)]
    return [_final(pool, size, nms, max_per_image) for pool, size in zip(joined, sizes, strict=True)]


def _searched(
    detector: nn.Module, images: Sequence[np.ndarray], see: saccades.See, search: saccades.Search, nms: Nms,
    max_per_image: int, batch_size: int,
) -> list[ImageDetections]:  # fmt: skip
    """Objects on each image by a glance and looks."""
    with evaluating(detector), torch.inference_mode():
        pools = saccades.searched(see, images, search, batch_size)
    return [_final(pool, image.shape[:2], nms, max_per_image) for pool, image in zip(pools, images, strict=True)]


def chunk(settings: dict[str, Any]) -> int:
    """Keyword arguments of `detect` -> how many images to hand to it: some batches, so that equal canvases meet.

    One where large ones are sliced or searched: their tiles and looks fill the batches.
    """
    slices = settings.get("slices")
    parts = settings.get("search") is not None or (slices is not None and slices.size is not None)
    return 1 if settings["batch_size"] == 1 or parts else 4 * settings["batch_size"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards each of its parts is back in the mode it had, frozen norms too."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def device_of(module: nn.Module) -> torch.device:
    """Device of the first parameter or buffer; the CPU where there is none."""
    tensors = (*module.parameters(), *module.buffers())
    return tensors[0].device if tensors else torch.device("cpu")


def _one_scale(
    detector: Predicting,
    images: Sequence[np.ndarray],
    flip: bool,
    longest_side: int | None,
    batch_size: int,
    precision: Precision,
    device: torch.device,
    scale: float,
) -> Iterator[tuple[int, View]]:
    """(position of the image, what is found in it), once for each image and once more for its flip."""
    fitted = [fit(detector, image, scale, longest_side) for image in images]
    look = detector.view if isinstance(detector, Predicting) else lambda inputs: (detector.predict(inputs), None)
    for index, rows, points, flipped in _seen(look, fitted, flip, batch_size, precision, device):
        yield index, View(rows, points, scale, flipped, fitted[index].factor)


def _seen(
    look: Callable[[torch.Tensor], tuple[Detections, Keypoints | None]],
    fitted: Sequence[Fitted],
    flip: bool,
    batch_size: int,
    precision: Precision,
    device: torch.device,
) -> Iterator[tuple[int, Detections, Keypoints | None, bool]]:
    """(position of the canvas, rows and points in pixels of its image, flipped), of each and with `flip` once more."""
    for group in _batches(fitted, batch_size, CPU_PIXELS if device.type == "cpu" else None):
        canvases = np.stack([fitted[i].canvas for i in group])
        batch = torch.from_numpy(canvases).permute(0, 3, 1, 2).contiguous().to(device)
        inputs = torch.cat([batch, batch.flip(-1)]) if flip else batch
        with predicting(precision, device):
            seen, marks = look(inputs)
        found, centres = Detections(*(x.cpu() for x in seen)), marks and Keypoints(*(x.cpu() for x in marks))
        for row in range(len(inputs)):
            index, flipped = group[row % len(group)], row >= len(group)
            rows = to_original(Detections(*(x[row] for x in found)), fitted[index], flipped)
            points = centres and points_to_original(Keypoints(*(x[row] for x in centres)), fitted[index], flipped)
            yield index, rows, points, flipped


def _batches(fitted: Sequence[Fitted], batch_size: int, pixels: int | None = None) -> list[list[int]]:
    """Positions of images whose canvases agree, in lists of at most batch_size and, beyond one, of so many pixels."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(fitted):
        groups.setdefault(item.canvas.shape, []).append(index)
    found = []
    for (height, width, _), group in groups.items():
        size = batch_size if pixels is None else max(1, min(batch_size, pixels // (height * width)))
        found += [group[i : i + size] for i in range(0, len(group), size)]
    return found


def _joined(detector: Any, views: list[View], size: tuple[int, int]) -> list[Detections]:
    """Views of an image of (height, width) -> rows of each, after what one view says of another."""
    if any(view.centres is not None for view in views):
        return detector.joined(views, size)
    return [view.found for view in views]


def _final(pool: list[Detections], size: tuple[int, int], nms: Nms, max_per_image: int) -> ImageDetections:
    """Rows of all scales and flips of one image -> its detections."""
    rows = pooled(pool, size)
    kept = after_nms(rows, nms)
    return best(kept.boxes, kept.scores, rows.labels[kept.index], max_per_image)


def _check_free(scales: Sequence[float], slices: Slices | None, longest_side: int | None) -> None:
    """Raise ValueError for what a search chooses itself."""
    given = {
        "scales": tuple(scales) != (1.0,),
        "slices": slices is not None and slices.size is not None,
        "longest_side": longest_side is not None,
    }
    if used := [name for name, asked in given.items() if asked]:
        raise ValueError(f"test.saccade.sides chooses sizes and places itself: it takes no {used[0]}")


def check_image(image: np.ndarray, index: int) -> None:
    """Raise ValueError naming the image's place if it is not [h, w, 3] uint8."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image {index} must be [h, w, 3] uint8, got {list(image.shape)} {image.dtype}")


def _check(
    images: Sequence[np.ndarray], scales: Sequence[float], longest_side: int | None, max_per_image: int, batch_size: int
) -> None:
    for index, image in enumerate(images):
        check_image(image, index)
    if not scales or any(scale <= 0 for scale in scales):
        raise ValueError(f"scales must be positive numbers, at least one, got {list(scales)}")
    sizes = {"longest_side": longest_side, "max_per_image": max_per_image, "batch_size": batch_size}
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
