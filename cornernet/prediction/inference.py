"""From images of any size to final boxes in their own pixels: fit, predict, map back, pool, suppress.

Coordinates are edges: pixel i covers [i, i + 1] and an image of width W covers [0, W], so resizing multiplies,
padding adds and flipping a canvas of width W turns x into W - x, all without half pixels.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cornernet.config import Config, Nms, Slices
from cornernet.data import resize, scaled_size
from cornernet.detectors import Predicting
from cornernet.ops.nms import Kept
from cornernet.ops.nms import nms as suppress
from cornernet.prediction import slices as slicing
from cornernet.structures import Detections, ImageDetections, Keypoints, View

# Pixels that go through the network at once on a CPU: beyond, features leave its caches and an image takes longer.
CPU_PIXELS = 2**18


class Fitted(NamedTuple):
    """A resized image on the canvas that the network takes, and the way back."""

    canvas: np.ndarray  # [H, W, 3] uint8, BGR, zeros around the image
    pad: tuple[int, int]  # (x, y) of the image's top-left corner on the canvas
    factor: tuple[float, float]  # (x, y) resized size / original size, as it came out after rounding


class Fits(Protocol):
    """What an image is fitted to, mostly a detector."""

    def fit_size(self, height: int, width: int, /) -> tuple[int, int]:
        """Smallest input (height, width) that holds such an image."""


class FixedCanvas(NamedTuple):
    """The one canvas of an exported file, in place of a detector where images are fitted."""

    size: tuple[int, int]  # (height, width)

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        """The one size there is, whatever the image's."""
        return self.size


def settings(config: Config) -> dict[str, Any]:
    """Config -> the keyword arguments of `detect` that it holds."""
    test = config.test
    return {
        "scales": tuple(test.scales),
        "flip": test.flip,
        "slices": test.slices,
        "longest_side": config.data.longest_side,
        "nms": test.nms,
        "max_per_image": test.max_per_image,
        "batch_size": test.batch_size,
    }


def detect(
    detector: Predicting,
    images: Sequence[np.ndarray],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    slices: Slices | None = None,
    longest_side: int | None = None,
    nms: Nms | None = None,
    max_per_image: int = 100,
    batch_size: int = 1,
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
    Raises ValueError for an image of another kind, for scales or sizes that are not positive and for too many tiles.
    """
    _check(images, scales, longest_side, max_per_image, batch_size)
    device = device_of(detector) if device is None else torch.device(device)

    def find(images: Sequence[np.ndarray], longest_side: int | None) -> list[ImageDetections]:
        return _detect(detector, images, scales, flip, longest_side, nms or Nms(), max_per_image, batch_size, device)

    def pixel(size: tuple[int, int], longest_side: int | None) -> float:
        return max(size) / max(_sizes(detector, size, max(scales), longest_side)[0])

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
    device: torch.device,
) -> list[ImageDetections]:
    """Objects on each image, no tiles."""
    pools: list[list[View]] = [[] for _ in images]
    with evaluating(detector), torch.inference_mode():
        for scale in scales:
            for index, found in _one_scale(detector, images, scale, flip, longest_side, batch_size, device):
                pools[index].append(found)
        sizes = [image.shape[:2] for image in images]
        joined = [_joined(detector, pool, size) for pool, size in zip(pools, sizes, strict=True)]
    return [_final(pool, size, nms, max_per_image) for pool, size in zip(joined, sizes, strict=True)]


def fit(detector: Fits, image: np.ndarray, scale: float = 1.0, longest_side: int | None = None) -> Fitted:
    """Resize an image and centre it on a canvas of zeros of the smallest size that the detector takes.

    image [h, w, 3] uint8 -> Fitted. Rows and columns never round down to nothing. An image that is larger than the
    canvas of a detector that has only one, as an exported file does, is shrunk into it.
    """
    return place(image, *_sizes(detector, image.shape[:2], scale, longest_side))


def _sizes(
    detector: Fits, size: tuple[int, int], scale: float, longest_side: int | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) of an image -> that to which it is resized, and that of its canvas."""
    height, width = size
    zoom = scale if longest_side is None else scale * longest_side / max(height, width)
    size = scaled_size((height, width), zoom)
    canvas = detector.fit_size(*size)
    if canvas[0] < size[0] or canvas[1] < size[1]:
        size = scaled_size((height, width), min(zoom, canvas[0] / height, canvas[1] / width))
    return size, canvas


def place(image: np.ndarray, size: tuple[int, int], canvas_size: tuple[int, int]) -> Fitted:
    """Image [h, w, 3] uint8, resized to size (height, width), in the middle of zeros of canvas_size -> Fitted."""
    height, width = image.shape[:2]
    image, _ = resize(image, np.zeros((0, 4)), size)
    canvas = np.zeros((*canvas_size, 3), np.uint8)
    left, top = canvas_size[1] // 2 - size[1] // 2, canvas_size[0] // 2 - size[0] // 2
    canvas[top : top + size[0], left : left + size[1]] = image
    return Fitted(canvas, (left, top), (size[1] / width, size[0] / height))


def chunk(batch_size: int, slices: Slices | None = None) -> int:
    """How many images to hand to `detect` at once: some batches, so that those whose canvases agree meet.

    One where large ones are sliced: their tiles fill the batches.
    """
    return 1 if batch_size == 1 or (slices and slices.size) else 4 * batch_size


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
    scale: float,
    flip: bool,
    longest_side: int | None,
    batch_size: int,
    device: torch.device,
) -> Iterator[tuple[int, View]]:
    """(position of the image, what is found in it), once for each image and once more for its flip."""
    fitted = [fit(detector, image, scale, longest_side) for image in images]
    for group in _batches(fitted, batch_size, CPU_PIXELS if device.type == "cpu" else None):
        canvases = np.stack([fitted[i].canvas for i in group])
        batch = torch.from_numpy(canvases).permute(0, 3, 1, 2).contiguous().to(device)
        inputs = torch.cat([batch, batch.flip(-1)]) if flip else batch
        seen, marks = detector.view(inputs) if isinstance(detector, Predicting) else (detector.predict(inputs), None)
        found, centres = Detections(*(x.cpu() for x in seen)), marks and Keypoints(*(x.cpu() for x in marks))
        for row in range(len(inputs)):
            index, flipped = group[row % len(group)], row >= len(group)
            rows = to_original(Detections(*(x[row] for x in found)), fitted[index], flipped)
            points = centres and _points_to_original(Keypoints(*(x[row] for x in centres)), fitted[index], flipped)
            yield index, View(rows, points, scale, flipped, fitted[index].factor)


