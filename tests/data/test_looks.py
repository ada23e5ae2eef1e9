"""What decoding and EXIF notes tell of images that load: turns, hidden backgrounds, names, cuts that were ended."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.data import read, read_image
from cornernet.data.check import images
from cornernet.data.endings import ended_early

SMALL = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
IMAGE = cv2.resize(SMALL, (160, 120), interpolation=cv2.INTER_LINEAR)


def encoded(ending, image=IMAGE, *flags):
    return cv2.imencode(ending, image, [int(x) for x in flags])[1].tobytes()


JPEG, PROGRESSIVE = encoded(".jpg"), encoded(".jpg", IMAGE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = encoded(".jpg", IMAGE, cv2.IMWRITE_JPEG_RST_INTERVAL, 4)


def note(way: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, way, 0) + bytes(4)


def with_note(ending: str, way: int) -> bytes:
    """A file of IMAGE with an EXIF note: JPEG, PNG (chunk eXIf) or WebP (chunk EXIF behind the pixels)."""
    import zlib

    data, exif = encoded(ending), note(way)
    if ending == ".jpg":
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif + data[2:]
    if ending == ".png":
        chunk = b"eXIf" + exif
        return data[:33] + struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    extended = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes([8, 0, 0, 0])
        + (159).to_bytes(3, "little")
        + (119).to_bytes(3, "little")
    )
    body = b"WEBP" + extended + data[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def look(folder: Path, files: dict[str, bytes], size=(160, 120), decode=True):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    records = [{"id": i, "file_name": n, "width": size[0], "height": size[1]} for i, n in enumerate(files, 1)]
    content = {"images": records, "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    (folder / "t.json").write_text(json.dumps(content))
    return images(read(folder / "t.json", folder, "skip", quiet=True), decode)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("way", range(1, 9))
def test_every_orientation_is_named_with_what_its_boxes_are_taken_for(tmp_path, ending, way):
    data = with_note(ending, way)
    stored, turned = look(tmp_path, {f"a{ending}": data}), look(tmp_path, {f"a{ending}": data}, (120, 160))
    if way == 1:
        assert stored == [] and turned[0].bad and "swapped, and no EXIF note turns it" in turned[0].example
    elif way < 5:
        (found,) = stored
        assert (found.kind, found.bad) == ("image that EXIF turns or mirrors", False)
        assert f"EXIF orientation {way}" in found.example and "show_data" in found.outcome
        assert turned[0].bad and f"its EXIF orientation is {way}" in turned[0].example
    else:
        assert [x.kind for x in stored] == ["image that EXIF turns, annotated as it is stored"]
        assert [x.kind for x in turned] == ["image stored on its side"] and f"orientation {way}" in turned[0].example
        assert read_image(tmp_path / f"a{ending}", 160, 120).shape[:2] == (120, 160)


@pytest.mark.parametrize("data", [JPEG, RESTARTS, PROGRESSIVE, encoded(".jpg", IMAGE[..., 0])])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.95])
def test_a_jpeg_that_was_cut_and_ended_is_found(tmp_path, data, share, capfd):
    cut = data[: int(len(data) * share)] + b"\xff\xd9"
    assert ended_early(cut) and not ended_early(data) and not ended_early(data + JPEG)
    (found,) = look(tmp_path, {"a.jpg": cut})
    assert (
        found.bad and found.kind == "damaged image" and "has an end marker, but not all of its pixels" in found.example
    )
    if data is not PROGRESSIVE:  # whose cuts blur
        with pytest.raises(ValueError, match=r"a\.jpg is cut short: the JPEG has an end marker"):
            read_image(tmp_path / "a.jpg")
    assert look(tmp_path, {"a.jpg": data}) in ([], look(tmp_path, {"a.jpg": data}, decode=False))
    assert "extraneous" not in capfd.readouterr().err


def test_a_grey_border_is_no_cut(tmp_path):
    border = cv2.copyMakeBorder(IMAGE, 0, 40, 0, 0, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    (tmp_path / "a.jpg").write_bytes(encoded(".jpg", border))
    assert (read_image(tmp_path / "a.jpg")[-9:] == 128).all()


@pytest.mark.parametrize("ending", [".webp", ".bmp", ".gif", ".tiff", ".ppm"])
@pytest.mark.parametrize("decode", [False, True])
def test_other_cut_files_are_found_by_their_heads(tmp_path, ending, decode):
    whole = encoded(ending)
    assert look(tmp_path, {f"a{ending}": whole}, decode=decode) == []
    for share in (0.3, 0.6, 0.95):
        (found,) = look(tmp_path, {f"a{ending}": whole[: int(len(whole) * share)]}, decode=decode)
        assert found.bad and " is cut short: the " in found.example, share


def test_transparent_pixels_are_counted_by_image(tmp_path):
    alpha = np.full((120, 160, 1), 255, np.uint8)
    sound = np.dstack([IMAGE, alpha])
    alpha[:60] = 0
    hidden = np.dstack([IMAGE, alpha])
    lossless = encoded(".webp", hidden, cv2.IMWRITE_WEBP_QUALITY, 101)
    files = {"a.png": encoded(".png", sound), "b.png": encoded(".png", hidden), "c.webp": lossless,
             "d.png": encoded(".png", hidden.astype(np.uint16) * 257)}  # fmt: skip
    found = {x.kind: x for x in look(tmp_path, files)}["image with transparent pixels"]
    assert found.count == 3 and "b.png, 50% of it" in found.example
    assert found.outcome == "alpha dropped: what is under transparent pixels is used"


def test_a_file_that_is_of_another_kind_than_its_name(tmp_path):
    files = {"a.jpg": encoded(".png"), "b.jpeg": encoded(".png"), "c.png": JPEG, "d.png": encoded(".png")}
    found = [(x.kind, x.count, x.outcome, x.bad) for x in look(tmp_path, files, decode=False)]
    assert found == [
        ("PNG named .jpg", 1, "read as what it is", False),
        ("PNG named .jpeg", 1, "read as what it is", False),
        ("JPEG named .png", 1, "read as what it is", False),
    ]
