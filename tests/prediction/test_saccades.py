"""Glances and looks: windows and the way back, where to look, what edges cut, and images searched from end to end."""

import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from cornernet import Predictor
from cornernet.config import Nms, Saccade, Slices
from cornernet.data import view
from cornernet.detectors import Predicting
from cornernet.prediction.canvas import to_original
from cornernet.prediction.inference import detect
from cornernet.prediction.saccades import Found, Place, Search, _chosen, _pointed, whole, window
from cornernet.structures import Detections, Keypoints
from tests.conftest import SMALL, untrained

RULES = Saccade(sides=[192, 255])
SEARCH = Search(RULES, (255, 255), [32, 96])
HARD = Nms(name="hard")


def rows(*boxes: tuple[float, ...], scores=None) -> Detections:
    found = torch.tensor(boxes).float().view(-1, 4)
    scores = torch.full((len(found),), 0.9) if scores is None else torch.tensor(scores)
    return Detections(found, scores, torch.zeros(len(found), dtype=torch.long), scores, scores)


def marks(*points: tuple[float, float, float, int]) -> Keypoints:
    table = torch.tensor(points).view(-1, 4)
    return Keypoints(table[:, :2], table[:, 2], table[:, 3].long())


def pointed(found: Detections, seen: Keypoints, zoom: float = 0.5) -> list[Place]:
    return _pointed(Found(found, seen), zoom, SEARCH, (480, 640))


@pytest.mark.parametrize(("side", "zoom"), [(24, 1), (64, 1), (192, 1), (12, 2), (384, 0.5), (32, 0.75), (2, 4)])
def test_a_box_is_looked_at_so_that_its_longer_side_is_easy_to_see(side, zoom):
    (place,) = pointed(rows((10, 20, 10 + side, 20 + side / 2), (0, 0, 9, 9), scores=[0.51, 0.5]), marks())
    assert place == (10 + side / 2, 20 + side / 4, pytest.approx(zoom), 1.0)


def test_nothing_is_looked_at_from_farther_than_the_glance_or_outside_the_image():
    assert [p.zoom for p in pointed(rows((0, 0, 600, 400)), marks(), 0.4)] == [0.4]
    assert pointed(rows((700, 0, 800, 10)), marks((10, 497, 0.9, 1), (-17, 3, 0.9, 1))) == []


def test_a_cell_at_the_edge_whose_middle_lies_outside_is_looked_at():
    found = pointed(rows(), marks((10, 495, 0.9, 1), (-15, 3, 0.9, 1), (650, 30, 0.9, 0)))
    assert [(p.x, p.y) for p in found] == [(10, 480), (0, 3), (640, 30)]


def test_attention_is_looked_at_by_the_kind_of_its_map():
    found = pointed(rows(), marks((10, 20, 0.31, 0), (30, 40, 0.9, 1), (50, 60, 0.8, 2), (70, 80, 0.29, 2)))
    assert [(p.x, p.y, p.zoom) for p in found] == [(10, 20, 0.5), (30, 40, 1), (50, 60, 2)]
    assert [p.zoom for p in pointed(rows(), marks((0, 0, 0.9, 0), (0, 0, 0.9, 1), (0, 0, 0.9, 2)), 1.5)] == [1.5, 3]
    assert pointed(rows(), marks((0, 0, 0.9, 0)), 2.1) == []  # it is large already


def test_places_that_show_the_same_count_once():
    best, near, beside, other = (
        Place(50, 50, 2, 0.9),
        Place(58, 50, 2, 0.8),
        Place(50, 59, 2, 0.7),
        Place(50, 50, 3, 0.6),
    )
    assert _chosen([other, near, beside, best], 9) == [best, beside, other]
    assert _chosen([other, near, beside, best], 2) == [best, beside]


