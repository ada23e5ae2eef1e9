"""Geometry, pooling and counting of test-time inference, seen through detectors that read the boxes off the pixels."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from cornernet import config, detectors
from cornernet.config import Config, Nms
from cornernet.prediction.canvas import Fitted, fit
from cornernet.prediction.inference import _batches, detect, evaluating, settings
from cornernet.structures import Detections

HARD = Nms(name="hard", iou=0.5, min_score=0.001)
NONE = Nms(name="none", min_score=0.0)


def padded(rows: list[list[list[float]]], slots: int) -> Detections:
    """Rows x1 y1 x2 y2 score label [tl br] per image -> Detections with rows of score -1 up to `slots`."""
    table = torch.zeros(len(rows), slots, 8)
    table[..., 4] = -1
    for i, found in enumerate(rows):
        for j, row in enumerate(found):
            table[i, j] = torch.tensor([*row, row[4], row[4]][:8])
    return Detections(table[..., :4], table[..., 4], table[..., 5].long(), table[..., 6], table[..., 7])


class PixelDetector(nn.Module):
    """Finds the one bright rectangle: its edges, with the area's mean of the red channel / 255 as the score."""

    def __init__(self, multiple: int = 32):
        super().__init__()
        self.multiple, self.shapes = multiple, []

    def fit_size(self, height: int, width: int) -> tuple[int, int]:
        m = self.multiple
        return (height + m - 1) // m * m, (width + m - 1) // m * m

    def predict(self, images: torch.Tensor) -> Detections:
        assert images.dtype == torch.uint8 and not self.training and torch.is_inference_mode_enabled()
        self.shapes.append(tuple(images.shape))
        return padded([self._find(image) for image in images], 5)

    def _find(self, image: torch.Tensor) -> list[list[float]]:
        on = (image[1] >= 128).nonzero()
        if not len(on):
            return []
        (y1, x1), (y2, x2) = on.min(0).values.tolist(), on.max(0).values.tolist()
        score = image[2, y1 : y2 + 1, x1 : x2 + 1].float().mean().item() / 255
        return [[x1, y1, x2 + 1, y2 + 1, score, 0]]


class ScriptedDetector(PixelDetector):
    """Returns the given rows whatever it sees; `flipped` for the second half of a batch."""

    def __init__(self, rows: list, flipped: list | None = None, multiple: int = 1):
        super().__init__(multiple)
        self.rows, self.flipped = rows, flipped

    def predict(self, images: torch.Tensor) -> Detections:
        half = len(images) // 2 if self.flipped is not None else len(images)
        return padded([self.rows] * half + [self.flipped] * (len(images) - half), max(len(self.rows), 1) + 2)


def photo(height: int, width: int, box: tuple[int, int, int, int], red: int = 200) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = (0, 255, red)
    return image


def test_box_comes_back_in_the_pixels_of_the_image():
    (found,) = detect(PixelDetector(), [photo(50, 70, (11, 7, 31, 40))])
    assert found.boxes.tolist() == [[11, 7, 31, 40]]
    assert found.scores.tolist() == pytest.approx([200 / 255])
    assert found.labels.tolist() == [0] and found.boxes.dtype == torch.float32


@pytest.mark.parametrize("size", [(50, 70), (51, 71), (64, 64), (1, 9), (33, 32)])
def test_mirroring_gives_the_identical_box(size):
    """The published code subtracts from the width where its image flip maps x to W - 1 - x: one pixel off."""
    box = (0, 0, 1, 1) if size[0] == 1 else (3, 5, 20, 30)
    image = photo(*size, box)
    both = detect(PixelDetector(), [image], flip=True, nms=NONE)[0]
    assert both.boxes.tolist() == [list(box)] * 2
    assert detect(PixelDetector(), [image], flip=True, nms=HARD)[0].boxes.tolist() == [list(box)]
    flip = detect(PixelDetector(), [np.ascontiguousarray(image[:, ::-1])], flip=True, nms=NONE)[0]
    assert flip.boxes.tolist() == [[size[1] - box[2], box[1], size[1] - box[0], box[3]]] * 2


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_scales_that_divide_evenly_are_exact(scale):
    found = detect(PixelDetector(), [photo(60, 80, (10, 20, 30, 44))], scales=(scale,), flip=True, nms=NONE)[0]
    assert found.boxes.tolist() == [[10, 20, 30, 44]] * 2


