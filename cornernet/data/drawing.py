"""One synthetic picture: filled shapes on a textured ground, drawn with OpenCV from a random generator."""

from typing import NamedTuple

import cv2
import numpy as np

CLASSES = ("ellipse", "rectangle", "triangle")
VISIBLE = 0.7  # least part of a shape that the shapes drawn over it leave to be seen
TRIES = 20  # places tried for a shape before it is left out
FRACTION_BITS = 4  # of the coordinates given to OpenCV


class Drawing(NamedTuple):
    """A picture and its objects."""

    image: np.ndarray  # [S, S, 3] uint8, BGR
    boxes: np.ndarray  # [n, 4] float32, edges: a shape in the columns a..b has x1 = a, x2 = b + 1
    labels: np.ndarray  # [n] int64, index into CLASSES
    masks: np.ndarray  # [n, S, S] bool, visible pixels of each shape


def draw(rng: np.random.Generator, size: int, max_objects: int) -> Drawing:
    """Generator, side of the picture and most shapes on it -> Drawing with one shape at least."""
    image = ground(rng, size)
    count = int(rng.integers(1, max_objects + 1))
    hues = (rng.integers(180) + np.arange(count) * 180 // count + rng.integers(-6, 7, count)) % 180
    masks: list[np.ndarray] = []
    labels: list[int] = []
    for hue in hues:
        label, alpha, below = _place(rng, size, masks)
        if alpha is None:
            continue
        paint(rng, image, alpha, int(hue))
        masks, labels = [*below, alpha >= 128], [*labels, label]
    boxes = np.array([tight_box(m) for m in masks], np.float32).reshape(-1, 4)
    return Drawing(image, boxes, np.array(labels, np.int64), np.stack(masks))


def ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """Pale clouds with a grain, [size, size, 3] uint8."""
    clouds = rng.integers(-28, 29, (5, 5, 1)) + rng.integers(-8, 9, (5, 5, 3)) + rng.integers(90, 190)
    smooth = cv2.resize(clouds.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-9, 10, (size, size, 1), dtype=np.int8)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def outline(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """Class and side of the picture -> corners [n, 2] float64 of a turned shape around the origin."""
    side = np.exp(rng.uniform(np.log(0.15), np.log(0.46))) * size
    aspect = np.exp(rng.uniform(-0.4, 0.4))
    if CLASSES[label] == "ellipse":
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        points = np.stack([np.cos(turn), np.sin(turn)], 1) / 2
    elif CLASSES[label] == "rectangle":
        points = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    else:
        points = np.array([[0.0, -0.62], [0.56, 0.42], [-0.56, 0.42]])
    points = points * [side * aspect**0.5, side / aspect**0.5]
    angle = rng.uniform(0, 2 * np.pi)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def fill(points: np.ndarray, size: int) -> np.ndarray:
    """Corners [n, 2] in pixels -> coverage [size, size] uint8, soft at the rim."""
    coverage = np.zeros((size, size), np.uint8)
    fixed = np.round(points * 2**FRACTION_BITS).astype(np.int32)
    return cv2.fillPoly(coverage, [fixed], 255, cv2.LINE_AA, FRACTION_BITS)


def paint(rng: np.random.Generator, image: np.ndarray, alpha: np.ndarray, hue: int) -> None:
    """Colour the covered pixels of the image in place: one strong colour, lighter towards one side."""
    hsv = np.uint8([[[hue, rng.integers(170, 256), rng.integers(150, 246)]]])
    colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    size = len(image)
    ramp = np.linspace(1.12, 0.88, size, dtype=np.float32)
    shade = (ramp[:, None] if rng.integers(2) else ramp[None, :])[..., None]
    weight = (alpha.astype(np.float32) / 255)[..., None]
    image[:] = np.clip(image * (1 - weight) + colour * shade * weight, 0, 255)


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Mask [H, W] with a pixel set -> (x1, y1, x2, y2), the edges around the set pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _place(rng: np.random.Generator, size: int, masks: list[np.ndarray]) -> tuple[int, np.ndarray | None, list[np.ndarray]]:
    """Find room for one more shape: its class, its coverage (None: no room), the masks below it as it leaves them.

    A shape may cover a part of another but not move the edges of its box, so that every box follows from what
    can be seen.
    """
    label = int(rng.integers(len(CLASSES)))
    for _ in range(TRIES):
        points = outline(rng, label, size)
        low, high = 1.5 - points.min(0), size - 2.5 - points.max(0)
        if (low > high).any():
            continue
        alpha = fill(points + rng.uniform(low, high), size)
        below = [m & (alpha < 128) for m in masks]
        if (alpha >= 128).any() and all(_still_clear(m, b) for m, b in zip(masks, below, strict=True)):
            return label, alpha, below
    return label, None, masks


def _still_clear(before: np.ndarray, after: np.ndarray) -> bool:
    return after.sum() >= VISIBLE * before.sum() and tight_box(after) == tight_box(before)
