"""What the bytes of an image tell, and the sentence that every broken kind of file gets."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.data.headers import Header, damage, foreign, header
from cornernet.data.images import LARGEST, Fault, examine, read_image

IMAGE = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def encoded(ending, image=IMAGE, *flags):
    return cv2.imencode(ending, image, [int(x) for x in flags])[1].tobytes()


JPEG, PNG, BMP, GIF = (encoded(ending) for ending in (".jpg", ".png", ".bmp", ".gif"))
PROGRESSIVE = encoded(".jpg", IMAGE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 95)
FRAME = JPEG.find(b"\xff\xc0")


def changed(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth=8, colour=2, content=b""):
    """A PNG that claims a size, whatever it holds."""
    size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(content))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + data + chunk(b"IEND", b"")


def exif(data, orientation, order="<"):
    start = b"II*\0" if order == "<" else b"MM\0*"
    tiff = start + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0) + b"\0" * 4
    payload = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def tiff(width, height, bits=8, kind=1, way=1, data=b"", channels=1):
    """A TIFF of one strip whose directory lies before its values, as most programs but OpenCV write it."""
    data = data or bytes(width * height * channels * bits // 8)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8 + 2 + 12 * 11 + 4, 274: way, 277: channels,
            278: height, 279: len(data), 339: kind}  # fmt: skip
    entries = b"".join(
        struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags.items()
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (JPEG, Header(64, 48)),
        (PROGRESSIVE, Header(64, 48)),
        (PNG, Header(64, 48, None)),
        (BMP, Header(64, 48)),
        (GIF, Header(64, 48)),
        (changed(BMP, 22, struct.pack("<i", -48)), Header(64, 48)),  # top row first
        (exif(JPEG, 6), Header(64, 48, True, way=6)),
        (exif(JPEG, 8, ">"), Header(64, 48, True, way=8)),
        (exif(JPEG, 3), Header(64, 48, way=3)),
        (exif(JPEG, 99), Header(64, 48)),
        (encoded(".jpg", IMAGE[..., 0]), Header(64, 48, False, "grey")),
        (encoded(".png", IMAGE[..., 0]), Header(64, 48, None, "grey")),
        (encoded(".png", np.dstack([IMAGE, IMAGE[..., :1]])), Header(64, 48, None, "alpha")),
        (encoded(".png", IMAGE.astype(np.uint16) * 256), Header(64, 48, None, "16-bit", bits=16)),
        (changed(JPEG, FRAME + 9, b"\x04"), Header(64, 48, False, "CMYK")),
        (png(3, 2, colour=3), Header(3, 2, None, "palette")),
        (encoded(".webp"), Header(64, 48, None)),
        (encoded(".webp", IMAGE, cv2.IMWRITE_WEBP_QUALITY, 80), Header(64, 48, None)),
        (encoded(".tiff"), Header(64, 48, None)),
        (encoded(".ppm"), Header(64, 48, None)),
        (encoded(".pgm", IMAGE[..., 0]).replace(b"P5", b"P5 # 9 9"), Header(64, 48, None)),
        (encoded(".jp2"), Header(64, 48, None)),
        (encoded(".tiff", IMAGE.astype(np.uint16)), Header(64, 48, None, "16-bit", bits=16)),
        (encoded(".tiff", IMAGE[..., 0].astype(np.float32)), Header(64, 48, None, "float", bits=32)),
        (encoded(".pgm", IMAGE[..., 0].astype(np.uint16)), Header(64, 48, None, "16-bit", bits=16)),
        (encoded(".webp", np.dstack([IMAGE, IMAGE[..., :1]])), Header(64, 48, None, "alpha")),
        (tiff(64, 48, bits=12), Header(64, 48, None, "16-bit", bits=12)),
        (tiff(64, 48, way=6), Header(64, 48, None, way=6)),
        (bytes(4096), None), (b"RIFF\0\0\0\0WEBPVP9 " + bytes(20), None), (b"II*\0" + bytes(12), None),
        (b"", None), (b"\xff\xd8", None), (PNG[:20], None), (JPEG[: FRAME + 6], None),
        (b"BM", None), (b"GIF89a", None), (b"hello world, this is a text and no image", None),
    ],
)  # fmt: skip
def test_header(data, expected):
    found = header(io.BytesIO(data))
    assert (found and found._replace(sampling=b"")) == expected


def test_sampling():
    grey, lopsided = encoded(".jpg", IMAGE[..., 0]), cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422
    half = encoded(".jpg", IMAGE, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, lopsided)
    found = [header(io.BytesIO(data)).sampling for data in (JPEG, exif(PROGRESSIVE, 6), half, grey, PNG)]
    assert found == [b"\x22\x11\x11", b"\x22\x11\x11", b"\x21\x11\x11", b"\x11", b""]
    assert header(io.BytesIO(JPEG[: FRAME + 14])).sampling == b"\x22"  # cut within


@pytest.mark.parametrize("cut", [6, 10, 14, 20, 25, 30])
def test_a_cut_exif_segment_says_nothing(cut):
    whole = exif(JPEG, 6)
    payload = whole[6:40][:cut]
    data = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + JPEG[2:]
    found = header(io.BytesIO(data))._replace(sampling=b"")
    assert found in (Header(64, 48), Header(64, 48, True, way=6))


@pytest.mark.parametrize("thorough", [False, True])
def test_whole_images_have_no_damage_and_cut_ones_have(thorough):
    for data in (JPEG, PROGRESSIVE, PNG, BMP, GIF, JPEG + b"\0" * 9000, exif(JPEG, 6)):
        assert damage(io.BytesIO(data), thorough) == ""
    for data in (JPEG, PROGRESSIVE):
        for end in (3, FRAME, len(data) // 2, len(data) - 1):
            assert damage(io.BytesIO(data[:end]), thorough) == "cut short: the JPEG has no end marker"
    for end in (9, 20, len(PNG) // 2, len(PNG) - 1):
        assert damage(io.BytesIO(PNG[:end]), thorough) == "cut short: the PNG has no IEND chunk"


def test_a_checksum_is_looked_at_when_the_image_is_read_and_only_where_it_matters():
    at = PNG.find(b"IDAT")
    wrong = changed(PNG, at + 20, bytes([PNG[at + 20] ^ 255]))
    assert damage(io.BytesIO(wrong), thorough=False) == ""
    assert damage(io.BytesIO(wrong)) == "damaged: the checksum of the PNG's IDAT chunk is wrong"
    note = chunk(b"tEXt", b"hello")[:-1] + b"?"  # optional: decoders pass over it
    assert damage(io.BytesIO(PNG[:33] + note + PNG[33:])) == ""


def test_the_fast_look_reads_little():
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    large = encoded(".jpg", np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8))
    stream = Counted(large)
    assert examine(stream, 800, 600)[:2] == (800, 600) and stream.taken < 6000 < len(large) / 20


SENTENCES = {
    "nothing": (b"", "is empty"),
    "zeros": (b"\0" * 5000, "is not an image that OpenCV can decode"),
    "text": (b"hello", "is not an image that OpenCV can decode"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "is not an image: it is an HTML page, as a failed download"),
    "web page behind a mark": (b"\xef\xbb\xbf\r\n<HTML>", "is not an image: it is an HTML page"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image: it is an SVG drawing"),
    "gzip": (gzip.compress(JPEG), "is not an image: it is compressed with gzip; unpack it first"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull fetches the file itself"),
    "pdf": (b"%PDF-1.4", "is a PDF document"),
    "cut jpeg": (JPEG[: len(JPEG) // 2], "is cut short: the JPEG has no end marker"),
    "cut progressive": (PROGRESSIVE[: len(PROGRESSIVE) // 2], "is cut short: the JPEG has no end marker"),
    "cut png": (PNG[: len(PNG) // 2], "is cut short: the PNG has no IEND chunk"),
    "end only named": (PNG[:60] + b"IEND", "is cut short: the PNG has no IEND chunk"),
    "wrong checksum": (changed(PNG, len(PNG) - 14, b"?"), "the checksum of the PNG's IDAT chunk is wrong"),
    "too little in it": (png(64, 48, content=b"\0" * 99), "is not an image that OpenCV can decode"),
    "cut bmp": (BMP[:3000], "is cut short: the BMP has 3000 bytes of 9270"),
    "cut gif": (GIF[:60], "is cut short: the GIF ends within its first image"),
    "cut webp": (encoded(".webp")[:99], "is cut short: the WebP has 99 bytes of "),
    "cut tiff": (encoded(".tiff")[:200], "is cut short: the TIFF has 200 bytes of "),
    "cut tiff with its directory first": (tiff(64, 48)[:-99], "is cut short: the TIFF has "),
    "cut pnm": (encoded(".ppm")[:200], "is cut short: the PNM has 200 bytes of 9229"),
    "float tiff": (
        encoded(".tiff", IMAGE.astype(np.float32)),
        "holds floats from 0 to 248, expected 0 to 1; data.bit_depth=8",
    ),
    "negative tiff": (
        encoded(".tiff", IMAGE.astype(np.int16) - 9),
        "holds whole numbers from -9 to 239, expected 0 to 65535; save it as unsigned 16",
    ),
    "32 bits": (encoded(".tiff", IMAGE.astype(np.int32) * 9999), "holds whole numbers from 0 to 2.47975e+06, expected"),
    "bomb": (png(30_000, 30_000), f"claims to be 30000x30000 pixels, more than the {LARGEST} allowed"),
    "jpeg bomb": (changed(JPEG, FRAME + 5, b"\xff\xff\xff\xff"), "claims to be 65535x65535 pixels"),
    "no width": (png(0, 48), "is not an image: it claims to be 0x48 pixels"),
    "another size": (png(65, 48), "is 65x48 pixels, the annotation file says 64x48"),
    "on its side without a note": (
        encoded(".jpg", IMAGE.transpose(1, 0, 2)),
        "is 48x64 pixels, the annotation file says 64x48: width and height are swapped, and no EXIF note turns it",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_every_broken_file_has_its_sentence(tmp_path: Path, case: str, capfd):
    data, sentence = SENTENCES[case]
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(ValueError) as caught:
        read_image(path, 64, 48)
    assert str(caught.value).startswith(f"{path} ") and sentence in str(caught.value) and "\n" not in str(caught.value)
    assert "OpenCV(" not in str(caught.value) and "[ERROR" not in capfd.readouterr().err


@pytest.mark.parametrize("data", [JPEG, PNG, BMP, GIF, PROGRESSIVE, encoded(".webp"), encoded(".tiff"), exif(JPEG, 3)])
def test_sound_files_are_read(tmp_path: Path, data):
    (tmp_path / "a").write_bytes(data)
    assert read_image(tmp_path / "a", 64, 48).shape == (48, 64, 3)
    assert not isinstance(examine(io.BytesIO(data), 64, 48), Fault)


def test_the_size_is_known_before_anything_is_decoded(tmp_path: Path, monkeypatch):
    (tmp_path / "a").write_bytes(png(9000, 9000))
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(ValueError, match="is 9000x9000 pixels, the annotation file says 64x48"):
        read_image(tmp_path / "a", 64, 48)


def test_foreign():
    assert foreign(b"PK\x03\x04") == "is a zip archive; unpack it first"
    assert foreign(b'{"images": []}') == "" and foreign(JPEG) == "" and foreign(b"") == ""
