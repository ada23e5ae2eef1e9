"""Sliced prediction, seen through a detector that gives the visible part of every bright object on its input."""

import itertools
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cornernet import Predictor
from cornernet.config import Config, Nms, Slices
from cornernet.evaluation.evaluate import predictions
from cornernet.ops.boxes import box_iou
from cornernet.prediction.inference import chunk, detect
from cornernet.prediction.slices import given, tiles
from cornernet.prediction.video import video_writer
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
    assert detector.shapes == [(6, 3, 50, 128)] * 10 + [(2, 3, 2, 128)]  # and their flips
    zoomed = VisibleParts()
    detect(zoomed, [image], slices=Slices((64, 128), whole=False), longest_side=256, batch_size=100)
    assert zoomed.shapes == [(10, 3, 100, 256)] * 3  # no more at once than fits a CPU's caches
    plain = {"batch_size": 4, "slices": None, "search": None}
    assert chunk(plain) == 16 and chunk(plain | {"slices": Slices()}) == 16 and chunk(plain | {"batch_size": 1}) == 1
    assert chunk(plain | {"slices": Slices((9, 9))}) == 1 and chunk(plain | {"search": "any"}) == 1


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
    assert given(np.int64(100), held).size == given(np.array([100, 100]), held).size == (100, 100)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"overlap": 1}, "overlap must be at least 0 and below 1, got 1.0"),
        ({"overlap": -0.1}, "overlap must be at least 0"),
        (0, r"slices.size must hold numbers, each at least 16 and at most 16384"),
        ({"sise": 9}, "unknown key sise"),
        ("large", "slices: size must be a whole number"),
        ("64", "slices: size must be a whole number"),
        (64.5, r"size must be a whole number, \[height, width\] or None, got 64.5"),
        ([64], "size must be a whole number"),
        ({"overlap": 0.3}, "slices: no size is given"),
        ({}, "slices: no size is given"),
    ],
)
def test_slices_that_cannot_be_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        given(asked, Slices())


@pytest.fixture
def predictor():
    settings = Config()
    settings.test.nms, settings.test.flip, settings.test.batch_size = HARD, False, 2
    settings.test.slices = Slices((40, 40), whole=False)
    return Predictor(VisibleParts(), settings, ["dark", "blue"], [1, 2])


def test_a_predictor_slices_as_its_config_or_the_call_says(predictor):
    box, image = [30, 10, 90, 30], scene((70, 150), [(30, 10, 90, 30)])
    assert predictor(image)[0].boxes.tolist() == [box]
    assert set(predictor.detector.shapes) == {(2, 3, 40, 40)}
    for slices, largest in ((64, 64 * 64), ((30, 150), 30 * 150), ({"size": None}, 70 * 150), (None, 40 * 40)):
        predictor.detector.shapes.clear()
        (answer,) = predictor([image], slices=slices)
        assert answer.boxes.tolist() == [box]
        assert max(height * width for _, _, height, width in predictor.detector.shapes) == largest
    with pytest.raises(ValueError, match=r"slices\.overlap must be at least 0 and below 1, got 1\.0"):
        predictor(image, slices={"size": 64, "overlap": 1})


def test_files_folders_and_videos_are_sliced(predictor, tmp_path):
    for k in range(2):
        cv2.imwrite(str(tmp_path / f"{k}.png"), scene((64, 160), [(30 + k, 10, 90, 30)]))
    answers = predictor(tmp_path)
    assert [answer.boxes.tolist() for answer in answers] == [[[30 + k, 10, 90, 30]] for k in range(2)]
    writer = video_writer(tmp_path / "a.mp4", 10, (160, 64))
    for k in range(3):
        writer.write(scene((64, 160), [(30 + 8 * k, 16, 104, 48)]))
    writer.release()
    predictor.detector.shapes.clear()
    for k, answer in enumerate(predictor(tmp_path / "a.mp4")):
        assert len(answer) == 1 and (answer.boxes - torch.tensor([30 + 8 * k, 16, 104, 48])).abs().max() <= 3
    assert k == 2 and {shape[2:] for shape in predictor.detector.shapes} == {(40, 40)}


class Large(SimpleNamespace):
    """Source of three large images, which tells when one is read."""

    category_ids, reads = [1, 2], 0

    def __len__(self) -> int:
        return 3

    def image(self, index: int) -> np.ndarray:
        self.reads += 1
        return scene((70, 150), [(30 + index, 10, 90, 30)])

    def record(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(image_id=index)


def test_an_evaluation_slices_and_reads_one_large_image_at_a_time():
    source, detector = Large(), VisibleParts()
    detector.shapes = SimpleNamespace(append=lambda shape: inputs.append((source.reads, shape)))
    inputs = []
    slices = Slices((40, 40), whole=False)
    answer, _, _ = predictions(detector, source, batch_size=3, slices=slices, nms=HARD, progress=False)
    assert answer.boxes.tolist() == [[30 + k, 10, 60 - k, 20] for k in range(3)]
    assert inputs == [(read, (n, 3, 40, 40)) for read in (1, 2, 3) for n in (3, 3, 3, 1)]