@pytest.mark.parametrize("place", [Place(60, 40, 2, 1), Place(5, 70, 0.7, 1), Place(200, 100, 1.37, 1)])
def test_boxes_find_their_way_back_from_a_window(place):
    image = np.zeros((120, 200, 3), np.uint8)
    x1, y1 = int(np.clip(place.x, 4, 180)), int(np.clip(place.y, 4, 90))
    image[y1 : y1 + 20, x1 : x1 + 16] = 255
    seen = window(image, place, (128, 96))
    assert seen.canvas.shape == (128, 96, 3)
    bright = np.argwhere(seen.canvas[..., 0] >= 128)
    (top, left), (bottom, right) = bright.min(0), bright.max(0) + 1
    back = to_original(rows((left, top, right, bottom)), seen).boxes[0].tolist()
    assert back == pytest.approx([x1, y1, x1 + 16, y1 + 20], abs=1 / place.zoom)


def test_what_an_edge_of_a_window_cuts_is_dropped_but_not_at_the_edge_of_the_image():
    seen = window(np.zeros((100, 200, 3), np.uint8), Place(100, 50, 1, 1), (100, 80))  # columns 60 to 140, all rows
    inside, left, right, top = (70, 10, 120, 90), (62, 10, 120, 90), (70, 10, 138, 90), (70, 0, 120, 100)
    assert whole(rows(inside, left, right, top), seen, (100, 200)).boxes.tolist() == rows(inside, top).boxes.tolist()
    beyond = window(np.zeros((100, 200, 3), np.uint8), Place(20, 50, 1, 1), (100, 80))
    assert len(whole(rows((0, 0, 30, 100), (20, 20, 58, 50)), beyond, (100, 200)).boxes) == 1


@pytest.mark.parametrize("width", [103, 109, 121, 206, 218, 640])
def test_an_edge_of_the_image_is_none_of_a_window_whatever_its_width(width):
    """A window that shows exactly the image: nothing that reaches its edges is cut."""
    image = np.zeros((width, width, 3), np.uint8)
    seen = window(image, Place(width / 2, width / 2, 255 / width, 1), (255, 255))
    assert len(whole(rows((0, 0, width, width), (0, 9, width, width)), seen, (width, width)).boxes) == 2


@pytest.mark.parametrize("zoom", [192 / 40000, 0.0101])
def test_a_window_far_larger_than_the_image_costs_no_memory(zoom):
    image = np.full((200, 40000, 3), 9, np.uint8)
    tracemalloc.start()
    seen = window(image, Place(6000, 100, zoom, 1), (255, 255))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6 and (seen.canvas == 9).any()
    high, wide = (np.flatnonzero((seen.canvas[..., 0] == 9).any(axis)) for axis in (1, 0))
    assert abs(len(high) - 200 * zoom) <= 1
    left = (wide[0] - seen.pad[0]) / seen.factor[0]
    assert left == pytest.approx(max(0, 6000 - 127.5 / zoom), abs=2 / zoom)


def test_a_window_beside_the_image_shows_its_nearest_pixel():
    shown, _, _ = view(np.full((10, 12, 3), 7, np.uint8), (40.0, -30.0), 1.0, (8, 8))
    assert shown.shape == (8, 8, 3)


