"""JPEGs that shrink a lot are decoded at a part of their size where that is as good as whole."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornernet.config import Data
from cornernet.data import AnnotatedSet, pipeline, read, read_image
from cornernet.data import images as reading
from cornernet.data.dataset import TrainDataset
from cornernet.data.geometry import resize_longest
from cornernet.data.headers import Header
from cornernet.data.reduced import FLAGS, LEAST, reduced
from tests.data.test_data_images import with_orientation

SAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}  # fmt: skip


def stored(image: np.ndarray, sampling: str = "4:2:0", quality: int = 90, *more: int) -> bytes:
    how = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling], *more]
    return cv2.imencode(".jpg", image, how)[1].tobytes()


def whole(path: Path, longest: int, *size: int) -> np.ndarray:
    return resize_longest(read_image(path, *size), np.zeros((0, 4)), longest)[0]


@pytest.fixture
def flags(monkeypatch) -> list[int]:
    """By what the sides of every image that is decoded are divided."""
    seen, decode = [], reading._decode

    def noted(data, how):
        seen.append(next((by for by, flag in FLAGS.items() if how & ~cv2.IMREAD_IGNORE_ORIENTATION == flag), 1))
        return decode(data, how)

    monkeypatch.setattr(reading, "_decode", noted)
    return seen


@pytest.fixture(scope="module")
def photographs(shared: Path) -> np.ndarray:
    """36 photographs beside each other, 2400 pixels a side: far sharper than one from a camera of that size."""
    paths = sorted((shared / "data/coco_mini/images/train2017").glob("*.jpg"))
    tiles = [x for x in map(read_image, paths) if min(x.shape[:2]) >= 400][:36]
    return np.vstack([np.hstack([x[:400, :400] for x in tiles[row : row + 6]]) for row in range(0, 36, 6)])


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "4:2:2", "4:4:0"])
@pytest.mark.parametrize(
    ("size", "longest", "by"),
    [
        ((1500, 2000), 192, 2),  # as 4000 x 3000 to 384
        ((1799, 2399), 230, 2),  # odd sides
        ((1801, 2233), 201, 2),
        ((1152, 1536), 256, 2),  # to a whole sixth
        ((1152, 1536), 192, 4),
        ((1152, 1536), 96, 8),
        ((2397, 2399), 97, 4),  # odd sides, to less than a 24th
        ((2399, 2399), 42, 8),
        ((1500, 2000), 165, 2),  # as 6000 x 4000 to 500
    ],
)
def test_it_is_as_good_as_the_whole(photographs, tmp_path: Path, flags, size, longest, by, sampling):
    path = tmp_path / "a.jpg"
    path.write_bytes(stored(photographs[: size[0], : size[1]], sampling))
    found = read_image(path, longest_side=longest)
    assert flags == [by] if sampling in ("4:4:4", "4:2:0") else flags <= [by]
    expected = whole(path, longest)
    assert found.shape == expected.shape
    apart = np.abs(found.astype(int) - expected)
    assert apart.mean() <= 0.5 and (apart <= 3).mean() >= 0.99


@given(st.integers(1200, 1300), st.integers(900, 1000), st.sampled_from([100, 96, 84, 40, 25, 18]))
def test_nothing_moves_whatever_the_sides(tmp_path_factory, width, height, longest):
    """Waves of four wanted pixels: a shift by a tenth of a pixel at the far edges would be 14 grey levels."""
    path = tmp_path_factory.mktemp("waves") / "a.jpg"
    y, x = np.ogrid[:height, :width]
    step = max(width, height) / longest
    waves = 128 + 50 * np.sin((x + 0.5) * np.pi / 2 / step) + 50 * np.sin((y + 0.5) * np.pi / 2 / step)
    path.write_bytes(stored(np.repeat(waves.round().astype(np.uint8)[..., None], 3, 2), quality=98))
    found = read_image(path, longest_side=longest)
    inside = (slice(None, -1), slice(None, -1))  # the last mean of odd sides holds what the encoder put beyond them
    assert np.abs(found.astype(int) - whole(path, longest))[inside].max() <= 4


@pytest.mark.parametrize(
    ("width", "height", "longest", "by"),
    [
        (4000, 3000, 384, 2), (4032, 3024, 384, 2), (6000, 4000, 384, 2), (3840, 2160, 384, 2), (3840, 2160, 480, 4),
        (3840, 2160, 640, 2), (3072, 2304, 192, 8), (9216, 6912, 384, 8), (9217, 6912, 384, 4), (21600, 10800, 384, 8),
        (3999, 2999, 400, None), (4001, 3001, 400, 2), (4000, 3000, 512, None), (1920, 1080, 384, None),
        (640, 480, 384, None), (640, 480, 320, None), (640, 480, 640, None), (640, 480, 1280, None),
        (12000, 3, 384, None), (4000, 3000, None, None), (1, 1, 1, None),
    ],
)  # fmt: skip
def test_where_it_is_done(width, height, longest, by):
    found = reduced(Header(width, height, sampling=b"\x22\x11\x11"), width, height, longest)
    assert (found and found.by) == by
    turned = Header(height, width, True, way=6, sampling=b"\x11\x11\x11")
    found = reduced(turned, width, height, longest)
    assert (found and found.by) == (None if width % 2 else by)


def test_where_it_is_not():
    head = Header(4000, 3000, sampling=b"\x22\x11\x11")
    assert reduced(head, None, None, 384).wanted == (288, 384)
    assert reduced(head._replace(sampling=b"\x22"), None, None, 384).decoded == (1500, 2000)
    for other in (b"", b"\x21\x11\x11", b"\x12\x11\x11", b"\x41\x11\x11", b"\x11" * 4):  # no JPEG, 4:2:2 ..., CMYK
        assert reduced(head._replace(sampling=other), None, None, 384) is None
    assert reduced(head, 3000, 4000, 384) is None
    odd = head._replace(width=4001)
    assert reduced(odd, None, None, 384).decoded == (1500, 2001)
    assert reduced(odd._replace(way=3), None, None, 384) is None  # its last column comes first


@pytest.mark.parametrize("sampling", SAMPLING)
def test_the_sampling_is_read_from_the_file(tmp_path: Path, flags, sampling):
    path, image = tmp_path / "a.jpg", np.full((480, 640, 3), (40, 90, 200), np.uint8)
    path.write_bytes(stored(image, sampling))
    for longest in (60, 50):
        read_image(path, longest_side=longest)
    assert flags == {"4:4:4": [2, 2], "4:2:0": [2, 2], "4:1:1": [1, 1]}.get(sampling, [1, 2])
    path.write_bytes(stored(image[..., 0], sampling))
    read_image(path, longest_side=60)
    assert flags[2:] == [2]


@pytest.mark.parametrize("how", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_images(photographs, tmp_path: Path, flags, orientation, how):
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(stored(photographs[:480, :640], "4:2:0", 90, *how), orientation))
    size = (480, 640) if orientation >= 5 else (640, 480)
    found = read_image(path, *size, longest_side=60)
    assert flags == [2]
    apart = np.abs(found.astype(int) - whole(path, 60, *size))
    assert apart.mean() <= 0.5 and apart.max() < 20
    if orientation >= 5:  # boxes on the pixels as they are stored
        assert np.array_equal(read_image(path, 640, 480, longest_side=60), whole(path, 60, 640, 480))


@pytest.mark.parametrize("longest", [640, 384, 320, 1000, 129])
def test_what_shrinks_less_is_the_same_bit_by_bit(photographs, tmp_path: Path, longest):
    path = tmp_path / "a.jpg"
    path.write_bytes(stored(photographs[:480, :640]))
    assert np.array_equal(read_image(path, 640, 480, longest_side=longest), whole(path, longest))


@pytest.mark.parametrize("ending", [".png", ".webp", ".bmp", ".tif"])
def test_other_files_are_the_same_bit_by_bit(photographs, tmp_path: Path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(cv2.imencode(ending, photographs[:480, :640])[1].tobytes())
    assert np.array_equal(read_image(path, longest_side=40), whole(path, 40))
    deep = cv2.imencode(".png", photographs[:480, :640].astype(np.uint16) * 257)[1]
    path.write_bytes(deep.tobytes())
    assert np.array_equal(read_image(path, longest_side=40), whole(path, 40))


def test_unusual_files_are_the_same_as_whole(shared: Path):
    """Every file that must work or be refused is or does at 1, 4 and 30 pixels as it was."""
    seen = set()
    for path in sorted(x for x in (shared / "data/hostile/images").rglob("*") if x.is_file()):
        for longest in (1, 4, 30):
            try:
                expected = whole(path, longest)
            except ValueError as error:
                with pytest.raises(ValueError) as told:
                    read_image(path, longest_side=longest)
                assert str(told.value) == str(error)
                seen.add("refused")
                continue
            apart = np.abs(read_image(path, longest_side=longest).astype(int) - expected)
            assert apart.mean() <= 1, path.name
            seen.add("read")
    assert seen == {"refused", "read"}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])  # of the last less than a wanted pixel is missing
def test_cut_files_are_refused_alike(photographs, tmp_path: Path, share):
    path, data = tmp_path / "a.jpg", stored(photographs[:960, :1280])
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="cut short: the JPEG has no end marker"):
        read_image(path, longest_side=100)
    path.write_bytes(data[: int(share * len(data))] + b"\xff\xd9")
    for longest in (100, 40):
        with pytest.raises(ValueError, match="is cut short: the JPEG has an end marker"):
            read_image(path, longest_side=longest)


def test_another_size_is_refused(photographs, tmp_path: Path):
    path = tmp_path / "a.jpg"
    path.write_bytes(stored(photographs[:480, :640]))
    with pytest.raises(ValueError, match="is 640x480 pixels, the annotation file says 320x240"):
        read_image(path, 320, 240, longest_side=40)


def test_a_decoder_that_gives_another_size_is_not_believed(photographs, tmp_path: Path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(stored(photographs[:480, :640]))
    expected, decode = whole(path, 60), reading._decode
    for wrong in (reading.Fault("x", "x"), np.zeros((10, 10, 3), np.uint8)):
        monkeypatch.setattr(reading, "_decode", lambda data, how: decode(data, how) if how == 1 else wrong)  # noqa: B023
        assert np.array_equal(read_image(path, longest_side=60), expected)


@pytest.fixture
def large(photographs, tmp_path: Path) -> AnnotatedSet:
    """Two images, one of odd sides, with two boxes each."""
    sizes = [(1279, 961), (640, 480)]
    for i, (width, height) in enumerate(sizes):
        (tmp_path / f"{i}.jpg").write_bytes(stored(photographs[:height, :width]))
    boxes = [[0, 0, 1, 1], [0.13, 0.27, 0.61, 0.33]]
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": w, "height": h} for i, (w, h) in enumerate(sizes)],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {"id": 2 * i + k, "image_id": i, "category_id": 1, "bbox": [x * w, y * h, a * w, b * h], "area": 1}
            for i, (w, h) in enumerate(sizes) for k, (x, y, a, b) in enumerate(boxes)
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(content))
    return read(tmp_path / "a.json", tmp_path)


def test_boxes_are_those_of_the_whole_image_bit_by_bit(large):
    for i in range(2):
        for longest in (64, 120, 400, 640):
            image, boxes = large.sized(i, longest)
            expected, there = resize_longest(large.image(i), large.boxes(i).astype(np.float64), longest)
            assert image.shape == expected.shape and np.array_equal(boxes, there)
            assert boxes[0].tolist() == [0, 0, image.shape[1], image.shape[0]]


def test_the_loader_reads_so_and_only_where_resizing_comes_first(large, flags):
    def sample(longest: int | None, transforms: dict, source: object = large):
        made = pipeline.build(Data(input_size=[64, 64], longest_side=longest, transforms=transforms))
        return TrainDataset(source, made)[0, 0]

    found = sample(64, {"fit": {}})
    assert flags == [2]
    flags.clear()

    class Plain:  # a source of one's own, which offers no more than it must
        __len__, image, boxes, labels, record = (
            staticmethod(getattr(large, x)) for x in ("__len__", "image", "boxes", "labels", "record")
        )

    expected = sample(64, {"fit": {}}, Plain())
    assert flags == [1]
    assert np.array_equal(found.boxes, expected.boxes) and np.array_equal(found.labels, expected.labels)
    assert np.abs(found.image.astype(int) - expected.image).mean() <= 0.5
    sample(None, {"fit": {}})
    sample(256, {"crop": {}})
    assert flags == [1, 1, 1]


def test_more_is_asked_of_sides_that_do_not_divide():
    assert list(LEAST) == sorted(LEAST, reverse=True)  # the largest that is good enough is taken
    assert all(whole < other for whole, other in LEAST.values())
