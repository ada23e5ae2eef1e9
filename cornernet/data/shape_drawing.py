"""One synthetic image: filled shapes on a textured ground, drawn with OpenCV from a random generator."""

from typing import NamedTuple

import cv2
import numpy as np

CLASSES = ("ellipse", "rectangle", "triangle")
VISIBLE = 0.7  # least part of a shape that the shapes drawn over it leave to be seen
SMALLEST, LARGEST = 0.13, 0.5  # width and height of a shape relative to the image
TRIES = 20  # places tried for a shape before it is left out
FRACTION_BITS = 4  # of the coordinates given to OpenCV
Box = tuple[int, int, int, int]  # x1, y1, x2, y2, edges


class Drawing(NamedTuple):
    """An image and its objects."""

    image: np.ndarray  # [S, S, 3] uint8, BGR
    boxes: np.ndarray  # [n, 4] float32, edges: a shape in the columns a..b has x1 = a, x2 = b + 1
    labels: np.ndarray  # [n] int64, index into CLASSES
    masks: np.ndarray  # [n, S, S] bool, visible pixels of each shape

    @property
    def areas(self) -> np.ndarray:
        """Visible pixels of each shape, [n] int64."""
        return self.masks.sum((1, 2))


def draw(rng: np.random.Generator, size: int, max_objects: int) -> Drawing:
    """Generator, side of the image and most shapes on it -> Drawing; shapes that find no room are left out."""
    image = ground(rng, size)
    count = int(rng.integers(1, max_objects + 1))
    hues = (rng.integers(180) + np.arange(count) * 180 // count + rng.integers(-6, 7, count)) % 180
    masks: list[np.ndarray] = []
    boxes: list[Box] = []
    labels: list[int] = []
    for hue in hues:
        label = int(rng.integers(len(CLASSES)))
        placed = _place(rng, size, label, masks, boxes)
        if placed is None:
            continue
        alpha, box, masks = placed
        paint(rng, image, alpha, box, int(hue))
        masks, boxes, labels = [*masks, alpha >= 128], [*boxes, box], [*labels, label]
    edges = np.array(boxes, np.float32).reshape(-1, 4)
    return Drawing(image, edges, np.array(labels, np.int64), np.array(masks, bool).reshape(-1, size, size))


def ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """Pale clouds with a grain, [size, size, 3] uint8."""
    clouds = rng.integers(-28, 29, (5, 5, 1)) + rng.integers(-8, 9, (5, 5, 3)) + rng.integers(90, 190)
    smooth = cv2.resize(clouds.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    grain = np.frombuffer(rng.bytes(size * size), np.uint8).astype(np.float32).reshape(size, size, 1)
    return np.clip(smooth + (grain - 127.5) * (9 / 127.5), 0, 255).astype(np.uint8)


def outline(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """Class and side of the image -> corners [n, 2] float64 of a turned shape around the origin."""
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


def paint(rng: np.random.Generator, image: np.ndarray, alpha: np.ndarray, box: Box, hue: int) -> None:
    """Colour the covered pixels, all within a pixel of the box, in place: a strong colour, lighter towards one side."""
    hsv = np.array([[[hue, rng.integers(170, 256), rng.integers(150, 246)]]], np.uint8)
    colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    ramp = np.linspace(1.12, 0.88, len(image), dtype=np.float32)
    x1, y1, x2, y2 = max(box[0] - 1, 0), max(box[1] - 1, 0), box[2] + 1, box[3] + 1
    shade = ramp[y1:y2, None, None] if rng.integers(2) else ramp[None, x1:x2, None]
    weight = alpha[y1:y2, x1:x2, None] * np.float32(1 / 255)
    part = image[y1:y2, x1:x2]
    part[:] = np.clip(part + (colour * shade - part) * weight, 0, 255)


def tight_box(mask: np.ndarray) -> Box:
    """Mask [H, W] with a pixel set -> (x1, y1, x2, y2), the edges around the set pixels."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _place(
    rng: np.random.Generator, size: int, label: int, masks: list[np.ndarray], boxes: list[Box]
) -> tuple[np.ndarray, Box, list[np.ndarray]] | None:
    """Find room for one more shape -> its coverage, its box, the masks below as it leaves them; None without room."""
    for _ in range(TRIES):
        points = outline(rng, label, size)
        extent = np.ptp(points, axis=0)
        if extent.min() < SMALLEST * size or extent.max() > LARGEST * size:
            continue
        alpha = fill(points - points.min(0) + rng.uniform(1.5, size - 2.5 - extent), size)
        covers = alpha >= 128
        if not covers.any():
            continue
        box = tight_box(covers)
        below = [under(m, b, covers, box) for m, b in zip(masks, boxes, strict=True)]
        left = [m for m in below if m is not None]
        if len(left) == len(masks):
            return alpha, box, left
    return None


def under(mask: np.ndarray, box: Box, covers: np.ndarray, by: Box) -> np.ndarray | None:
    """What a shape leaves of one below it, None if that is too little.

    It may hide a part but not move an edge of the box, so that every box follows from what can be seen.
    """
    if box[0] >= by[2] or by[0] >= box[2] or box[1] >= by[3] or by[1] >= box[3]:
        return mask
    left = mask & ~covers
    enough = np.count_nonzero(left) >= VISIBLE * np.count_nonzero(mask)
    return left if enough and tight_box(left) == box else None
