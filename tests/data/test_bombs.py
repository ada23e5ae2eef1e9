"""Small files that claim much, and large ones that hold nothing: one sentence, before memory or time are spent."""

import json
import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.data.images import LARGEST, Fault, examine, read_image
from cornernet.data.sources import coco
from cornernet.system import limits

ROOT = Path(__file__).resolve().parents[2]
SMALL = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
JPEG = cv2.imencode(".jpg", SMALL)[1].tobytes()
START = JPEG.find(b"\xff\xc0")  # of the frame's segment
BOMB = JPEG[: START + 5] + struct.pack(">HH", 17000, 17000) + JPEG[START + 9 :]
TWO_GB = 2**31


def behind(data, inserted):
    """A JPEG with something behind its start."""
    return data[:2] + inserted + data[2:]


def deceiving():
    """A JPEG whose decoder sees the large frame, and a parser that takes 0xFF 0 for a segment's marker a small one.

    The latter passes over the large frame and lands in a segment that the decoder passes over.
    """
    scan = BOMB.find(b"\xff\xda")
    tables, note = BOMB[2:scan], b"\xff\xe1" + struct.pack(">H", 2 + len(JPEG[2:]))
    return BOMB[:2] + b"\xff\0" + struct.pack(">H", 2 + len(tables + note)) + tables + note + JPEG[2:] + BOMB[scan:]


def tiff(width, height, order="<", large=False, **tags):
    """A TIFF of one strip or tile that is said to be all of it; `tags`: tile sides."""
    sides = {256: width, 257: height, 258: 1, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 8}
    sides |= {322: tags["tile"], 323: tags["tile"]} if tags else {}
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if large else 42)
    number, pad = ("Q", b"\0" * 4) if large else ("I", b"")
    entries = b"".join(struct.pack(order + "HH" + number * 2, tag, 4, 1, 0)[:-8 if large else -4] +
                       struct.pack(order + "I", value) + pad for tag, value in sorted(sides.items()))  # fmt: skip
    head = start + (struct.pack(order + "HHQ", 8, 0, 16) if large else struct.pack(order + "I", 8))
    return head + struct.pack(order + ("Q" if large else "H"), len(sides)) + entries + bytes(8)


def webp(kind, content):
    body = b"WEBP" + kind + struct.pack("<I", len(content)) + content + cv2.imencode(".webp", SMALL)[1].tobytes()[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width, height, size=40):
    fields = (
        struct.pack("<IiiHH", size, width, height, 1, 8)
        if size == 40
        else struct.pack("<IHHHH", size, 17000, 17000, 1, 8)
    )
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + fields + struct.pack("<IIiiII", 1, 2, 0, 0, 0, 0) + b"\0\1"


def jp2(width, height):
    data = cv2.imencode(".jp2", SMALL)[1].tobytes()
    at = data.find(b"\xff\x4f\xff\x51") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def png(width, height):
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content)) + bytes(20)


