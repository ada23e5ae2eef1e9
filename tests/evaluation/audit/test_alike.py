"""Images that are nearly the same: saved again, resized, a little brighter; and those that are not."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cornernet.data import ShapesSet, read_image
from cornernet.evaluation.audit.alike import likeness, pairs, perceptual_hash

SHAPES = ShapesSet("train", 60, 128)


class Images:
    """Images in memory; None for one that cannot be read."""

    def __init__(self, *images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def image(self, i):
        if self.images[i] is None:
            raise ValueError(f"{i} is cut short")
        return self.images[i]

    def record(self, i):
        return SimpleNamespace(image_id=i, file_name=f"{i}.png")


def saved(image, quality=60):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def resized(image, factor=0.6):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


CHANGES = {
    "the same": lambda x: x,
    "a JPEG": saved,
    "a poor JPEG": lambda x: saved(x, 30),
    "smaller": resized,
    "larger": lambda x: resized(x, 1.7),
    "smaller and a JPEG": lambda x: saved(resized(x)),
    "brighter": lambda x: np.clip(x.astype(int) + 12, 0, 255).astype(np.uint8),
    "another colour": lambda x: x[..., ::-1],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_alike(change):
    for i in range(6):
        image = SHAPES.image(i)
        (found,) = pairs({"val": Images(SHAPES.image(30), image), "train": Images(CHANGES[change](image))}, False)
        assert (found.one.split, found.one.position, found.other.split, found.other.position) == ("val", 1, "train", 0)
        assert found.sureness > 0.5


def test_different_images_are_not():
    found = pairs({"val": Images(*(SHAPES.image(i) for i in range(60))), "train": Images(SHAPES.image(0)[::-1])}, False)
    assert [x for x in found if x.sureness >= 0.3] == []


def test_photographs_of_one_kind_are_not_but_those_of_one_place_are(shared):
    """BCCD's 37 and 38 show the same cells; its splits have one of them each."""
    folder = shared / "data" / "bccd" / "images"
    images = {i: folder / f"BloodImage_{i:05d}.jpg" for i in range(20, 60)}
    images = {i: read_image(path) for i, path in images.items() if path.is_file()}
    found = pairs({"val": Images(*images.values())}, False)
    numbers = list(images)
    pair = [(numbers[x.one.position], numbers[x.other.position]) for x in found if x.sureness >= 0.3]
    assert pair == [(38, 37)] and found[0].sureness > 0.9


def test_within_a_split_the_later_one_is_named_and_the_other_split_not_searched():
    a, b = SHAPES.image(0), SHAPES.image(1)
    (found,) = pairs({"train": Images(a, b, a), "val": Images(SHAPES.image(2), SHAPES.image(2))}, False)
    assert (found.one.position, found.other.position, found.sureness) == (2, 0, 1.0)


def test_of_several_the_likest_is_named():
    a, b = SHAPES.image(0), SHAPES.image(1)
    mixed = cv2.addWeighted(a, 0.5, b, 0.5, 0)
    assert 0 < likeness(a, mixed) < 1
    found = pairs({"val": Images(a), "train": Images(mixed, a, mixed)}, False)
    assert [(x.other.position, x.sureness) for x in found] == [(1, 1.0)]


def test_flat_and_unreadable_images():
    flat = [np.full((40, 40, 3), v, np.uint8) for v in (0, 0, 128)]
    assert likeness(flat[0], flat[1]) == 1 and likeness(flat[0], flat[2]) == 0 == likeness(flat[0], SHAPES.image(0))
    found = pairs({"val": Images(flat[0], None, SHAPES.image(1)), "train": Images(None, flat[1])}, False)
    assert [(x.one.position, x.other.position) for x in found] == [(0, 1)]
    assert pairs({"val": Images(), "train": Images()}, False) == []


def test_another_shape_is_another_image():
    a = SHAPES.image(0)
    assert pairs({"val": Images(a), "train": Images(cv2.resize(a, (128, 64)))}, False) == []


def test_the_hash_is_64_bits_that_a_copy_keeps():
    a, b = perceptual_hash(SHAPES.image(0)), perceptual_hash(saved(SHAPES.image(0)))
    assert 0 <= a < 2**64 and (a ^ b).bit_count() <= 4 < 12 < (a ^ perceptual_hash(SHAPES.image(1))).bit_count()