def test_each_axis_is_divided_by_its_own_factor():
    """75 x 101 at 0.5 becomes 38 x 50: neither side is halved exactly, and full width must come back as 101."""
    image = photo(75, 101, (0, 0, 101, 75))
    fitted = fit(PixelDetector(), image, scale=0.5)
    assert fitted.factor == (50 / 101, 38 / 75) and fitted.canvas.shape == (64, 64, 3)
    found = detect(PixelDetector(), [image], scales=(0.5,), flip=True, nms=NONE)[0]
    torch.testing.assert_close(found.boxes, torch.tensor([[0.0, 0, 101, 75]] * 2))


def test_longest_side_and_scale_multiply():
    detector = PixelDetector(multiple=1)
    detect(detector, [photo(40, 80, (1, 1, 9, 9))], longest_side=160, scales=(1.0, 0.5))
    assert detector.shapes == [(1, 3, 80, 160), (1, 3, 40, 80)]


def test_image_stands_centred_on_zeros():
    fitted = fit(PixelDetector(), np.full((31, 60, 3), 9, np.uint8))
    assert fitted.canvas.shape == (32, 64, 3) and fitted.pad == (2, 1)
    assert (fitted.canvas[1:32, 2:62] == 9).all() and fitted.canvas.sum() == 31 * 60 * 3 * 9


def test_canvas_equals_the_published_one():
    """Published rule: n OR 127, and the image's centre pixel size // 2 falls on the canvas's centre pixel."""

    class Published(PixelDetector):
        def fit_size(self, height, width):
            return height | 127, width | 127

    for height, width in [(150, 210), (151, 211), (127, 126), (128, 254)]:
        fitted = fit(Published(), np.ones((height, width, 3), np.uint8))
        ys, xs = fitted.canvas[..., 0].nonzero()
        assert fitted.canvas.shape == (height | 127, width | 127, 3) and len(ys) == height * width
        assert (ys.min() + height // 2, xs.min() + width // 2) == tuple(n // 2 for n in fitted.canvas.shape[:2])


def test_one_pixel_image_and_a_sliver():
    images = [photo(1, 1, (0, 0, 1, 1)), photo(2, 500, (0, 0, 500, 2))]
    found = detect(PixelDetector(), images, scales=(0.1, 1), flip=True, nms=HARD)
    assert [x.boxes.tolist() for x in found] == [[[0, 0, 1, 1]], [[0, 0, 500, 2]]]


def test_batch_composition_changes_nothing():
    rng = np.random.default_rng(0)
    images = [photo(h, w, (2, 3, w - 5, h - 4), int(rng.integers(99, 250))) for h, w in rng.integers(20, 90, (12, 2))]
    options = {"scales": (0.7, 1.0), "flip": True, "nms": HARD}
    alone = [detect(PixelDetector(), [image], **options)[0] for image in images]
    detector = PixelDetector()
    together = detect(detector, images, batch_size=4, **options)
    assert max(shape[0] for shape in detector.shapes) == 8  # images and their flips
    for one, many in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, many, strict=True))


def test_batch_composition_with_a_convolution():
    """A real network sees its neighbours only if the padding leaks: a canvas never grows for another image."""

    class Convolution(PixelDetector):
        def __init__(self):
            super().__init__()
            self.layer = nn.Sequential(nn.Conv2d(3, 8, 7, padding=3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 7, padding=3))

        def predict(self, images):
            maps = self.layer(images.float() / 255).mean((2, 3))
            box = torch.cat([maps[:, :2].abs(), 9 + maps[:, 2:].abs()], 1)[:, None]
            score = maps[:, :1].sigmoid()
            return Detections(box, score, torch.zeros_like(score, dtype=torch.long), score, score)

    detector = Convolution()
    images = [np.random.randint(0, 256, (h, w, 3), np.uint8) for h, w in [(30, 30), (20, 32), (90, 60), (31, 17)]]
    alone = [detect(detector, [image], flip=True)[0] for image in images]
    for one, many in zip(alone, detect(detector, images, flip=True, batch_size=4), strict=True):
        torch.testing.assert_close(one, many, rtol=1e-6, atol=1e-6)


def test_nothing_found_and_no_images():
    (found,) = detect(PixelDetector(), [np.zeros((20, 30, 3), np.uint8)], scales=(0.5, 1), flip=True)
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,) and found.labels.shape == (0,)
    assert found.labels.dtype == torch.int64
    assert detect(PixelDetector(), []) == []


