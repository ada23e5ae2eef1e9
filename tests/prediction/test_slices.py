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

HARD = Nms(name="hard")
NONE = Nms(name="none", min_score=0.0)


class VisibleParts(nn.Module):
    """Finds what hangs together and is green: its edges; red / green is the score, and blue tells the class.

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
            blue, green, red = image[y + h // 2, x + w // 2].astype(float)
            found.append([x, y, x + w, y + h, red / green, blue > green / 2])
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
        for width, step in ((1, 1), (6, 1), (9, 3), (39, 3), (41, 3), (90, 3), (149, 1))
        for start in range(0, min(72, length - width + 1), step)
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
    for _ in range(6):
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


@pytest.mark.parametrize("size", [64, (64, 90), (200, 200), (2**14, 2**14)])
def test_an_image_no_larger_than_a_tile_is_predicted_as_without(size):
    image = scene((64, 90), [(3, 4, 20, 30), (50, 10, 90, 64)])
    sides = (size, size) if isinstance(size, int) else size
    small = image[:, : min(90, sides[1])]
    options = {"flip": True, "scales": (0.7, 1.0), "longest_side": 80}
    plain, sliced = VisibleParts(), VisibleParts()
    (expected,) = detect(plain, [small], **options)
    (answer,) = detect(sliced, [small], slices=Slices(sides), **options)
    assert sliced.shapes == plain.shapes and all(torch.equal(a, b) for a, b in zip(answer, expected, strict=True))


def test_large_and_small_images_keep_their_order():
    images = [scene(size, [(1, 1, 7 + k, 9)]) for k, size in enumerate([(20, 20), (20, 90), (70, 30), (30, 30)])]
    answers = detect(VisibleParts(), images, slices=Slices((40, 40)), batch_size=2)
    assert [x.boxes.tolist() for x in answers] == [[[1, 1, 7 + k, 9]] for k in range(4)]
    assert detect(VisibleParts(), [], slices=Slices((40, 40))) == []


def test_views_are_bounded_and_the_whole_image_is_resized_to_the_longer_side_of_a_tile():
    """A panorama: no input is larger than a batch of tiles, whatever the image."""
    image = scene((50, 3000), [(2950, 10, 2990, 30), (1000, 5, 1005, 9)])
    detector = VisibleParts()
    (answer,) = detect(detector, [image], slices=Slices((64, 128)), batch_size=3, flip=True, nms=HARD)
    assert sorted(answer.boxes.tolist()) == [[1000, 5, 1005, 9], [2950, 10, 2990, 30]]
    assert detector.shapes[:-1] == [(6, 3, 50, 128)] * 9 + [(4, 3, 50, 128)] and detector.shapes[-1] == (2, 3, 2, 128)
    zoomed = VisibleParts()
    detect(zoomed, [image], slices=Slices((64, 128), whole=False), longest_side=256, batch_size=100)
    assert zoomed.shapes == [(29, 3, 100, 256)]
    assert chunk(4) == 16 and chunk(4, Slices()) == 16 and chunk(4, Slices((9, 9))) == 1


@pytest.mark.parametrize("size", [(1, 500), (500, 1)])
def test_an_image_one_pixel_wide(size):
    box = [100, 0, 190, 1] if size[0] == 1 else [0, 100, 1, 190]
    answer = found(scene(size, [box]), 40)
    assert answer.boxes.tolist() == [box]


def test_flipped_and_scaled_views_of_a_tile_are_pooled_before_tiles_are_joined():
    boxes = [(20, 10, 60, 30), (100, 40, 106, 50), (62, 52, 140, 90)]
    answer = found(scene((100, 150), boxes), 50, whole=False, nms=HARD, flip=True, scales=(1.0, 2.0))
    assert sorted(map(tuple, answer.boxes.tolist())) == sorted(boxes)


def test_an_exported_canvas_takes_tiles_of_any_size():
    """Smaller tiles lie in the middle of it, larger ones are shrunk into it, and so is the whole image."""
    boxes = [(20, 10, 60, 30), (100, 40, 108, 52)]
    for size in (40, 128):
        detector = VisibleParts(canvas=(64, 64))
        (answer,) = detect(detector, [scene((100, 260), boxes)], slices=Slices((size, size)), nms=NONE)
        assert set(detector.shapes) == {(1, 3, 64, 64)}
        assert sorted(map(tuple, answer.boxes.tolist())) == sorted(boxes)


def test_what_a_call_leaves_open_is_the_configs():
    held = Slices((64, 64), 0.5, whole=False)
    assert given(100, held) == Slices((100, 100), 0.5, whole=False)
    assert given([20, 30], held) == Slices((20, 30), 0.5, whole=False)
    assert given({"overlap": 0.1}, held) == Slices((64, 64), 0.1, whole=False)
    assert given({"size": None}, held).size is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"overlap": 1}, "overlap must be at least 0 and below 1, got 1.0"),
        ({"overlap": -0.1}, "overlap must be at least 0"),
        (0, r"slices.size must hold numbers, each at least 16 and at most 16384"),
        ({"sise": 9}, "unknown key sise"),
        ("large", "slices: size must be"),
    ],
)
def test_slices_that_cannot_be_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        given(asked, Slices())
