import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cornernet.config import Data
from cornernet.data import pipeline
from cornernet.data.geometry import clip, cut, resize, resize_longest
from cornernet.data.streams import stream
from cornernet.data.transforms.colour import colour
from cornernet.data.transforms.crop import crop, cropped, margin, window
from cornernet.data.transforms.fit import fit
from cornernet.data.transforms.flip import flip, flipped
from cornernet.data.transforms.lighting import lighting
from cornernet.structures import LabelledImage

sizes = st.tuples(st.integers(40, 160), st.integers(40, 160))
fractions = st.floats(0, 1, exclude_max=True)


def image_with_box(size: tuple[int, int], corners: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Black image with one white rectangle of at least 12 pixels a side, and its box."""
    height, width = size
    x1, y1 = int(corners[0] * (width - 12)), int(corners[1] * (height - 12))
    x2, y2 = x1 + 12 + int(corners[2] * (width - x1 - 12)), y1 + 12 + int(corners[3] * (height - y1 - 12))
    image = np.zeros((height, width, 3), np.uint8)
    image[y1:y2, x1:x2] = 255
    return image, np.array([[x1, y1, x2, y2]], np.float32)


def white_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Edges around the pixels that are at least half covered."""
    white = image[..., 0] >= 128
    columns, rows = np.flatnonzero(white.any(0)), np.flatnonzero(white.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def done(image, boxes, labels, seed: int, transforms: dict, input_size, longest=None) -> LabelledImage:
    """A sample as the loader processes make it."""
    made = pipeline.build(Data(input_size=input_size, longest_side=longest, transforms=transforms))
    return pipeline.run(made, (seed, 0, 0), lambda _: LabelledImage(image, boxes, labels), 1)[0]


@given(
    size=sizes, corners=st.tuples(*[fractions] * 4), input_size=sizes, scale=st.sampled_from([0.6, 0.7, 1.0, 1.3]),
    seed=st.integers(0, 99), cropping=st.booleans(), border=st.integers(0, 128),
    longest=st.sampled_from([None, 64, 200]),
)  # fmt: skip
@settings(max_examples=300)
def test_a_box_encloses_its_pixels_after_all_transforms(
    size, corners, input_size, scale, seed, cropping, border, longest
):
    image, boxes = image_with_box(size, corners)
    frame = {"crop": {"scales": [scale], "border": border}} if cropping else {"fit": {}}
    transforms = {**frame, "flip": {"p": 0.5, "vertical": 0.5}}
    out, moved, labels = done(image, boxes, np.array([3]), seed, transforms, input_size, longest)
    assert out.shape == (*input_size, 3) and out.dtype == np.uint8 and out.flags.c_contiguous
    assert moved.dtype == np.float32 and len(moved) == len(labels)
    if len(moved) == 0:
        assert not (out >= 192).any()
        return
    x1, y1, x2, y2 = moved[0]
    assert 0 <= x1 < x2 <= input_size[1] and 0 <= y1 < y2 <= input_size[0]
    assume(min(x2 - x1, y2 - y1) >= 4)  # a sliver may have no pixel that is half covered
    # Half a pixel of the result, and half a pixel of what it was enlarged from.
    enlarged = 1 / scale if cropping else min(np.divide(input_size, size)) * max(size) / (longest or max(size))
    assert np.abs(np.array(white_box(out)) - moved[0]).max() <= 0.55 + 0.5 * max(1, enlarged)


@given(size=sizes, corners=st.tuples(*[fractions] * 4), horizontal=st.booleans(), vertical=st.booleans())
def test_a_flipped_box_is_exact(size, corners, horizontal, vertical):
    given = LabelledImage(*image_with_box(size, corners), np.zeros(1, int))
    found = flipped(given, horizontal, vertical)
    assert white_box(found.image) == tuple(found.boxes[0])
    again = flipped(found, horizontal, vertical)
    assert np.array_equal(again.image, given.image) and np.array_equal(again.boxes, given.boxes)


@given(size=sizes, corners=st.tuples(*[fractions] * 4), centre=st.tuples(fractions, fractions), crop_size=sizes)
def test_a_crop_without_resizing_is_exact(size, corners, centre, crop_size):
    given = LabelledImage(*image_with_box(size, corners), np.zeros(1, int))
    out, moved, labels = cropped(given, crop_size, 1.0, centre, 16)
    kept, _ = clip(moved, labels, crop_size)
    assert (white_box(out) == tuple(kept[0])) if len(kept) else not out.any()


@given(size=sizes)
def test_a_crop_of_the_whole_image_loses_nothing(size):
    image = np.random.default_rng(0).integers(1, 255, (*size, 3), dtype=np.uint8)
    assert window(size, size, (0.5, 0.5), 128) == (0, 0)
    assert np.array_equal(cut(image, 0, 0, size), image)


@given(size=sizes, input_size=sizes)
def test_fit_shows_the_whole_image(size, input_size):
    image = np.full((*size, 3), 255, np.uint8)
    box = np.array([[0, 0, size[1], size[0]]], np.float32)
    out, moved, _ = fit(LabelledImage(image, box, np.zeros(1, int)), stream("unused"), input_size)
    assert white_box(out) == tuple(moved[0])
    width, height = moved[0, 2] - moved[0, 0], moved[0, 3] - moved[0, 1]
    assert width == input_size[1] or height == input_size[0]
    assert abs(width * size[0] - height * size[1]) <= 0.5 * max(size) + 1e-6  # one side is rounded by half a pixel
    left, right = moved[0, 0], input_size[1] - moved[0, 2]
    assert abs(left - right) <= 1


@pytest.mark.parametrize("size", [(1, 1), (12000, 20), (20, 12000)])
@pytest.mark.parametrize("cropping", [True, False])
@pytest.mark.parametrize("longest", [None, 100])
def test_extreme_images_pass(size, cropping, longest):
    image, boxes = np.zeros((*size, 3), np.uint8), np.array([[0, 0, size[1], size[0]]], np.float32)
    frame = {"crop": {"scales": [1.0]}} if cropping else {"fit": {}}
    out, moved, _ = done(image, boxes, np.zeros(1, np.int64), 0, {**frame, "flip": {}}, (127, 127), longest)
    assert out.shape == (127, 127, 3) and np.isfinite(moved).all()


def test_longest_side():
    out, boxes = resize_longest(np.zeros((100, 200, 3), np.uint8), np.array([[0.0, 0, 200, 100]]), 50)
    assert out.shape == (25, 50, 3) and boxes.tolist() == [[0, 0, 50, 25]]


def test_shrinking_averages_what_it_leaves_out():
    noise = np.random.default_rng(0).integers(0, 2, (125, 125, 3), dtype=np.uint8) * 255
    out, _ = resize(noise, np.zeros((0, 4)), (25, 25))
    assert abs(out.std() - 127.5 / 5) < 3  # 25 pixels each; picking single pixels would leave 127.5


@pytest.mark.parametrize(
    ("size", "how"),
    [
        ((160, 80), cv2.INTER_LINEAR),  # to four fifths
        ((180, 90), cv2.INTER_LINEAR),
        ((400, 200), cv2.INTER_LINEAR),
        ((159, 79), cv2.INTER_AREA),
        ((159, 80), cv2.INTER_LINEAR),
        ((160, 79), cv2.INTER_LINEAR),
        ((120, 60), cv2.INTER_AREA),
        ((66, 33), cv2.INTER_AREA),
    ],
)
def test_areas_are_averaged_below_four_fifths(size, how):
    noise = np.random.default_rng(0).integers(0, 256, (200, 100, 3), dtype=np.uint8)
    out, boxes = resize(noise, np.array([[0.0, 0, 100, 200]]), size)
    assert np.array_equal(out, cv2.resize(noise, size[::-1], interpolation=how))
    assert boxes.tolist() == [[0, 0, size[1], size[0]]]


def test_boxes_without_area_are_left_out():
    boxes = np.array([[-5, 0, 0, 9], [0, 0, 1e-3, 9], [9, 9, 30, 30], [5, 5, 5, 8], [3, 9, 2, 12]])
    kept, labels = clip(boxes, np.arange(5), (20, 10))
    assert labels.tolist() == [1, 2] and kept[1].tolist() == [9, 9, 10, 20]


@pytest.mark.parametrize(("border", "length"), [(128, 511), (128, 130), (128, 90), (32, 90), (128, 1), (0, 5), (1, 2)])
def test_margin_leaves_room_for_a_centre(border, length):
    expected = border
    while expected and length - expected <= expected:
        expected //= 2
    assert margin(border, length) == expected and length - 2 * expected > 0


@pytest.mark.parametrize("case", range(5))
def test_random_crop_equals_the_published_one(golden, case):
    g = golden("g3_augment")
    image, boxes, border = g["img"], g["det"][:, :4], int(g[f"rc{case}_border"])
    scale, x, y = g[f"rc{case}_draws_scale_ctx_cty"]
    size = tuple(int(side * scale) for side in g[f"rc{case}_view_hw"])
    assert (margin(border, 130), margin(border, 90)) == tuple(g[f"rc{case}_wh_border"])
    spans = [length - 2 * margin(border, length) for length in (130, 90)]
    centre = ((x - margin(border, 130) + 0.5) / spans[0], (y - margin(border, 90) + 0.5) / spans[1])
    x0, y0 = window((90, 130), size, centre, border)
    ours, theirs = cut(image, x0, y0, size), g[f"rc{case}_img"]
    assert np.allclose(boxes - [x0, y0, x0, y0], g[f"rc{case}_det"][:, :4])
    # The published crop of odd size loses its last row and column; ours agrees everywhere else.
    height, width = size[0] // 2 * 2, size[1] // 2 * 2
    assert theirs.shape == ours.shape and np.array_equal(ours[:height, :width], theirs[:height, :width])


@pytest.mark.parametrize("case", range(5))
def test_cut_equals_the_published_crop(golden, case):
    g = golden("g3_augment")
    (cy, cx), size = g[f"ci{case}_center_yx"], tuple(int(v) for v in g[f"ci{case}_size_hw"])
    x0, y0 = int(cx) - size[1] // 2, int(cy) - size[0] // 2
    assert [y0, x0] == g[f"ci{case}_offset"].tolist()
    ours, theirs = cut(g["img"], x0, y0, size), g[f"ci{case}_img"]
    if case == 3:  # an odd crop whose last row and column lie in the image, see above
        ours, theirs = ours[:-1, :-1], theirs[:-1, :-1]
    assert np.array_equal(ours, theirs)


def test_fit_equals_the_published_full_crop_to_a_pixel(golden):
    g = golden("g3_augment")
    _, boxes, _ = fit(LabelledImage(g["img"], g["det"][:, :4], g["det"][:, 4]), stream("unused"), (127, 127))
    # They pad before they resize: 87.9 rows in the middle instead of 88 in whole pixels, half a pixel at most.
    assert np.abs(boxes - g["resize_det"][:, :4]).max() < 0.6


def test_streams_depend_on_every_number():
    keys = [("a", 1, 2, 3), ("b", 1, 2, 3), ("a", 2, 2, 3), ("a", 1, 3, 3), ("a", 1, 2, 4), ("a", 1, 2)]
    assert len({float(stream(*key).random()) for key in keys}) == len(keys)
    assert stream("a", -1).random() == stream("a", -1).random()


def test_draws_have_their_strengths():
    blank = LabelledImage(np.zeros((8, 8, 3), np.uint8), np.array([[0.0, 0, 2, 1]]), np.zeros(1, int))
    moved = np.stack([flip(blank, stream("a", n), p=0.3, vertical=0.6).boxes[0] for n in range(3000)])
    assert abs((moved[:, 0] == 6).mean() - 0.3) < 0.03 and abs((moved[:, 1] == 7).mean() - 0.6) < 0.03
    assert (flip(blank, stream("a"), p=1).boxes == [6, 0, 8, 1]).all()
    wide = {float(np.diff(crop(blank, stream("a", n), (8, 8), [0.5, 2.0]).boxes[0, [0, 2]])[0]) for n in range(50)}
    assert wide == {4, 1}
    found = [colour(stream("a", n), 0.4) for n in range(3000)]
    alpha = np.stack([x["alpha"] for x in found])
    assert np.abs(alpha).max() <= 0.4 and abs(alpha.std() - 0.4 / 3**0.5) < 0.01
    assert {tuple(x["order"]) for x in found} == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    assert abs(np.stack([lighting(stream("a", n), 0.1)["light"] for n in range(3000)]).std() - 0.1) < 0.005
    assert not colour(stream("a"), 0)["alpha"].any() and not lighting(stream("a"), 0)["light"].any()
