"""Sliced prediction, seen through a detector that gives the visible part of every bright object on its input."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cornernet.config import Nms, Slices
from cornernet.ops.boxes import box_iou
from cornernet.prediction.inference import chunk, detect
from cornernet.prediction.slices import given, tiles
from cornernet.structures import Detections

NONE = Nms(name="none", min_score=0.0)


class VisibleParts(nn.Module):
    """Finds what hangs together and is bright: its edges; the red channel / 255 is the score, the blue one the class.

    Keeps the shapes of its inputs.
    """

    def __init__(self, canvas: tuple[int, int] | None = None):
        super().__init__()
        self.canvas, self.shapes = canvas, []

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        return self.canvas or (height, width)

    def predict(self, images: torch.Tensor) -> Detections:
        self.shapes.append(tuple(images.shape))
        found = [self._parts(image.permute(1, 2, 0).numpy()) for image in images]
        table = torch.zeros(len(found), max(1, *map(len, found)), 6)
        table[..., 4] = -1
        for row, parts in zip(table, found, strict=True):
            row[: len(parts)] = torch.tensor(parts).reshape(-1, 6)
        scores = table[..., 4]
        return Detections(table[..., :4], scores, table[..., 5].long(), scores, scores)

    def _parts(self, image: np.ndarray) -> list[list[float]]:
        stats = cv2.connectedComponentsWithStats((image[..., 1] >= 128).astype(np.uint8), connectivity=4)[2]
        found = []
        for x, y, w, h, _ in stats[1:].tolist():
            blue, _, red = image[y + h // 2, x + w // 2]
            found.append([x, y, x + w, y + h, red / 255, blue > 100])
        return found


def scene(size: tuple[int, int], boxes: list, reds: list | None = None, blues: list | None = None) -> np.ndarray:
    """Black image of (height, width) with bright objects."""
    image = np.zeros((*size, 3), np.uint8)
    for k, (x1, y1, x2, y2) in enumerate(boxes):
        image[y1:y2, x1:x2] = (blues[k] if blues else 0, 255, reds[k] if reds else 200)
    return image


def found(image: np.ndarray, size: int | tuple[int, int], overlap: float = 0.2, whole: bool = True, **options):
    """Detections of one image by tiles, no suppression inside one."""
    sides = (size, size) if isinstance(size, int) else size
    options = {"nms": NONE, "batch_size": 4, **options}
    return detect(VisibleParts(), [image], slices=Slices(sides, overlap, whole), **options)[0]


@pytest.mark.parametrize("overlap", [0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("size", [(100, 230), (64, 64), (65, 64), (1, 500), (500, 3), (97, 129)])
def test_tiles_cover_the_image_evenly_and_overlap_enough(size, overlap):
    frames = tiles(size, Slices((64, 64), overlap))
    assert all(x2 - x1 == min(64, size[1]) and y2 - y1 == min(64, size[0]) for x1, y1, x2, y2 in frames)
    for low, high, length in ((0, 2, size[1]), (1, 3, size[0])):
        spans = sorted({(frame[low], frame[high]) for frame in frames})
        assert spans[0][0] == 0 and spans[-1][1] == length
        assert all(before[1] - after[0] >= int(64 * overlap) for before, after in itertools.pairwise(spans))
        starts = np.diff([start for start, _ in spans])
        assert not len(starts) or starts.max() - starts.min() <= 1


def test_no_more_tiles_than_needed():
    assert tiles((64, 64), Slices((64, 64))) == [(0, 0, 64, 64)] == tiles((64, 64), Slices((100, 64)))
    assert tiles((64, 128), Slices((64, 64), 0.0)) == [(0, 0, 64, 64), (64, 0, 128, 64)]
    assert len(tiles((64, 129), Slices((64, 64), 0.0))) == 3
    with pytest.raises(ValueError, match=r"90000 x 90000 pixels is \d+ tiles, at most 100000 .* test.slices.size"):
        tiles((90_000, 90_000), Slices((64, 64)))


@pytest.mark.parametrize("overlap", [0, 0.2, 0.5])
@pytest.mark.parametrize("across", [False, True])
def test_an_object_of_any_size_at_any_place_is_one_box_exactly(overlap, across):
    """Every size and place along one axis, many on an image; without the whole image, pieces alone must make it."""
    length = 150
    spans = [
        (start, start + width)
        for width in (1, 2, 3, 6, 9, 16, 31, 39, 40, 41, 64, 90, 149)
        for start in range(0, length - width + 1, (1 if width < 10 else 3 if width < 32 else 7))
    ]
    boxes = [[start, 10 + 24 * k, end, 18 + 24 * k] for k, (start, end) in enumerate(spans)]
    image, tile = scene((24 * len(boxes) + 10, length), boxes), (2**14, 40)
    if across:
        image, tile = np.ascontiguousarray(image.transpose(1, 0, 2)), tile[::-1]
        boxes = [[y1, x1, y2, x2] for x1, y1, x2, y2 in boxes]
    answer = found(image, tile, overlap, whole=False, max_per_image=10_000)
    assert sorted(answer.boxes.tolist()) == sorted(boxes)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("overlap", [0, 0.2, 0.4])
def test_objects_anywhere_are_one_box_each(overlap, whole):
    """Random scenes: no double box, no half one; with the whole image, shrunk to a third, as exactly as it shows."""
    rng = np.random.default_rng(int(10 * overlap) + whole)
    for _ in range(10):
        boxes, reds, blues = planted(rng, (120, 150))
        answer = found(scene((120, 150), boxes, reds, blues), 50, overlap, whole, max_per_image=50)
        truth = torch.tensor(boxes, dtype=torch.float32)
        overlaps = box_iou(answer.boxes[:, None], truth)
        assert len(answer.boxes) == len(boxes)
        assert sorted(overlaps.argmax(1).tolist()) == list(range(len(boxes))) and overlaps.amax(1).min() > 0.5
        order = overlaps.argmax(1)
        off = (answer.boxes - truth[order]).abs()
        assert off.max() <= 3 * whole and (off == 0).float().mean() > 0.9  # pixels behind one of the whole image
        assert answer.labels.tolist() == [int(blues[i] > 100) for i in order]
        np.testing.assert_allclose(answer.scores, [reds[i] / 255 for i in order], atol=0.03)  # resizing blends colours


def planted(rng: np.random.Generator, size: tuple[int, int], gap: int = 12) -> tuple[list, list, list]:
    """Boxes that keep a distance, with scores and classes."""
    boxes = []
    for _ in range(40):
        w, h = (int(n) for n in np.exp(rng.uniform(np.log(4), np.log(110), 2)))
        x, y = int(rng.integers(0, max(1, size[1] - w))), int(rng.integers(0, max(1, size[0] - h)))
        new = (x, y, min(x + w, size[1]), min(y + h, size[0]))
        if all(
            new[0] - gap >= b[2] or b[0] >= new[2] + gap or new[1] - gap >= b[3] or b[1] >= new[3] + gap for b in boxes
        ):
            boxes.append(new)
    return boxes, rng.integers(128, 256, len(boxes)).tolist(), rng.choice([0, 200], len(boxes)).tolist()
