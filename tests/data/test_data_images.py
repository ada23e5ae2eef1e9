import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.data import read_image

IMAGE = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def jpeg(image: np.ndarray = IMAGE) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def with_segment(data: bytes, marker: int, payload: bytes) -> bytes:
    """Insert a header segment right behind the start of a JPEG."""
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def with_orientation(data: bytes, orientation: int) -> bytes:
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    return with_segment(data, 0xE1, b"Exif\0\0" + tiff)


def test_pixels_are_bgr(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", IMAGE)[1].tobytes())
    assert np.array_equal(read_image(path), IMAGE)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("alpha.png", 0), ("rgb16.png", 0), ("png_named.jpg", 0), ("exif_bad.jpg", 1), ("exif6.jpg", 1),
        ("cmyk.jpg", 2), ("palette.png", 3), ("animated.gif", 3), ("webp.webp", 4), ("gray.jpg", 10),
        ("gray16.png", 10),
    ],
)  # fmt: skip
def test_every_kind_of_image_becomes_the_same_image(shared: Path, name: str, tolerance: float):
    images = shared / "data/hostile/images"
    image, good = read_image(images / name), read_image(images / "good1.jpg")
    assert image.shape == (240, 320, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - good).mean() <= tolerance


def test_bilevel_is_black_and_white(shared: Path):
    assert set(np.unique(read_image(shared / "data/hostile/images/bilevel.png"))) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_expected_size_decides_which_way_up(tmp_path: Path, orientation: int):
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(jpeg(), orientation))
    stored, turned = read_image(path, 64, 48), orientation >= 5
    upright = read_image(path)
    assert upright.shape == ((64, 48, 3) if turned else (48, 64, 3))
    if turned:
        assert np.array_equal(read_image(path, 48, 64), upright)
        assert np.array_equal(stored, cv2.imdecode(np.frombuffer(jpeg(), np.uint8), cv2.IMREAD_COLOR))
    else:
        assert np.array_equal(stored, upright)


def test_exif_of_the_reference_files(shared: Path):
    path = shared / "data/hostile/images/exif6.jpg"
    upright, stored = read_image(path, 320, 240), read_image(path, 240, 320)
    assert np.abs(cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE).astype(int) - upright).mean() < 1


def test_another_size_is_refused(tmp_path: Path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    with pytest.raises(ValueError, match=r"a\.jpg is 64x48 pixels, the annotation file says 48x64"):
        read_image(path, 48, 64)


@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_cut_jpeg_is_refused_wherever_it_is_cut(tmp_path_factory, kept: float):
    thumbnail = jpeg(IMAGE[:16, :16])  # ends with an end marker of its own, inside the header
    data = with_segment(jpeg(), 0xE1, b"Exif\0\0" + thumbnail)
    path = tmp_path_factory.mktemp("cut") / "a.jpg"
    end = int(kept * (len(data) - 1))
    path.write_bytes(data[:end])
    with pytest.raises(ValueError, match=r"a\.jpg is cut short" if end >= 2 else r"a\.jpg is"):
        read_image(path)


def test_bytes_behind_the_end_are_harmless(tmp_path: Path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg() + b"\0" * 100 + b"trailer of some camera")
    assert read_image(path).shape == (48, 64, 3)


def test_a_cut_png_is_refused(tmp_path: Path):
    data = cv2.imencode(".png", IMAGE)[1].tobytes()
    path = tmp_path / "a.png"
    path.write_bytes(data[:-13])
    with pytest.raises(ValueError, match=r"a\.png is cut short"):
        read_image(path)


STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a"]


@given(data=st.binary(max_size=300), start=st.sampled_from(STARTS))
@settings(max_examples=200)
def test_random_bytes_are_refused(tmp_path_factory, data: bytes, start: bytes):
    path = tmp_path_factory.mktemp("bytes") / "a.jpg"
    path.write_bytes(start + data)
    with pytest.raises(ValueError, match=r"a\.jpg"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("truncated.jpg", ValueError, "cut short"),
        ("not_an_image.jpg", ValueError, "not an image"),
        ("zero_byte.jpg", ValueError, "is empty"),
        ("sub", FileNotFoundError, "a folder"),
        ("nowhere.jpg", FileNotFoundError, "missing"),
    ],
)
def test_refusals_name_the_file(shared: Path, name: str, error: type, text: str):
    with pytest.raises(error, match=f"{name}.*{text}"):
        read_image(shared / "data/hostile/images" / name)


ODD = ["one_pixel.png", "tall_20x12000.jpg", "wide_12000x20.jpg", "图像 1.jpg", "sub/nested.jpg"]


@pytest.mark.parametrize("name", ODD)
def test_odd_sizes_and_names_are_read(shared: Path, name: str):
    assert read_image(shared / "data/hostile/images" / name).shape[2] == 3