class Eyes(Predicting):
    """Sees a bright patch of 8 to 60 pixels to the pixel; of a smaller one a glance shows where it is, no box."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def predict(self, images: Tensor) -> Detections:
        return self.glance(images)[0]

    def glance(self, images: Tensor) -> tuple[Detections, Keypoints]:
        self.shapes.append(tuple(images.shape))
        table, points = torch.full((len(images), 99, 5), -1.0), torch.zeros(len(images), 99, 3)
        for row, spots, image in zip(table, points, images, strict=True):
            stats = cv2.connectedComponentsWithStats((image[0].numpy() >= 100).astype(np.uint8))[2][1:].tolist()
            for k, (x, y, w, h, _) in enumerate(stats):
                if 8 <= max(w, h) <= 60:
                    row[k] = torch.tensor([x, y, x + w, y + h, 0.9])
                else:
                    spots[k] = torch.tensor([x + w / 2, y + h / 2, 0.8])
        scores = table[..., 4]
        found = Detections(table[..., :4], scores, torch.zeros_like(scores).long(), scores, scores)
        return found, Keypoints(points[..., :2], points[..., 2], torch.full_like(scores, 2).long())


def scene(height: int, width: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return image


DOT, EDGE, LARGE = (300, 200, 330, 220), (610, 450, 640, 480), (100, 80, 220, 140)
EYES = Search(Saccade(sides=[64, 96], targets=[60, 40, 16]), (96, 96), [20, 50])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_objects_too_small_for_a_glance_are_found_where_it_points(batch_size, flip):
    images = [scene(480, 640, DOT, LARGE, EDGE), scene(300, 200), scene(90, 70, (10, 20, 40, 60))]
    found = detect(Eyes(), images, search=EYES, nms=HARD, batch_size=batch_size, flip=flip)
    boxes = [sorted(one.boxes.round().tolist()) for one in found]
    assert len(boxes[0]) == 3 and boxes[1] == []
    assert np.abs(np.array(boxes[0]) - np.array(sorted([DOT, EDGE, LARGE]))).max() <= 2
    assert np.abs(np.array(boxes[2]) - [[10, 20, 40, 60]]).max() <= 1
    alone = [detect(Eyes(), [image], search=EYES, nms=HARD, flip=flip)[0] for image in images]
    assert all(torch.equal(x, y) for one, two in zip(found, alone, strict=True) for x, y in zip(one, two, strict=True))


@pytest.mark.parametrize(("keep", "count"), [(0.3, 1), (0.95, 0)])
def test_of_a_glance_only_sure_boxes_are_answers(keep, count):
    """LARGE is seen in the glance alone, with 0.9; in a look it would be too large."""
    rules = Saccade(sides=[64], targets=[90, 90, 90], zooms=[8, 8, 8], keep=keep)
    found = detect(Eyes(), [scene(480, 640, LARGE)], search=Search(rules, (96, 96), [20, 50]), nms=HARD)[0]
    assert len(found.boxes) == count


def test_so_many_crops_and_no_more():
    many = scene(400, 400, *[(50 * i + 10, 50 * j + 10, 50 * i + 30, 50 * j + 30) for i in range(8) for j in range(8)])
    eyes = Eyes()
    rules = Saccade(sides=[64], crops=5, targets=[60, 40, 16])
    detect(eyes, [many], search=Search(rules, (96, 96), [20, 50]), batch_size=9)
    assert eyes.shapes == [(1, 3, 96, 96), (5, 3, 96, 96)]
    detect(eyes, [many], search=Search(rules, (96, 96), [20, 50]), batch_size=2)
    assert [shape[0] for shape in eyes.shapes[2:]] == [1, 2, 2, 1]
    nothing = Eyes()
    detect(nothing, [scene(50, 60)], search=EYES, batch_size=9)
    assert nothing.shapes == [(2, 3, 96, 96)]  # a glance at both sides, nowhere to look


def test_what_the_search_chooses_cannot_be_given_beside_it():
    for more in ({"scales": (1.0, 2.0)}, {"slices": Slices((64, 64))}, {"longest_side": 64}):
        with pytest.raises(ValueError, match=r"test\.saccade\.sides chooses sizes and places itself: it takes no"):
            detect(Eyes(), [scene(50, 60)], search=EYES, **more)


def test_a_detector_without_attention_says_so():
    class Blind(Eyes):
        glance = Predicting.glance

    with pytest.raises(ValueError, match=r"test\.saccade\.sides: Blind has no attention maps"):
        detect(Blind(), [scene(50, 60)], search=EYES)


def test_a_predictor_searches_as_its_config_says(tiny, tmp_path):
    saccade = "test.saccade={sides: [32, 64], zooms: [1, 2], targets: [40, 12], crops: 4, attention: 0}"
    on = [*SMALL, "model.attention.sizes=[8]", saccade, "test.ae_threshold=99", "test.top_k=60"]
    path = untrained(tmp_path / "best.pt", tiny, on)
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    looked = Predictor.load(path)(image)[0]
    plain = Predictor.load(path, overrides=["test.saccade.sides=[]"])(image)[0]
    assert len(looked.boxes) and not torch.equal(looked.boxes[:5], plain.boxes[:5])
    with pytest.raises(ValueError, match=r"takes no slices"):
        Predictor.load(path)(image, slices=64)
