"""Large images by overlapping tiles: each is searched as an image of its own, then what was found becomes one answer.

A tile is as large as `size`, or as the image where that is smaller, so that every object is seen at one scale; tiles
are spread evenly and overlap by `overlap` or more. With `whole` the image is searched as a whole too, resized to
data.longest_side, where that is null to the longer side of a tile. An image that is no larger than a tile is none of
this module's business. How boxes of several tiles become one is said in `cornernet.ops.seams`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch

from cornernet.config import Slices, ranges, section
from cornernet.ops.seams import Seen, join
from cornernet.structures import ImageDetections

MOST = 100_000  # tiles of an image
Frame = tuple[int, int, int, int]  # xyxy, pixels of the image
Find = Callable[[Sequence[np.ndarray], int | None], list[ImageDetections]]  # images and longest side -> found on each
Pixel = Callable[[tuple[int, int], int | None], float]  # of an image's size: pixels behind one of the input


def sliced(
    find: Find, pixel: Pixel, images: Sequence[np.ndarray], slices: Slices, longest_side: int | None, batch: int,
    count: int,
) -> list[ImageDetections]:  # fmt: skip
    """Find at most count objects on each image, by tiles on those that are larger than one, `batch` tiles at once.

    Raises ValueError for more than MOST tiles.
    """
    frames = [tiles(image.shape[:2], slices) for image in images]
    small = iter(find([image for image, parts in zip(images, frames, strict=True) if len(parts) == 1], longest_side))
    return [
        next(small) if len(parts) == 1 else _joined(find, pixel, image, parts, slices.whole, longest_side, batch, count)
        for image, parts in zip(images, frames, strict=True)
    ]


def given(slices: int | Sequence[int] | Mapping[str, Any], others: Slices) -> Slices:
    """What a call asks for, a size or the section as a mapping, and the config's for what it leaves open -> Slices.

    Raises ValueError, one sentence, for another key, for what a config may not hold either and where no size is known.
    """
    asked = slices if isinstance(slices, Mapping) else {"size": slices}
    found = section("slices", Slices, {**vars(others), **asked, "size": _sides(asked.get("size", others.size))})
    for key in ("size", "overlap"):
        ranges.allow(f"slices.{key}", getattr(found, key), ranges.TEST_RANGES[f"test.slices.{key}"])
    if found.size is None and "size" not in asked:
        raise ValueError("slices: no size is given, and test.slices.size is null; {'size': None} turns slices off")
    return found


def _sides(size: Any) -> list[int] | None:
    """What a call gives as the size of a tile -> height and width; None: off."""
    if size is None:
        return None
    both = size if isinstance(size, Sequence | np.ndarray) else [size, size]
    if len(both) == 2 and all(isinstance(side, Integral) for side in both):
        return [int(side) for side in both]
    raise ValueError(f"slices: size must be a whole number, [height, width] or None, got {size!r}")


def tiles(size: tuple[int, ...], slices: Slices) -> list[Frame]:
    """(height, width) of an image -> its tiles, row by row; raises ValueError for more than MOST."""
    assert slices.size is not None, "slices are on"
    rows, columns = (_starts(*sides, slices.overlap) for sides in zip(size, slices.size, strict=True))
    if len(rows) * len(columns) > MOST:
        raise ValueError(
            f"an image of {size[0]} x {size[1]} pixels is {len(rows) * len(columns)} tiles, at most {MOST} are "
            "searched: take a larger test.slices.size or a smaller test.slices.overlap"
        )
    height, width = (min(sides) for sides in zip(size, slices.size, strict=True))
    return [(x, y, x + width, y + height) for y in rows for x in columns]


def _starts(length: int, side: int, overlap: float) -> range | list[int]:
    """Where tiles of a side begin along a length, the first at 0, the last so that it ends with it."""
    if length <= side:
        return range(1)
    steps = math.ceil((length - side) / max(1, int(side * (1 - overlap))))
    return [round(k * (length - side) / steps) for k in range(steps + 1)]


def _joined(
    find: Find, pixel: Pixel, image: np.ndarray, frames: list[Frame], whole: bool, longest_side: int | None, batch: int,
    count: int,
) -> ImageDetections:  # fmt: skip
    found: list[ImageDetections] = []
    for part in (frames[k : k + batch] for k in range(0, len(frames), batch)):
        found += find([image[y1:y2, x1:x2] for x1, y1, x2, y2 in part], longest_side)
    (height, width), (_, _, right, low) = image.shape[:2], frames[0]
    pixels = [pixel((low, right), longest_side)] * len(frames)
    if whole:
        longest_side = longest_side or max(low, right)
        found += find([image], longest_side)
        frames, pixels = [*frames, (0, 0, width, height)], [*pixels, pixel((height, width), longest_side)]
    corners = [found.boxes.new_tensor(frame[:2] * 2) for frame, found in zip(frames, found, strict=True)]
    seen = Seen(
        torch.cat([one.boxes + corner for one, corner in zip(found, corners, strict=True)]),
        torch.cat([one.scores for one in found]),
        torch.cat([one.labels for one in found]),
        torch.repeat_interleave(torch.tensor([len(one.scores) for one in found])),
        torch.tensor(frames, dtype=torch.float32),
        torch.tensor(pixels),
    )
    return ImageDetections(*join(seen, (height, width), count))
