"""What each transform does to an image and its boxes; all of them are pure functions of seed, epoch, index and step."""

import numpy as np
import pytest
import torch

from cornernet.config import Data
from cornernet.data import ShapesSet, train_loader
from cornernet.data.geometry import covered, kept
from cornernet.data.transforms import TRANSFORMS
from cornernet.data.transforms.copy_paste import copy_paste
from cornernet.data.transforms.cut_out import cut_out
from cornernet.data.transforms.focus import focus
from cornernet.data.transforms.mixup import mixup
from cornernet.data.transforms.mosaic import mosaic
from cornernet.data.transforms.quarter_turns import quarter_turns, turned
from cornernet.data.transforms.zoom import zoom
from cornernet.structures import Batch, LabelledImage

ALWAYS = {name: {"p": 0.7} for name in ("mosaic", "mixup", "copy_paste", "zoom", "cut_out", "blur", "noise", "jpeg")}
ALWAYS["quarter_turns"] = {"p": 0.3}
ORDER = (
    "mosaic", "mixup", "copy_paste", "quarter_turns", "zoom", "focus", "crop", "fit", "flip", "cut_out", "blur",
    "noise", "jpeg", "colour", "lighting",
)  # fmt: skip


def batches(transforms, start=0, steps=6, workers=0, **more) -> list[Batch]:
    data = Data(name="shapes", input_size=(40, 56), max_objects=32, workers=workers, transforms=transforms)
    return list(train_loader(data, ShapesSet("train", 6, size=64), 2, seed=5, start_step=start, steps=steps, **more))


def same(a: list[Batch], b: list[Batch]) -> bool:
    pairs = [zip(p.tensors(), q.tensors(), strict=True) for p, q in zip(a, b, strict=True)]
    return all(torch.equal(x, y) for pair in pairs for x, y in pair)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_resumed_run_sees_what_it_had_left(name):
    """Step 3 is the first of an epoch, and step 5 lies behind the end of what closes."""
    transforms = {name: ALWAYS.get(name, {}), "fit": {}}
    whole = batches(transforms)
    assert all(same(whole[start:], batches(transforms, start)) for start in (1, 5))
    nothing = not whole[0].changes and same(whole, batches({"fit": {}}))
    assert nothing == (name == "fit")


def test_any_number_of_workers_gives_the_same():
    assert set(ORDER) == set(TRANSFORMS)
    transforms = {name: ALWAYS.get(name, {}) for name in ORDER}
    whole = batches(transforms)
    assert same(whole, batches(transforms, workers=1)) and same(whole[2:], batches(transforms, start=2, workers=2))


@pytest.mark.parametrize("name", ["mosaic", "mixup"])
def test_what_closes_is_closed_by_the_step_of_the_whole_run(name):
    open_, plain = {name: {"p": 1, "close": 0.5}, "fit": {}}, {"fit": {}}
    found = [same([x], [y]) for x, y in zip(batches(open_), batches(plain), strict=True)]
    assert found == [False] * 3 + [True] * 3
    cut = batches(open_, start=2, steps=4, whole=12)  # a part of a longer run, in which nothing is closed yet
    assert not any(same([x], [y]) for x, y in zip(cut, batches(plain)[2:4], strict=True))


def test_an_object_stays_while_enough_of_it_is_left():
    image = np.zeros((10, 20, 3), np.uint8)
    boxes = np.array([[-5.0, 0, 5, 10], [-8.0, 0, 2, 10], [30.0, 0, 40, 10], [10.0, 0, 20, 10]])
    sample = LabelledImage(image, boxes, np.arange(4))
    found = kept(sample, 0.5)
    assert found.labels.tolist() == [0, 3] and found.boxes[0].tolist() == [0, 0, 5, 10]
    assert kept(sample, 0.0).labels.tolist() == [0, 1, 3]
    assert kept(sample, 0.5, np.array([0.1, 0, 0, 0.5])).labels.tolist() == [3]
    mask = np.zeros((10, 20), bool)
    mask[:, 15:] = True
    assert covered(boxes[[0, 3]], mask).tolist() == [0, 0.5]