def test_boxes_are_clipped_and_empty_or_broken_ones_dropped():
    nan, inf = float("nan"), float("inf")
    rows = [[-5, -5, 10, 10, 0.9, 0], [20, 5, 99, 99, 0.8, 1], [40, 0, 50, 9, 0.7, 0], [5, 5, 5, 9, 0.6, 0],
            [9, 9, 3, 3, 0.5, 0], [1, 1, nan, 3, 0.5, 0], [1, 1, inf, 3, 0.5, 0], [1, 1, 3, 3, nan, 0],
            [1, 1, 3, 3, -1, 0]]  # fmt: skip
    for nms in (NONE, HARD, Nms()):
        (found,) = detect(ScriptedDetector(rows), [np.zeros((30, 40, 3), np.uint8)], nms=nms)
        assert found.boxes.tolist() == [[0, 0, 10, 10], [20, 5, 40, 30]] and found.labels.tolist() == [0, 1]


def test_boxes_are_clipped_before_they_suppress():
    """On the canvas the two overlap by a sixth, inside the image by five sixths: one object."""
    rows = [[-50, 10, 12, 20, 0.9, 0], [0, 10, 10, 20, 0.8, 0]]
    (found,) = detect(ScriptedDetector(rows), [np.zeros((30, 40, 3), np.uint8)], nms=HARD)
    assert found.boxes.tolist() == [[0, 10, 12, 20]]


def test_exactly_the_best_are_kept_and_ties_go_by_order():
    """The published code keeps every tie with the last one; ours counts."""
    rows = [[i * 10, 0, i * 10 + 9, 9, 0.5, 0] for i in range(6)] + [[60, 0, 69, 9, 0.75, 1]]
    (found,) = detect(ScriptedDetector(rows), [np.zeros((10, 80, 3), np.uint8)], nms=NONE, max_per_image=4)
    assert found.boxes[:, 0].tolist() == [60, 0, 10, 20] and found.scores.tolist() == [0.75, 0.5, 0.5, 0.5]


def test_suppressed_rows_leave_no_copies():
    """Published: a dropped row is overwritten by the last one and stays. Ours: what is dropped is gone."""
    rows = [[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [30, 0, 40, 10, 0.7, 0], [0, 0, 10, 8, 0.6, 0],
            [0, 0, 10, 9, 0.5, 1]]  # fmt: skip
    (found,) = detect(ScriptedDetector(rows), [np.zeros((20, 50, 3), np.uint8)], nms=HARD)
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.7, 0.5]))
    assert found.labels.tolist() == [0, 0, 1]  # classes do not suppress each other


def test_corner_scores_stay_with_their_box_in_merging():
    """Published: they stay with the row's position, so the merged box depends on the order of the rows."""
    rows = [[0, 0, 10, 10, 0.6, 0, 0.9, 0.3], [2, 0, 12, 10, 0.9, 0, 0.95, 0.85],
            [1, 1, 11, 11, 0.7, 0, 0.5, 0.9], [30, 0, 40, 10, 0.8, 0, 0.8, 0.8]]  # fmt: skip
    merge = Nms(name="merge", weight_exp=2.0)
    image = np.zeros((20, 50, 3), np.uint8)
    first = detect(ScriptedDetector(rows), [image], nms=merge)[0]
    assert first.boxes[0].tolist() != rows[1][:4]  # something was averaged
    for order in ([3, 2, 1, 0], [2, 0, 3, 1]):
        other = detect(ScriptedDetector([rows[i] for i in order]), [image], nms=merge)[0]
        torch.testing.assert_close(first.boxes, other.boxes)
        torch.testing.assert_close(first.scores, other.scores)


def test_mirrored_rows_are_pooled_with_the_others():
    """Canvas 32 wide, image 20 wide from x = 6: flipped [6, 12] is [20, 26] there and [14, 20] in the image."""
    detector = ScriptedDetector([[7, 0, 9, 2, 0.5, 0]], [[6, 0, 12, 4, 0.75, 2]], multiple=32)
    (found,) = detect(detector, [np.zeros((32, 20, 3), np.uint8)], flip=True, nms=NONE)
    assert found.boxes.tolist() == [[14, 0, 20, 4], [1, 0, 3, 2]] and found.labels.tolist() == [2, 0]


def test_scores_are_not_rounded():
    (found,) = detect(ScriptedDetector([[0, 0, 5, 5, 0.123456789, 0]]), [np.zeros((9, 9, 3), np.uint8)], nms=NONE)
    assert found.scores.item() == np.float32(0.123456789)