CLAIMS = {  # kind of file: what claims to be of 17000 x 17000 pixels or so
    "jpeg": BOMB,
    "jpeg behind a marker 00": behind(BOMB, b"\xff\0\0\2"),
    "jpeg with a small frame for who takes 00 for a marker": deceiving(),
    "jpeg with its frame inside of what looks like a segment 00": behind(
        JPEG, b"\xff\0" + struct.pack(">H", 2 + START + 17) + BOMB[2 : START + 19]
    ),
    "jpeg behind fill bytes": behind(BOMB, b"\xff" * 9000),
    "jpeg behind garbage": behind(BOMB, b"\xff\xe0\0\2" + bytes(9000)),
    "jpeg behind garbage that begins with a length": behind(BOMB, b"\xff\xe0\0\2" + b"\1\2\xff\0\3"),
    "jpeg behind restart markers": behind(BOMB, b"\xff\xd0\xff\xd7\xff\1"),
    "jpeg behind a thumbnail": behind(BOMB, b"\xff\xe1" + struct.pack(">H", len(JPEG) + 2) + JPEG),
    "jpeg, progressive": BOMB.replace(b"\xff\xc0", b"\xff\xc2"),
    "jpeg, arithmetic": BOMB.replace(b"\xff\xc0", b"\xff\xc9"),
    "png": png(17000, 17000),
    "png with a second size": png(17000, 17000)[:33] + png(64, 48)[8:],
    "gif": b"GIF89a" + struct.pack("<HH", 17000, 17000) + cv2.imencode(".gif", SMALL)[1].tobytes()[10:],
    "bmp, run lengths": bmp(17000, 17000),
    "bmp, top row first": bmp(17000, -17000),
    "bmp, lowest number": bmp(17000, -(2**31)),
    "bmp of OS/2": bmp(0, 0, size=12),
    "tiff": tiff(17000, 16000),
    "tiff, big-endian": tiff(17000, 16000, ">"),
    "tiff, BigTIFF": tiff(17000, 16000, "<", True),
    "webp, canvas": webp(b"VP8X", bytes(4) + (16999).to_bytes(3, "little") * 2),
    "webp, lossless": webp(b"VP8L", b"\x2f" + (16382 | 16382 << 14).to_bytes(4, "little") + bytes(9)),
    "webp, lossy": webp(b"VP8 ", b"\x10\0\0\x9d\1\x2a" + struct.pack("<HH", 16383, 16383) + bytes(9)),
    "pnm": b"P5 17000 17000 255\n",
    "pnm with comments": b"P6\n# 64 48\n17000\n# 9\n17000 255\n" + bytes(99),
    "pnm of text": b"P1 17000 17000\n1 0",
    "jpeg 2000": jp2(17000, 17000),
    "jpeg 2000 without boxes": jp2(17000, 17000)[jp2(1, 1).find(b"\xff\x4f\xff\x51") :],
}  # fmt: skip


@pytest.mark.parametrize("kind", CLAIMS)
def test_what_the_decoder_would_see_is_what_counts(tmp_path, kind, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(CLAIMS[kind])
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=rf"a\.jpg claims to be \d+x\d+ pixels, more than the {LARGEST} allowed"):
        read_image(path)


OTHERS = {
    "a canvas of nothing": (
        b"GIF89a" + struct.pack("<HH", 5700, 5700) + cv2.imencode(".gif", SMALL)[1].tobytes()[10:2000],
        "claims to be 5700x5700 pixels in 2000 bytes",
    ),
    "much of nothing": (png(9000, 9000), "claims to be 9000x9000 pixels in 53 bytes, more than 512 for each byte"),
    "tiles larger than the image": (tiff(64, 48, tile=16000), "claims to be 64x48 pixels in tiles of 256000000"),
    "scans": (JPEG[:-2] + JPEG[JPEG.find(b"\xff\xda") : -2] * 100 + JPEG[-2:], "damaged: the JPEG has 101 scans"),
    "avif": (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "is not an image: it is an AVIF or HEIF file"),
    "radiance": (b"#?RADIANCE\n-Y 17000 +X 17000\n", "is a Radiance HDR file; save it as JPEG or PNG"),
    "pfm": (b"PF\n17000 17000\n-1.0\n", "is a PFM file"),
    "sun": (struct.pack(">8I", 0x59A66A95, 17000, 17000, 24, 0, 2, 0, 0), "is a Sun raster file"),
    "exr": (b"v/1\x01" + bytes(9), "is an OpenEXR file"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_ways_to_cost_much(tmp_path, kind, monkeypatch):
    data, sentence = OTHERS[kind]
    (tmp_path / "a.png").write_bytes(data)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError) as caught:
        read_image(tmp_path / "a.png")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def stuffed(data):
    """A PNG whose compressed pixels are followed by others that no pixel needs."""
    at = data.find(b"IDAT")
    end = at + 8 + int.from_bytes(data[at - 4 : at], "big")
    content = b"IDAT" + zlib.compress(bytes(10**8), 9)
    return (
        data[:end] + struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content)) + data[end:]
    )