def white(value: int = 255, size=(60, 80), box=(10, 20, 40, 50), label=1) -> LabelledImage:
    """A black image with one rectangle of this value, and its box."""
    image = np.zeros((*size, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = value
    return LabelledImage(image, np.array([box], np.float64), np.array([label]))


EMPTY = white(0)._replace(boxes=np.zeros((0, 4)), labels=np.zeros(0, int))


def pasted(seed: int, onto: LabelledImage, other: LabelledImage, **args) -> LabelledImage:
    args = {"p": 1, "count": 1, "soft": 0, "scales": [1]} | args
    return copy_paste(onto, np.random.default_rng(seed), lambda n: [other] * n, **args)


def around(image: np.ndarray) -> np.ndarray:
    """Edges around the pixels that are at least half white."""
    rows, columns = (np.flatnonzero((image[..., 0] >= 128).any(axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_boxes_are_exact_and_four_turns_are_none(turns):
    found = turned(white(), turns)
    assert found.boxes[0].tolist() == around(found.image).tolist()
    again = turned(found, 4 - turns)
    assert np.array_equal(again.image, white().image) and np.array_equal(again.boxes, white().boxes)


def test_each_turn_comes_as_often_as_asked_and_the_inputs_size_stays():
    rng, sides = np.random.default_rng(0), []
    for _ in range(200):
        found = quarter_turns(white(), rng, (60, 80), p=0.25)
        assert found.image.shape == (60, 80, 3)
        sides.append(tuple(around(found.image) - around(white().image)))
        assert np.abs(around(found.image) - found.boxes[0]).max() <= 1
        assert quarter_turns(white(), rng, (9, 9), p=1 / 3).image.shape != (9, 9, 3)
    counts = {side: sides.count(side) for side in set(sides)}
    assert len(counts) == 4 and min(counts.values()) > 30
    assert quarter_turns(white(), rng, (60, 80), p=0) is not None


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.25, 2.0])
def test_zoomed_boxes_lie_around_what_is_zoomed(scale):
    seen = 0
    for seed in range(12):
        found = zoom(white(), np.random.default_rng(seed), scales=[scale], least=0.9)
        assert found.image.shape == (60, 80, 3)
        if len(found.boxes):
            filled = found.image.copy()
            assert np.abs(around(filled) - found.boxes[0]).max() <= 1 + scale / 2
            width = found.boxes[0][2] - found.boxes[0][0]
            assert 0.9 * 30 * scale - 1 <= width <= 30 * scale + 1
            seen += 1
    assert seen


@pytest.mark.parametrize(("side", "least", "most"), [(30, 8, 20), (8, 8, 20), (60, 20, 60), (5, 8, 20)])
def test_a_focused_object_is_in_the_window_at_a_drawn_size(side, least, most):
    """Its longer side lies between the bounds of the kind that it is of now; below the first it is of the smallest."""
    bounds = [8, 20, 60] if side != 30 else [8, 35, 60]
    least, most = (8, 35) if side == 30 else (least, most)
    sample, middles = white(size=(90, 160), box=(70, 20, 70 + side, 20 + side // 2)), []
    for seed in range(40):
        found = focus(sample, np.random.default_rng(seed), (64, 80), sizes=bounds, shift=3)
        assert found.image.shape == (64, 80, 3) and found.labels.tolist() == [1]
        (box,) = found.boxes
        scale = (box[2] - box[0]) / side
        assert least - scale <= box[2] - box[0] <= most + scale and (box >= -scale).all()
        assert (box[2:] <= np.array([80, 64]) + scale).all()
        assert np.abs(around(found.image) - box).max() <= 1 + scale
        middles.append(np.abs((box[:2] + box[2:]) / 2 - np.array([40, 32])) <= 3 + scale)
    inside = np.array(middles).mean(0)
    assert (inside > 0.35).all() and (inside < 0.95).all()  # half of the time and by chance


@pytest.mark.parametrize("size", [(64, 255), (255, 64)])
def test_a_focused_object_fits_into_an_input_of_any_shape(size):
    tall = white(size=(700, 300), box=(50, 40, 150, 640))
    for seed in range(9):
        (box,) = focus(tall, np.random.default_rng(seed), size).boxes
        assert (box >= -1).all() and (box[2:] <= np.array(size[::-1]) + 1).all()
        assert (box[3] - box[1]) / (box[2] - box[0]) == pytest.approx(6, rel=0.15)


def test_an_image_without_objects_is_shown_at_a_drawn_scale():
    image = EMPTY._replace(image=np.tile(np.arange(160, dtype=np.uint8)[None, :, None], (90, 1, 3)))
    for seed in range(9):
        found = focus(image, np.random.default_rng(seed), (40, 50), scales=[0.5])
        assert found.image.shape == (40, 50, 3) and found.boxes.shape == (0, 4)
        steps = np.diff(found.image[20, :, 0].astype(int))
        assert np.median(steps) == 2  # every second column
        assert (found.image[..., 0] > 0).any(0).sum() >= 49  # the window lies in the image


def test_other_objects_of_a_focused_window_need_half_of_themselves():
    two = white(size=(90, 160), box=(20, 20, 40, 40))
    two = LabelledImage(two.image, np.array([[20.0, 20, 40, 40], [60, 20, 160, 40]]), np.array([0, 1]))
    kinds = {tuple(focus(two, np.random.default_rng(seed), (64, 64), sizes=[16, 32]).labels) for seed in range(40)}
    assert kinds == {(0,), (1,), (0, 1)}


def test_mosaic_has_objects_of_all_four_around_their_content():
    four = [white(150 + 30 * k, box=(0, 0, 80, 60), label=k) for k in range(4)]
    for seed in range(5):
        found = mosaic(four[0], np.random.default_rng(seed), (48, 64), lambda n: four[1 : n + 1], 0.0, p=1, least=0.0)
        assert found.image.shape == (48, 64, 3) and found.labels.tolist() == [0, 1, 2, 3]
        for k, (x1, y1, x2, y2) in enumerate(found.boxes.astype(int)):
            assert (found.image[y1:y2, x1:x2] == 150 + 30 * k).all()
        assert (found.image > 0).all()  # no quarter is left empty
        areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)
        assert areas.sum() == 48 * 64 and areas.min() > 0.08 * areas.sum()


def test_mosaic_keeps_boxes_on_their_content_and_leaves_slivers_out():
    corner = white(box=(0, 0, 40, 30))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = mosaic(corner, rng, (96, 128), lambda n: [EMPTY] * n, 0.0, p=1, least=0.4)
        if len(found.boxes):
            assert np.abs(around(found.image) - found.boxes[0]).max() <= 1.5


def test_mixup_has_the_objects_of_both_at_their_shares():
    one, other = white(200), white(100, size=(30, 40), box=(30, 20, 40, 30), label=2)
    found = mixup(one, np.random.default_rng(0), lambda n: [other] * n, 0.0, p=1, alpha=1e6)
    assert found.labels.tolist() == [1, 2] and found.boxes[1].tolist() == [60, 40, 80, 60]
    assert abs(int(found.image[30, 20, 0]) - 100) <= 1 and abs(int(found.image[50, 70, 0]) - 50) <= 1


def test_pasted_objects_are_where_their_boxes_are():
    other = white(255, label=2)
    for seed in range(10):
        given = white(90)
        found = pasted(seed, given, other, scales=[0.5])
        assert found.labels[-1] == 2 and (given.image <= 90).all()  # the image that was given is not written to
        assert around(found.image).tolist() == found.boxes[-1].tolist()
        assert (found.boxes[-1][2:] - found.boxes[-1][:2]).tolist() == [15, 15]


def test_objects_that_are_covered_are_left_out():
    given, other = white(90, size=(30, 30), box=(2, 2, 10, 10)), white(255, size=(30, 30), box=(0, 0, 30, 30), label=2)
    found = pasted(0, given, other)
    assert found.labels.tolist() == [2]
    small = pasted(0, given, other, scales=[0.1])
    assert small.labels.tolist() == [1, 2]
    over = pasted(1, given, other, count=20)
    assert over.labels.tolist() == [2]  # of boxes over each other the last one


def test_a_soft_edge_fades_and_a_box_takes_its_inner_objects_along():
    other = white(255, box=(10, 20, 40, 50))
    other = other._replace(boxes=np.array([[10.0, 20, 40, 50], [20.0, 30, 30, 40]]), labels=np.array([1, 2]))
    for seed in range(8):
        found = pasted(seed, EMPTY, other, soft=0.25)
        if found.labels.tolist() != [1, 2]:
            assert found.labels.tolist() == [2]  # the smaller one alone
            continue
        x1, y1, x2, y2 = found.boxes[0].astype(int)
        row = found.image[(y1 + y2) // 2, x1:x2, 0].astype(int)
        assert row[0] < 30 and row[len(row) // 2] == 255 and (np.diff(row[:8]) > 0).all()
        assert (found.boxes[1] - found.boxes[0]).tolist() == [10, 10, -10, -10]


def test_holes_have_the_mean_colour_and_cost_what_they_cover():
    given = white(200)
    found = cut_out(given, np.random.default_rng(0), p=1, count=1, sides=[1.0])
    assert len(found.boxes) == 0 and (found.image == found.image[0, 0]).all() and found.image[0, 0, 0] == 38
    left = cut_out(given, np.random.default_rng(0), p=1, count=1, sides=[0.1])
    changed = (left.image != given.image).any(2)
    assert left.boxes.tolist() == given.boxes.tolist() and 0 < changed.sum() <= 6 * 8


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("mosaic", {"close": 1.5}, "data.transforms.mosaic.close must be at least 0 and at most 1, got 1.5"),
        ("mosaic", {"progress": 1}, "data.transforms.mosaic has no argument 'progress'"),
        ("zoom", {"scales": [0]}, "data.transforms.zoom.scales must hold one number or more, each above 0 and at most"),
        ("copy_paste", {"soft": 0.6}, "data.transforms.copy_paste.soft must be at least 0 and at most 0.5, got 0.6"),
        ("quarter_turns", {"p": 0.5}, "data.transforms.quarter_turns.p must be at least 0 and at most 0.33"),
        ("jpeg", {"quality": [0]}, "data.transforms.jpeg.quality must hold one number or more, each at least 1 and"),
    ],
)
def test_numbers_out_of_range_are_refused(name, args, message):
    with pytest.raises(ValueError) as error:
        batches({name: args, "fit": {}}, steps=1)
    assert message in str(error.value)