def test_modes_of_all_parts_are_restored_even_after_an_error():
    module = nn.Sequential(nn.BatchNorm1d(2).eval(), nn.Dropout())
    with pytest.raises(KeyError), evaluating(module):
        assert not module[1].training
        raise KeyError
    assert [part.training for part in module.modules()] == [True, False, True]


def test_settings_come_from_the_config():
    config = Config()
    config.test.scales, config.data.longest_side = [0.5, 1.0], 255
    chosen = settings(config)
    assert chosen["scales"] == (0.5, 1.0) and chosen["longest_side"] == 255 and chosen["flip"] is True
    detect(PixelDetector(), [cv2.resize(photo(9, 9, (0, 0, 9, 9)), (20, 20))], **chosen)


def test_a_network_predicts_in_the_precision_that_is_asked_for_and_answers_in_float32():
    class Multiplying(PixelDetector):
        kinds = ()

        def predict(self, images):
            self.kinds += (torch.nn.functional.conv2d(images.float(), torch.ones(1, 3, 1, 1)).dtype,)
            return super().predict(images)

    detector, image = Multiplying(), photo(50, 70, (11, 7, 31, 40))
    for precision in ("fp32", "bf16", "fp32"):
        (found,) = detect(detector, [image], precision=precision)
        assert found.boxes.dtype == found.scores.dtype == torch.float32
    assert detector.kinds == (torch.float32, torch.bfloat16, torch.float32)
    whole, half = (
        detect(ScriptedDetector([[500.3, 300.7, 511.1, 309.9, 0.9, 0], [501.1, 301.3, 510.3, 309.1, 0.8, 0]]),
               [np.zeros((400, 600, 3), np.uint8)], nms=Nms(name="merge"), precision=kind)[0].boxes
        for kind in ("fp32", "bf16")
    )  # fmt: skip
    assert torch.equal(whole, half)  # the suppression stays what it is
    config = Config()
    config.test.precision = "fp16"
    with pytest.raises(ValueError, match="needs a GPU"):
        detect(detector, [image], **settings(config))


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((4, 4), np.uint8), {}, "image 0 must be"),
        (np.zeros((4, 4, 3), np.float32), {}, "float32"),
        (np.zeros((0, 4, 3), np.uint8), {}, r"\[0, 4, 3\]"),
        (np.zeros((4, 4, 3), np.uint8), {"scales": ()}, "scales"),
        (np.zeros((4, 4, 3), np.uint8), {"scales": (1, 0)}, "scales"),
        (np.zeros((4, 4, 3), np.uint8), {"batch_size": 0}, "batch_size"),
        (np.zeros((4, 4, 3), np.uint8), {"longest_side": -1}, "longest_side"),
    ],
)
def test_what_cannot_be_detected_in_is_refused(image, options, message):
    with pytest.raises(ValueError, match=message):
        detect(PixelDetector(), [image], **options)


def test_batches_on_a_cpu_stay_within_its_caches():
    small = [Fitted(np.zeros((64, 64, 3), np.uint8), (0, 0), (1, 1)) for _ in range(5)]
    large = [Fitted(np.zeros((512, 1024, 3), np.uint8), (0, 0), (1, 1)) for _ in range(2)]
    mixed = [small[0], large[0], *small[1:], large[1]]
    assert _batches(mixed, 4) == [[0, 2, 3, 4], [5], [1, 6]]
    assert _batches(mixed, 4, 2**18) == [[0, 2, 3, 4], [5], [1], [6]]
    assert _batches(mixed, 4, 3 * 64 * 64) == [[0, 2, 3], [4, 5], [1], [6]]


@pytest.mark.slow
@pytest.mark.parametrize("side", [128, 384, 640])
def test_a_image_of_a_batch_takes_no_longer_than_one_alone(side):
    """Processor time, median of interleaved repeats; `pytest -m slow -s -k no_longer` prints the ratio."""
    shapes = config.load(Path(__file__).resolve().parents[2] / "configs" / "shapes.yaml")
    detector = detectors.build(shapes, 3).eval()
    images = [np.random.default_rng(i).integers(0, 255, (side, side, 3), np.uint8) for i in range(8)]
    seconds = {1: [], 8: []}
    for _ in range(7):
        for size, taken in seconds.items():
            start = time.process_time()
            detect(detector, images, batch_size=size)
            taken.append(time.process_time() - start)
    alone, together = (np.median(taken[1:]) for taken in seconds.values())
    print(f"\n{side} pixels: an image of a batch of 8 takes {together / alone:.2f} of the time of one alone")
    assert together <= 1.1 * alone