def _batches(fitted: list[Fitted], batch_size: int, pixels: int | None = None) -> list[list[int]]:
    """Positions of images whose canvases agree, in lists of at most batch_size and, beyond one, of so many pixels."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(fitted):
        groups.setdefault(item.canvas.shape, []).append(index)
    found = []
    for (height, width, _), group in groups.items():
        size = batch_size if pixels is None else max(1, min(batch_size, pixels // (height * width)))
        found += [group[i : i + size] for i in range(0, len(group), size)]
    return found


def to_original(found: Detections, fitted: Fitted, flipped: bool = False) -> Detections:
    """Rows of one canvas ([N, ...], invalid ones included) -> its valid rows in original pixels."""
    valid = (found.scores >= 0) & found.boxes.isfinite().all(1)  # a score of NaN is not >= 0 either
    found = Detections(*(x[valid] for x in found))
    boxes = found.boxes.float()
    if flipped:
        width = fitted.canvas.shape[1]
        boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
    boxes = (boxes - boxes.new_tensor(fitted.pad * 2)) / boxes.new_tensor(fitted.factor * 2)
    return found._replace(boxes=boxes)


def _joined(detector: Any, views: list[View], size: tuple[int, int]) -> list[Detections]:
    """Views of an image of (height, width) -> rows of each, after what one view says of another."""
    if any(view.centres is not None for view in views):
        return detector.joined(views, size)
    return [view.found for view in views]


def _points_to_original(marks: Keypoints, fitted: Fitted, flipped: bool) -> Keypoints:
    """Keypoints [K] of one canvas -> the same in original pixels."""
    x, y = marks.points.unbind(-1)
    points = torch.stack([fitted.canvas.shape[1] - x if flipped else x, y], -1)
    return marks._replace(points=(points - points.new_tensor(fitted.pad)) / points.new_tensor(fitted.factor))


def _final(pool: list[Detections], size: tuple[int, int], nms: Nms, max_per_image: int) -> ImageDetections:
    """Rows of all scales and flips of one image -> its detections."""
    rows = pooled(pool, size)
    kept = after_nms(rows, nms)
    return best(kept.boxes, kept.scores, rows.labels[kept.index], max_per_image)


def pooled(pool: list[Detections], size: tuple[int, int]) -> Detections:
    """Rows of all scales and flips of one image of (height, width) -> those that show something of it, clipped.

    Clipped before the suppression: boxes that differ only outside the image are the same box, and one that lies in
    the padding must not suppress anything.
    """
    return _drop_empty(_clip(_cat(pool), size))


def after_nms(rows: Detections, nms: Nms) -> Kept:
    """Rows of one image -> what the suppression leaves of them; coordinates are edges and need no extra pixel."""
    return suppress(
        rows.boxes, rows.scores, rows.labels, rows.tl_scores, rows.br_scores,
        name=nms.name, iou=nms.iou, sigma=nms.sigma, min_score=nms.min_score, weight_exp=nms.weight_exp, pixel=False,
    )  # fmt: skip


def _cat(pool: list[Detections]) -> Detections:
    return Detections(*(torch.cat(parts) for parts in zip(*pool, strict=True)))


def _clip(rows: Detections, size: tuple[int, int]) -> Detections:
    height, width = size
    limit = rows.boxes.new_tensor([width, height, width, height])
    return rows._replace(boxes=torch.minimum(rows.boxes.clamp(min=0), limit))


def _drop_empty(rows: Detections) -> Detections:
    full = (rows.boxes[:, 2:] > rows.boxes[:, :2]).all(1)
    return Detections(*(x[full] for x in rows))


def best(boxes: Tensor, scores: Tensor, labels: Tensor, count: int) -> ImageDetections:
    """Keep exactly the `count` best rows; of equal scores those that came first."""
    order = scores.argsort(descending=True, stable=True)[:count]
    return ImageDetections(boxes[order], scores[order], labels[order])


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
