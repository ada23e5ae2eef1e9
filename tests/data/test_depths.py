"""One depth for all images of a set that hold more than 8 bits, whatever their format, and what is said of them."""

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.data import AnnotatedSet, eight_bits, misfit, narrow, read, read_image, unlike, with_depth
from cornernet.data.check import images
from cornernet.data.values import decided

SHADES = np.random.default_rng(0).integers(0, 256, (12, 16), np.uint16)
INTEGER, REAL = (".png", ".tiff", ".pgm"), ".tiff"


def write(folder: Path, **files: np.ndarray) -> AnnotatedSet:
    """A set of images, a_png=array."""
    folder.mkdir(exist_ok=True)
    names = [name.replace("_", ".") for name in files]
    for name, image in zip(names, files.values(), strict=True):
        (folder / name).write_bytes(cv2.imencode(Path(name).suffix, image)[1].tobytes())
    records = [{"id": i, "file_name": n, "width": 16, "height": 12} for i, n in enumerate(names, 1)]
    boxes = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]
    content = {"images": records, "annotations": boxes, "categories": [{"id": 1, "name": "cell"}]}
    (folder / "t.json").write_text(json.dumps(content))
    return read(folder / "t.json", folder, quiet=True)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_depth_keeps_its_upper_eight_bits_and_floats_are_as_whole_numbers(bits):
    deep = (SHADES << (bits - 8)) + (1 << (bits - 8)) - 1
    for kind in (np.uint16, np.int32, np.uint32, np.float32, np.float64):
        made = eight_bits(deep.astype(kind), bits)
        assert made.dtype == np.uint8 and (made == SHADES).all()
    assert (eight_bits(deep.astype(np.uint16) | 2**15, bits) >= (255 if bits < 16 else 127)).all()


def test_floats_from_0_to_1_and_what_is_no_number():
    for depth in ("auto", 1):
        assert (eight_bits((SHADES / 255).astype(np.float32), depth) == SHADES).all()
    odd = np.float32([np.nan, -3, 0.5, 1, np.nan])
    assert eight_bits(odd).tolist() == [0, 0, 128, 255, 0]
    assert eight_bits(np.float32([np.nan, -1e30, 4095, 9000]), 12).tolist() == [0, 0, 255, 255]
    assert eight_bits(np.float32([np.nan])).tolist() == [0]
    assert eight_bits(np.float32([0.5, 7]), 1).tolist() == [128, 255]


@pytest.mark.parametrize(
    ("values", "depth", "words"),
    [
        (np.float32([0, 40]), "auto", "holds floats from 0 to 40, expected 0 to 1; data.bit_depth=8 takes them"),
        (np.float32([0, 1.5]), "auto", "holds floats from 0 to 1.5, expected 0 to 1; data.bit_depth=8 takes them"),
        (np.float32([0, 4000.5]), "auto", "data.bit_depth=12 takes them"),
        (np.float32([0, np.inf]), 16, "holds numbers from 0 to inf, expected 0 to 65535"),
        (np.int16([-1, 5]), 12, "holds whole numbers from -1 to 5, expected 0 to 65535; save it as unsigned 16 bits"),
        (np.uint32([70000]), 16, "holds whole numbers from 70000 to 70000"),
    ],
)
def test_what_has_no_place_is_one_sentence(values, depth, words):
    with pytest.raises(ValueError, match=r"^holds") as caught:
        eight_bits(values, depth)
    assert words in str(caught.value)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_formats_agree_pixel_for_pixel(tmp_path, channels):
    deep = np.random.default_rng(1).integers(0, 4096, (12, 16, channels), np.uint16)
    endings = INTEGER if channels == 1 else (".png", ".tiff", ".ppm")[: 5 - channels]
    for ending in endings:
        image = np.squeeze(deep)
        (tmp_path / f"a{ending}").write_bytes(cv2.imencode(ending, image)[1].tobytes())
        for depth, shift in ((12, 4), ("auto", 8), (16, 8)):
            found = read_image(tmp_path / f"a{ending}", 16, 12, depth)
            if ending == ".tiff" and channels == 4:  # its decoder multiplies by alpha
                continue
            assert (found == (deep[..., :3] >> shift)).all(), (ending, depth)
    real = np.squeeze(deep[..., :3]).astype(np.float32)
    (tmp_path / "f.tiff").write_bytes(cv2.imencode(".tiff", real)[1].tobytes())
    assert (read_image(tmp_path / "f.tiff", 16, 12, 12) == deep[..., :3] >> 4).all()