def test_a_png_that_unpacks_to_more_than_its_pixels_is_not_unpacked(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(stuffed(cv2.imencode(".png", SMALL)[1].tobytes()))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=r"a\.png is damaged: the PNG holds more data than its pixels need"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (97, 61)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_pngs_of_noise_are_within_that(tmp_path, shape, kind):
    for channels in (1, 3, 4):
        noise = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (*shape, channels), kind, True)
        cv2.imwrite(str(tmp_path / "a.png"), noise, [cv2.IMWRITE_PNG_COMPRESSION, 0])
        assert read_image(tmp_path / "a.png").shape == (*shape, 3)


def test_large_photographs_and_odd_heads_are_read(tmp_path):
    large = JPEG[: START + 5] + struct.pack(">HH", 12240, 16320) + JPEG[START + 9 : -2] + bytes(400_000) + JPEG[-2:]
    assert not isinstance(examine(BytesIO(large), 16320, 12240), Fault)
    for data in (behind(JPEG, b"\xff\xe0\0\2" + bytes(99)), behind(JPEG, b"\xff" * 99), JPEG + bytes(2**20)):
        (tmp_path / "a.jpg").write_bytes(data)
        assert read_image(tmp_path / "a.jpg", 64, 48).shape == (48, 64, 3)


DECODE = """
import sys, resource
from cornernet.data import images
from cornernet.data.headers import Header
images.header = lambda stream: Header(64, 48)  # as if our reading of the head were deceived
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    images.read_image(sys.argv[1])
except ValueError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_decoder_holds_itself_to_the_limit(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(BOMB)
    done = subprocess.run([sys.executable, "-c", DECODE, path], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**40)})  # fmt: skip
    sentence, more = done.stdout.splitlines()
    assert sentence == f"{path} claims to be more than the {limits.LARGEST_IMAGE} pixels allowed"
    assert int(more) < 50_000 and not done.stderr  # kilobytes


def sparse(path: Path, data: bytes = b"", end: bytes = b"", length: int = 100 * 2**30) -> Path:
    with path.open("wb") as file:
        file.write(data)
        file.seek(length - len(end))
        file.write(end)
        file.truncate(length)
    return path


@pytest.mark.parametrize("head", [b"", JPEG, cv2.imencode(".png", SMALL)[1].tobytes(), tiff(64, 48)])
@pytest.mark.parametrize("length", [100 * 2**30, 2**28])
def test_images_of_nothing_are_not_read(tmp_path, head, length):
    with pytest.raises(ValueError, match=rf"a\.jpg holds {length} bytes, more than the \d+ allowed"):
        read_image(sparse(tmp_path / "a.jpg", head, length=length))


@pytest.mark.parametrize("length", [100 * 2**30, TWO_GB])
@pytest.mark.parametrize("ends", [(b"", b""), (b"{", b""), (b'{"images": [', b"]}")])
def test_annotations_of_nothing_are_not_read(tmp_path, ends, length):
    path = sparse(tmp_path / "a.json", *ends, length=length)
    with pytest.raises(ValueError, match=r"a\.json is not (JSON: it holds nothing but|an annotation file: it holds)"):
        coco.load(path)


def test_annotations_without_gaps_are_read(tmp_path):
    content = {"images": [1], "annotations": [], "categories": [1], "info": " " * 100_000}
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = coco.load(tmp_path / "a.json")
    assert found | {"annotations": list(found["annotations"])} == content


def test_a_config_of_nothing_is_not_read(tmp_path):
    from cornernet import config

    with pytest.raises(ValueError, match=r"a\.yaml is no config file: it holds \d+ bytes, at most 1048576 are allowed"):
        config.load(sparse(tmp_path / "a.yaml"))
