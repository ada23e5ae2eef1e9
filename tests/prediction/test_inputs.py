"""What images may come as: grey, alpha, 16 bits, PIL; and in which order their colours are."""

import cv2
import numpy as np
import pytest
from PIL import Image

from cornernet.prediction.inputs import of_array, read

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
BGR = RGB[..., ::-1]
GREY = RGB[..., 0]
ALPHA = np.full((5, 7, 1), 9, np.uint8)  # nearly transparent: a colour that is blended would be another


def one(image, order="bgr"):
    ((source, array),) = read(image, order, None)
    assert source == "" and array.dtype == np.uint8 and array.flags["C_CONTIGUOUS"]
    return array


def test_colours_stand_as_the_order_says_and_alpha_is_dropped():
    for image, order in (
        (np.ascontiguousarray(BGR), "bgr"), (RGB, "rgb"), (np.concatenate([BGR, ALPHA], 2), "bgr"),
        (np.concatenate([RGB, ALPHA], 2), "rgb"),
    ):  # fmt: skip
        assert (one(image, order) == BGR).all()
        assert (one(np.stack([image]), order) == BGR).all()


@pytest.mark.parametrize("order", ["bgr", "rgb"])
def test_grey_has_three_equal_channels(order):
    for image in (GREY, GREY[..., None], GREY[None, ..., None]):
        assert (one(image, order) == GREY[..., None]).all()


@pytest.mark.parametrize("order", ["bgr", "rgb"])
def test_pil_images_are_rgb_whatever_the_order(order):
    assert (one(Image.fromarray(RGB), order) == BGR).all()
    assert (one(Image.fromarray(np.concatenate([RGB, ALPHA], 2), "RGBA"), order) == BGR).all()
    assert (one(Image.fromarray(GREY), order) == GREY[..., None]).all()
    assert (one(Image.fromarray(np.concatenate([GREY[..., None], ALPHA], 2), "LA")) == GREY[..., None]).all()
    palette = Image.fromarray(RGB).quantize(16)
    assert (one(palette) == np.asarray(palette.convert("RGB"))[..., ::-1]).all()
    both = [array for _, array in read([Image.fromarray(RGB), np.ascontiguousarray(BGR)], "bgr", None)]
    assert (both[0] == both[1]).all()


def test_files_and_pil_images_of_alpha_and_16_bits_agree(tmp_path):
    deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1800
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.concatenate([BGR, ALPHA], 2))
    for name in ("deep.png", "alpha.png"):
        ((source, array),) = read(tmp_path / name, "bgr", None)
        with Image.open(tmp_path / name) as image:
            assert source == str(tmp_path / name) and (one(image) == array).all()
    assert (one(Image.open(tmp_path / "deep.png"))[..., 0] == deep >> 8).all()
    assert (one(Image.new("F", (3, 3), 0.5)) == 128).all()
    with pytest.raises(ValueError, match="a PIL image of mode F holds floats from 2 to 2, expected 0 to 1"):
        one(Image.new("F", (3, 3), 2))


def test_of_files_of_another_depth_than_the_checkpoint_it_is_said_once(tmp_path, caplog):
    deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 117
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), deep)
    assert len(list(read(tmp_path, "bgr", None))) == 2
    (said,) = caplog.messages
    assert "a.png holds values from 0 to 3978" in said and "data.bit_depth=12 spreads them" in said
    assert list(read(tmp_path, "bgr", None, 12)) and len(caplog.messages) == 1


@pytest.mark.parametrize("shape", [(3,), (5, 7, 2), (5, 7, 5), (0, 7), (2, 5, 7, 3, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"image 4 must be \[h, w\], \[h, w, 1\], \[h, w, 3\] or \[h, w, 4\] uint8, got"
    ):
        of_array(np.zeros(shape, np.uint8), "bgr", 4)