@pytest.mark.parametrize(
    ("high", "kind", "depth"),
    [
        (255, np.uint16, 8), (256, np.uint16, 10), (4095, np.uint16, 12), (4096, np.uint16, 14),
        (65535, np.uint16, 16), (3000, np.float32, 12), (1, np.float32, 1), (0.2, np.float32, 1),
        (900, np.int32, 10), (200, np.uint8, "auto"),
    ],
)  # fmt: skip
def test_the_depth_of_a_set_holds_its_largest_value(tmp_path, high, kind, depth, caplog):
    caplog.set_level(logging.INFO)
    dark = np.zeros((12, 16), kind)
    bright = dark.copy()
    bright[3, 4] = high
    source = with_depth(write(tmp_path, a_tiff=dark, b_tiff=bright), "auto")
    assert source.bit_depth == depth and decided(source, 14) == 14
    assert (f"the largest value of 2 of them is {high:g} (data.bit_depth={depth})" in caplog.text) == (depth != "auto")
    assert source.image(0).max() == 0 and 50 < source.image(1).max() <= 255


def test_sets_that_no_depth_fits_are_refused(tmp_path):
    unit, count = np.full((12, 16), 0.5, np.float32), np.full((12, 16), 900, np.uint16)
    with pytest.raises(
        ValueError, match=r"a\.tiff holds floats up to 0\.5 and .*b\.png values up to 900: data\.bit_de"
    ):
        decided(write(tmp_path / "1", a_tiff=unit, b_png=count))
    with pytest.raises(ValueError, match=r"a\.tiff holds values up to 70000, expected 65535 at most"):
        decided(write(tmp_path / "2", a_tiff=count.astype(np.uint32) + 69100))


def test_a_small_part_of_the_values_is_found_with_what_to_type(tmp_path):
    deep = np.random.default_rng(0).integers(0, 4096, (12, 16), np.uint16)
    (found,) = narrow(write(tmp_path / "1", a_png=deep, b_tiff=deep), 16)
    assert (
        found.count == 2 and "data.bit_depth=12 spreads them" in found.outcome and "a.png holds values" in found.example
    )
    assert narrow(write(tmp_path / "1", a_png=deep, b_tiff=deep), 12) == []
    mask = np.random.default_rng(0).integers(0, 11, (12, 16), np.uint8)
    (found,) = narrow(write(tmp_path / "2", a_png=mask), "auto")
    assert "holds values from 0 to 10, 0 to 10 of 0 to 255" in found.example
    assert "data.mean=[0.0" in found.outcome and "data.std=[0.01" in found.outcome
    assert narrow(write(tmp_path / "2", a_png=mask), "auto", [0.0124] * 3) == []  # as it was told
    assert narrow(write(tmp_path / "2", a_png=mask), "auto", [0.25] * 3) == [found]
    large = np.kron(np.ones((20, 20), np.uint16), deep)
    large[0, 0] = 65535  # one dead pixel
    (found,) = narrow(write(tmp_path / "3", a_png=large), 16)
    assert "data.bit_depth=12" in found.outcome


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize(
    ("bits", "depth", "words"),
    [
        (12, "auto", ", 0 to 15 of 0 to 255 when taken as 16 bits, floats from 0 to 1; data.bit_depth=12 spreads them"),
        (12, 1, "data.bit_depth=12 spreads them"),
        (14, 12, "data.bit_depth=14 spreads them"),  # white
        (10, 12, "data.bit_depth=10 spreads them"),
        (12, 12, ""),
        (16, "auto", ""),
    ],
)
def test_of_an_image_of_another_depth_than_the_checkpoint_it_is_said(tmp_path, kind, bits, depth, words):
    deep = np.random.default_rng(0).integers(0, 2**bits, (12, 16), np.uint16)
    source = write(tmp_path, a_png=SHADES.astype(np.uint8), **{f"b_{kind}": deep})
    said = misfit(tmp_path / f"b.{kind}", depth)
    assert said.endswith(words) if words else said == ""
    assert unlike(source, depth) == said and misfit(tmp_path / "a.png", depth) == ""


def test_decoding_finds_values_beyond_the_depth_and_no_numbers(tmp_path):
    deep = np.full((12, 16), 900, np.uint16)
    source = write(tmp_path, a_png=deep, b_tiff=np.where(deep > 0, np.nan, 1).astype(np.float32), c_png=deep * 9)
    source.bit_depth = 10
    found = {x.kind: x for x in images(source, decode=True)}
    beyond = found["image with values beyond its depth"]
    assert (
        beyond.count == 1 and beyond.outcome == "white; data.bit_depth=14 has them" and "up to 8100" in beyond.example
    )
    assert found["image with values below 0 or that are no numbers"].outcome == "black"
    assert found["16-bit image"].outcome == "taken as 10 bits (data.bit_depth=10)"


@pytest.mark.parametrize("kind", ["png16_12bit", "tif16_12bit"])
def test_the_cases_of_12_bits(shared, kind):
    folder = shared / "cases" / "bits" / kind
    if not folder.is_dir():
        pytest.skip(f"{folder} is not in the reference data")
    source = with_depth(read(folder / "train.json", folder / "images", quiet=True), "auto")
    assert source.bit_depth == 12 and 100 < source.image(0).min() < source.image(0).max() < 245
    assert narrow(source, 12) == [] and "data.bit_depth=12" in narrow(source, 16)[0].outcome
