"""What is odd about images and splits, on sets that the tests write themselves."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cornernet.data import ShapesSet, identical, read, with_classes
from cornernet.data.check import absent, crowding, crowds, images, merged, shared, specks, unmeasured, unseen
from cornernet.data.contents import contents, facts
from cornernet.data.problems import Finding

IMAGE = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
SOUND = {
    "a.png": cv2.imencode(".png", IMAGE)[1].tobytes(),
    "b.jpg": cv2.imencode(".jpg", IMAGE)[1].tobytes(),
    "c.webp": cv2.imencode(".webp", IMAGE)[1].tobytes(),
    "d.tiff": cv2.imencode(".tiff", IMAGE)[1].tobytes(),
}


def write(folder: Path, files: dict[str, bytes], annotations=(), categories=("cat",), size=(40, 30), name="t"):
    folder.mkdir(exist_ok=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    images = [{"id": i, "file_name": f, "width": size[0], "height": size[1]} for i, f in enumerate(files, 1)]
    entries = [{"image_id": i, "category_id": c, "bbox": list(bbox)} for i, c, bbox in annotations]
    classes = [{"id": i, "name": n} for i, n in enumerate(categories, 1)]
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"images": images, "annotations": entries, "categories": classes}))
    return read(path, folder, "skip", quiet=True)


@pytest.mark.parametrize("decode", [False, True])
def test_nothing_is_found_in_sound_images(tmp_path: Path, decode: bool):
    assert images(write(tmp_path, SOUND), decode) == []


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", "empty image", "is empty"),
        (b"not an image", "not an image", "is not an image that OpenCV can decode"),
        (b"<html></html>", "not an image", "is an HTML page"),
        (SOUND["b.jpg"][:400], "damaged image", "is cut short: the JPEG has no end marker"),
        (SOUND["a.png"][:-20], "damaged image", "is cut short: the PNG has no IEND chunk"),
        (cv2.imencode(".png", IMAGE[:9])[1].tobytes(), "another size", "is 40x9 pixels, the annotation file says"),
    ],
)
def test_a_image_that_cannot_be_used_is_named(tmp_path: Path, data: bytes, kind: str, reason: str, decode: bool):
    (found,) = images(write(tmp_path, {**SOUND, "x.jpg": data}), decode)
    assert found.count == 1 and found.bad and found.example.startswith(f"image 5: {tmp_path}/x.jpg is ")
    assert reason in found.example and (found.kind == kind or (decode and found.kind == "not decodable"))


def test_what_only_decoding_shows(tmp_path: Path):
    at = SOUND["a.png"].find(b"IDAT") + 50
    data = SOUND["a.png"][:at] + bytes([SOUND["a.png"][at] ^ 255]) + SOUND["a.png"][at + 1 :]
    source = write(tmp_path, {"a.png": data})
    assert images(source) == []
    assert "checksum" in images(source, decode=True)[0].example


def test_images_that_are_converted_are_no_fault(tmp_path: Path):
    files = {
        "1.png": cv2.imencode(".png", IMAGE[..., 0])[1].tobytes(),
        "2.jpg": cv2.imencode(".jpg", IMAGE[..., 0])[1].tobytes(),
        "3.png": cv2.imencode(".png", np.dstack([IMAGE, IMAGE[..., :1]]))[1].tobytes(),
        "4.png": cv2.imencode(".png", IMAGE.astype(np.uint16))[1].tobytes(),
    }
    found = {x.kind: (x.count, x.outcome, x.bad) for x in images(write(tmp_path, files))}
    assert found == {
        "grey image": (2, "made three channels of colour", False),
        "alpha image": (1, "alpha dropped: what is under transparent pixels is used", False),
        "16-bit image": (1, "taken as 16 bits, floats from 0 to 1 (data.bit_depth=auto)", False),
    }


def test_a_file_that_vanished_or_may_not_be_opened(tmp_path: Path, monkeypatch):
    source = write(tmp_path, SOUND)
    (tmp_path / "a.png").unlink()
    opened = Path.open

    def refuse(path, *arguments):
        if path.name == "b.jpg":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", refuse)
    (found,) = images(source)
    assert found.count == 2 and "a.png cannot be opened: No such file" in found.example


def test_only_some_images_evenly_spread(tmp_path: Path):
    source = write(tmp_path, {f"{i}.jpg": b"" for i in range(9)})
    assert images(source)[0].count == 9
    assert images(source, most=3)[0].count == 3
    (tmp_path / "4.jpg").write_bytes(SOUND["b.jpg"])
    assert images(source, most=3)[0].count == 2  # 0, 4, 8


def test_crowding_and_specks(tmp_path: Path):
    boxes = [(1, 1, (i, 0, 20, 20)) for i in (0, 4, 8)] + [(2, 1, (0, 0, 3, 3.5)), (2, 1, (0, 0, 3, 9))]
    source = write(tmp_path, SOUND, boxes)
    held = contents(source)
    assert held.per_image().tolist() == [3, 2, 0, 0] and crowding(source, held, 3) == []
    (full,) = crowding(source, held, 1)
    assert (full.count, full.outcome) == (2, "3 objects cut in all")
    assert full.example == "a.png has 3 objects, data.max_objects is 1"
    (speck,) = specks(source, held, lambda width, height: 1, 4)
    assert speck.count == 1 and "b.jpg is 3x3.5 pixels" in speck.example
    assert specks(source, held, lambda width, height: 2, 4) == []
    assert specks(source, held, lambda width, height: 0.5, 4)[0].count == 1
    assert specks(source, held, lambda width, height: 0.4, 4)[0].count == 2


def test_both_splits(tmp_path: Path):
    names = ("cat", "dog", "cow")
    train = write(tmp_path / "1", SOUND, [(1, 1, (0, 0, 9, 9))], names)
    val = write(tmp_path / "2", {"b.jpg": SOUND["b.jpg"]}, [(1, 2, (0, 0, 9, 9)), (1, 2, (0, 0, 5, 5))], names)
    val = with_classes(val, train.category_ids, train.class_names)
    (new,) = unseen(train, contents(train), contents(val))
    assert new.count == 1 and new.example == "'dog' has 2 objects in validation, none in training"
    assert unseen(train, contents(train), contents(train)) == []
    (name,) = shared(train, val)
    assert (name.kind, name.count) == ("file name in both splits", 1) and str(tmp_path / "2" / "b.jpg") in name.example
    (same,) = shared(train, train)
    assert (same.kind, same.count, same.example) == ("image in both splits", 4, "a.png")
    assert shared(train, ShapesSet("val", 2, 32, 1)) == []


def test_facts_of_a_set_and_of_one_without_objects(tmp_path: Path):
    boxes = [(1, 1, (0, 0, 20, 20)), (1, 2, (0, 0, 10, 10)), (2, 1, (0, 0, 10, 10))]
    source = write(tmp_path, SOUND, boxes, ("cat", "dog"))
    found = dict(facts(source, contents(source)))
    assert found["images"] == "4, 2 of them without objects" and found["width, height"] == "40 and 30 pixels"
    assert found["objects"] == "3 of 2 classes" and found["classes"] == "cat 2, dog 1"
    assert found["an image"] == "0.8 objects on average, 2 in a.png"
    assert found["box side"] == "10 to 20 (median 10) pixels (root of the area)"
    empty = write(tmp_path, SOUND, [])
    assert dict(facts(empty, contents(empty)))["objects"] == "0 of 1 class"


def test_a_drawn_set_has_facts_and_no_files():
    source = ShapesSet("train", 5, 64, 3)
    held = contents(source)
    assert len(held.boxes) == sum(len(source.boxes(i)) for i in range(5)) and held.sizes.tolist() == [[64, 64]] * 5
    assert images(source) == [] and "5, 0 of them" in dict(facts(source, held))["images"]


def test_merged_keeps_the_first_of_a_kind():
    several = [Finding("x", 1, "first", "left out"), Finding("y", 1, "other", "used"), Finding("x", 2, "second", "-")]
    assert merged(iter(several)) == [Finding("x", 3, "first", "left out"), Finding("y", 1, "other", "used")]


def test_crowds_that_are_most_of_the_objects(tmp_path: Path):
    source = write(tmp_path, SOUND, [(1, 1, (9 * i, 0, 9, 9)) for i in range(4)])
    held = contents(source)
    (found,) = crowds(source, held._replace(crowds=16))
    assert (found.kind, found.count) == ("mostly crowds", 16) and found.outcome.startswith("not trained on")
    assert found.example == "16 of 20 objects (80%) are crowds (iscrowd, or difficult)"
    assert crowds(source, held._replace(crowds=4)) and crowds(source, held._replace(crowds=3)) == []
    empty = write(tmp_path, SOUND, [])
    assert crowds(empty, contents(empty)) == []


def test_classes_that_a_split_lacks(tmp_path: Path):
    names = tuple("abcdefghijk")
    train = write(tmp_path / "1", SOUND, [(1, 1, (0, 0, 9, 9)), (1, 2, (0, 0, 9, 9))], names)
    val = write(tmp_path / "2", SOUND, [(1, 1, (0, 0, 9, 9)), (1, 3, (0, 0, 5, 5))], names)
    held = contents(train), contents(val)
    (none,) = absent(train, *held)
    assert (none.kind, none.count, none.outcome) == ("class without objects", 8, "cannot be learned")
    assert none.example == "'d' has no objects; others are 'e', 'f', 'g', 'h', ..."
    (missed,) = unmeasured(val, held[1], held[0])
    assert (missed.count, missed.example, missed.outcome) == (1, "'b' has none in validation", "its AP is not measured")
    assert absent(train, held[0], contents(write(tmp_path / "3", SOUND, [], names)))[0].count == 9
    shapes = ShapesSet("val", 2, 32, 1)
    assert absent(shapes, *[contents(shapes)] * 2) == [] == unmeasured(shapes, contents(shapes), contents(shapes))
    assert unmeasured(train, held[0], held[0]) == []


# -- images of the same content ------------------------------------------------------------------------------------

AGAIN = cv2.imencode(".png", IMAGE, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()  # the same pixels in other bytes
LONG = SOUND["a.png"] + b"\0" * 20_000


def test_images_of_the_same_bytes_are_named(tmp_path: Path):
    train = write(tmp_path / "train", {**SOUND, "x.png": SOUND["a.png"], "y.png": SOUND["a.png"]})
    val = write(tmp_path / "val", {"other.jpg": SOUND["b.jpg"], "z.png": SOUND["a.png"], "own.png": AGAIN})
    (split, within), (both, across) = identical.images({"train": train, "val": val})
    assert (split, within.kind, within.count) == ("train", "identical images", 2)
    assert within.example == f"{tmp_path}/train/a.png and {tmp_path}/train/x.png"
    assert (both, across.kind, across.count) == ("both", "identical images in train and val", 2)
    assert across.example == (
        f"{tmp_path}/train/a.png and {tmp_path}/val/z.png; {tmp_path}/train/b.jpg and {tmp_path}/val/other.jpg"
    )
    assert across.outcome == "used: validation will flatter" and not across.bad
    assert identical.images({"train": train})[0][1].count == 2


def test_images_of_the_same_pixels_are_found_by_decoding(tmp_path: Path):
    train, val = write(tmp_path / "1", {"a.png": SOUND["a.png"]}), write(tmp_path / "2", {"b.png": AGAIN, "c.png": b""})
    assert identical.images({"train": train, "val": val}) == []
    ((both, found),) = identical.images({"train": train, "val": val}, decode=True)
    assert both == "both" and found.count == 1 and found.example.endswith(f"/1/a.png and {tmp_path}/2/b.png")


def test_what_is_alike_only_in_parts_or_the_same_file_is_not_told(tmp_path: Path):
    other = bytes([*LONG[:5000], LONG[5000] ^ 1, *LONG[5001:]])  # of the same length, middle and end
    train = write(tmp_path / "1", {"a.png": LONG, "b.png": other, "c.png": SOUND["a.png"], "e.png": b"", "f.png": b""})
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "link.png").symlink_to(tmp_path / "1" / "c.png")
    (tmp_path / "2" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    val = write(tmp_path / "3", {"link.png": LONG[::-1]})
    val.root = tmp_path / "2"
    assert identical.images({"train": train, "val": val}) == []
    assert identical.images({"train": ShapesSet("train", 2, 32, 1)}) == []
