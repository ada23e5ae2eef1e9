import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from cornernet.data import AnnotatedSet, read, with_classes
from cornernet.data.annotations.names import Folder, bad_name

HOSTILE = {
    # name: (images, objects, skipped, repaired) where it is read, or the sentence's key words where it is not
    "annotation_iscrowd_bool": (3, 38, {}, {}),
    "annotation_no_area": (3, 38, {}, {}),
    "annotation_no_iscrowd": (3, 38, {}, {}),
    "annotation_unknown_image": (3, 38, {"unknown image": 3}, {}),
    "annotations_empty": (3, 0, {}, {}),
    "annotations_null": r"annotations must be a list, got null",
    "bbox_1e400": (2, 23, {"bbox is not finite": 1}, {}),
    "bbox_empty_list": (2, 23, {"bbox must be four numbers [x, y, w, h]": 1}, {}),
    "bbox_five_numbers": (2, 23, {"bbox must be four numbers [x, y, w, h]": 1}, {}),
    "bbox_full_image": (2, 24, {}, {}),
    "bbox_huge": (2, 23, {"bbox lies outside the image": 1}, {}),
    "bbox_inf": (2, 23, {"bbox is not finite": 1}, {}),
    "bbox_missing_key": (2, 23, {"bbox must be four numbers [x, y, w, h]": 1}, {}),
    "bbox_nan": (2, 23, {"bbox is not finite": 1}, {}),
    "bbox_negative_wh": (2, 23, {"bbox has a negative width or height": 1}, {}),
    "bbox_outside": (2, 23, {"bbox lies outside the image": 1}, {}),
    "bbox_partly_outside": (2, 24, {}, {"box beyond the image": 1}),
    "bbox_past_edge": (2, 24, {}, {"box beyond the image": 1}),
    "bbox_three_numbers": (2, 23, {"bbox must be four numbers [x, y, w, h]": 1}, {}),
    "bbox_tiny": (2, 24, {}, {"bad area": 1}),  # that of the box before it was made tiny
    "bbox_touches_edge": (2, 24, {}, {"bad area": 1}),
    "bbox_xyxy": (2, 24, {}, {"box beyond the image": 17, "corners for sizes": 1}),
    "bbox_zero_w": (2, 23, {"bbox has no area": 1}, {}),
    "bbox_zero_wh": (2, 23, {"bbox has no area": 1}, {}),
    "boxes_duplicate": (2, 24, {"box given twice": 2}, {}),
    "category_duplicate_name": (3, 38, {}, {"category name given twice": 1}),
    "category_key_missing": r"the key categories is missing",
    "category_no_name": (3, 38, {}, {"category without a name": 3}),
    "category_non_ascii": (3, 38, {}, {}),
    "category_unknown": (3, 37, {"unknown category": 1}, {}),
    "crowd_only": (2, 24, {}, {}),
    "crowd_rle_compressed": (3, 38, {}, {}),
    "crowd_rle_uncompressed": (3, 38, {}, {}),
    "crowd_rle_wrong_size": (3, 38, {}, {}),
    "file_name_absolute": (1, 13, {"bad file name": 1}, {}),
    "file_name_backslash": (2, 24, {}, {}),
    "file_name_duplicate": (2, 24, {}, {"file listed twice": 1}),
    "file_name_empty": (1, 11, {"bad file name": 1}, {}),
    "file_name_nfd": (1, 11, {"missing image": 1}, {}),
    "file_name_nul_byte": (1, 11, {"bad file name": 1}, {}),
    "file_name_traversal": (1, 13, {"bad file name": 1}, {}),
    "file_name_unicode": (5, 65, {}, {}),
    "file_name_url": (1, 13, {"bad file name": 1}, {}),
    "good": (6, 75, {}, {}),
    "ids_annotation_zero": (3, 38, {}, {}),
    "ids_category_gaps": (3, 38, {}, {}),
    "ids_category_zero": (3, 38, {}, {}),
    "ids_duplicate_annotation": (3, 38, {}, {"annotation id given twice": 37}),
    "ids_duplicate_image": (2, 24, {"image id given twice": 1, "unknown image": 14}, {}),
    "ids_float": (3, 38, {}, {}),
    "ids_negative": (3, 38, {}, {}),
    "ids_string": (3, 38, {}, {}),
    "images_empty": r"lists no images",
    "img_1x1": (3, 25, {}, {}),
    "img_20x12000": (3, 25, {}, {}),
    "img_animated_gif": (3, 37, {}, {}),
    "img_bilevel_png": (3, 37, {}, {}),
    "img_corrupt_middle": (3, 37, {}, {}),  # decodes, with wrong pixels: nothing short of a checksum would tell
    "img_exif_bad_value": (3, 37, {}, {}),
    "img_exif_rotated_stored": (3, 37, {}, {}),
    "img_grayscale_jpeg": (3, 37, {}, {}),
    "img_is_directory": (2, 24, {"missing image": 1}, {}),
    "img_no_size": (2, 24, {}, {"image without a size": 1}),
    "img_palette_png": (3, 37, {}, {}),
    "img_png16_gray": (3, 37, {}, {}),
    "img_png_named_jpg": (3, 37, {}, {}),
    "img_size_mismatch": (2, 24, {}, {}),  # shows when the image is opened, see UNREADABLE
    "img_truncated_jpeg": (3, 37, {}, {}),  # likewise
    "img_webp": (3, 37, {}, {}),
    "json_bom": (3, 38, {}, {}),
    "json_duplicate_key": r"lists no images \(if the key appears twice, the last one counts\)",
    "json_empty_file": r"is empty",
    "json_latin1": r"is not UTF-8 text: .* at byte 5355",
    "json_truncated": r"is not JSON: .* at line 1, column 3228",
    "json_utf16": (3, 38, {}, {}),
    "many_boxes_500": (2, 511, {}, {"bad area": 104}),
    "no_info": (3, 38, {}, {}),
}  # fmt: skip
DROPPED = {"bbox has no area", "box given twice"}  # no reason to stop
UNREADABLE = {
    "img_size_mismatch": (1, r"good2\.jpg is 320x240 pixels, the annotation file says 640x480"),
    "img_truncated_jpeg": (2, r"truncated\.jpg is cut short"),
}
SENTENCES = {  # of those that on_error stop refuses
    "annotation_unknown_image": r"annotation 900 belongs to image 777, which is not listed",
    "bbox_1e400": r"annotation 2 of good1\.jpg: bbox is not finite, got \[10, 20, inf, 30\]",
    "bbox_empty_list": r"annotation 2 of good1\.jpg: bbox must be four numbers \[x, y, w, h\], got \[\]",
    "bbox_five_numbers": r"annotation 2 of good1\.jpg: bbox must be four numbers .*, got \[10, 10, 20, 20, 0\.5\]",
    "bbox_huge": r"annotation 2 of good1\.jpg: bbox lies outside the image, got \[1000000000",
    "bbox_inf": r"annotation 2 of good1\.jpg: bbox is not finite, got \[10, 20, inf, 30\]",
    "bbox_missing_key": r"annotation 2 of good1\.jpg: bbox must be four numbers \[x, y, w, h\], got None",
    "bbox_nan": r"annotation 2 of good1\.jpg: bbox is not finite, got \[nan, 20, 30, 30\]",
    "bbox_negative_wh": r"annotation 2 of good1\.jpg: bbox has a negative width or height, got \[100, 100, -30, -20\]",
    "bbox_outside": r"annotation 2 of good1\.jpg: bbox lies outside the image, got .* in an image of 320x240 pixels",
    "bbox_three_numbers": r"annotation 2 of good1\.jpg: bbox must be four numbers \[x, y, w, h\], got \[1, 2, 3\]",
    "category_unknown": r"annotation 1 of good1\.jpg has category 99, which is not listed",
    "file_name_absolute": r"image 1: the file name '/.*/outside\.jpg' is an absolute path",
    "file_name_empty": r"image 1: the file name '' is missing or empty",
    "file_name_nfd": r"image 1: there is no file .*, but there is 'caf\\xe9\.jpg', written differently",
    "file_name_nul_byte": r"image 1: the file name 'good\\x001\.jpg' holds a NUL character",
    "file_name_traversal": r"image 1: the file name '\.\./outside\.jpg' leaves the folder of the images",
    "file_name_url": r"image 1: the file name 'http://.*' is a URL; download the images first",
    "ids_duplicate_image": r"image id 1 is given twice, the second time for 'good3\.jpg'",
    "img_is_directory": r"image 3: there is no file .*sub",
}


@pytest.fixture
def hostile(shared: Path, tmp_path: Path):
    """Reader of a hostile json by name, with the placeholder for the folder filled in."""
    root = shared / "data/hostile"

    def load(name: str, on_error: str = "stop") -> AnnotatedSet:
        path = root / "annotations" / f"{name}.json"
        if b"@ROOT@" in path.read_bytes():
            filled = tmp_path / path.name
            filled.write_text(path.read_text().replace("@ROOT@", str(root)))
            path = filled
        return read(path, root / "images", on_error)

    return load


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(hostile, name: str):
    expected = HOSTILE[name]
    if isinstance(expected, str):
        for on_error in ("stop", "skip"):
            with pytest.raises(ValueError, match=rf"{name}\.json.*{expected}") as caught:
                hostile(name, on_error)
            assert "\n" not in str(caught.value)
        return
    images, count, skipped, repaired = expected
    source = hostile(name, "skip")
    assert (len(source), len(source.objects.boxes)) == (images, count)
    assert (source.problems.skipped, +source.problems.repaired) == (skipped, repaired)
    if skipped.keys() - DROPPED:
        with pytest.raises(ValueError, match=SENTENCES[name]) as caught:
            hostile(name)
        assert f"{name}.json" in str(caught.value) and "\n" not in str(caught.value)
    else:
        hostile(name)
    _check_sound(source, UNREADABLE.get(name))


def _check_sound(source: AnnotatedSet, unreadable: tuple[int, str] | None) -> None:
    for i in range(len(source)):
        record, boxes, labels = source.record(i), source.boxes(i), source.labels(i)
        assert boxes.dtype == np.float32 and labels.dtype == np.int64 and len(boxes) == len(labels)
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= [record.width, record.height]).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all() and (labels < len(source.class_names)).all()
        if unreadable and i == unreadable[0]:
            with pytest.raises(ValueError, match=unreadable[1]):
                source.image(i)
        else:
            assert source.image(i).shape == (record.height, record.width, 3)
    truth = source.coco()
    assert [a["id"] for a in truth["annotations"]] == list(range(1, len(source.objects.boxes) + 1))
    assert all({"area", "iscrowd", "bbox", "category_id", "image_id"} <= set(a) for a in truth["annotations"])
    json.dumps(truth)


def test_every_hostile_file_has_its_line(shared: Path):
    read_in_part = {name: found[2] for name, found in HOSTILE.items() if not isinstance(found, str)}
    assert {name for name, skipped in read_in_part.items() if skipped.keys() - DROPPED} == set(SENTENCES)
    assert set(HOSTILE) == {p.stem for p in (shared / "data/hostile/annotations").glob("*.json")}


def test_crowds_are_ground_truth_but_no_objects(hostile):
    source = hostile("crowd_rle_uncompressed")
    crowds = [a for a in source.coco()["annotations"] if a["iscrowd"]]
    assert len(crowds) == 1 and crowds[0]["segmentation"]["size"] == [240, 320]
    assert sum(len(source.boxes(i)) for i in range(len(source))) == 37
    assert all(len(hostile("crowd_only").boxes(i)) == 0 for i in range(2))


def test_ids_come_back_as_they_were(hostile):
    assert hostile("ids_category_gaps").category_ids == [7, 42, 90]
    assert hostile("ids_category_zero").category_ids == [0, 1, 2]
    assert hostile("ids_string").record(0).image_id == "img_1"
    assert hostile("ids_negative").coco()["images"][0]["id"] == -5
    ids = {type(a["image_id"]) for a in hostile("ids_float").coco()["annotations"]}
    assert ids == {int}
    assert hostile("category_no_name").class_names == ["1", "2", "3"]


def test_a_box_far_outside_is_clipped_everywhere(hostile):
    source = hostile("bbox_past_edge")
    assert [300, 220, 320, 240] in source.boxes(0).tolist()
    (entry,) = [a for a in source.coco()["annotations"] if a["bbox"][:2] == [300, 220]]
    assert entry["bbox"] == [300, 220, 20, 20] and entry["area"] == 400


def test_real_coco_equals_the_reference_reader(shared: Path, capsys):
    folder = shared / "data/coco_mini"
    path = folder / "annotations/instances_train2017.json"
    source, reference = read(path, folder / "images/train2017"), COCO(path)
    assert len(source) == 92 and len(source.category_ids) == 80 and source.category_ids[-1] == 90
    truth = source.coco()
    ours = sorted((a["image_id"], a["category_id"], *a["bbox"], a["area"], a["iscrowd"]) for a in truth["annotations"])
    theirs = reference.anns.values()
    assert ours == sorted((a["image_id"], a["category_id"], *a["bbox"], a["area"], a["iscrowd"]) for a in theirs)
    for i in range(len(source)):
        entries = reference.imgToAnns[source.record(i).image_id]
        wanted = [a["category_id"] for a in entries if not a["iscrowd"]]
        assert [source.category_ids[label] for label in source.labels(i)] == wanted


def coco_dict(**changes) -> dict:
    base = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    return {**base, **changes}


def load(folder: Path, content, on_error: str = "stop") -> AnnotatedSet:
    (folder / "a.png").write_bytes(cv2.imencode(".png", np.zeros((6, 8, 3), np.uint8))[1].tobytes())
    data = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
    (folder / "t.json").write_bytes(json.dumps(content).encode() if data is None else data)
    return read(folder / "t.json", folder, on_error)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], "expected a dict with the keys images, annotations, categories, got a list"),
        ({}, "the key images and the key annotations and the key categories is missing"),
        ("[" * 100_000, "nested too deeply"),
        ("{'a': 1}", "is not JSON: .* at line 1, column 2"),
        ('{"a": ' + "9" * 5000 + "}", "not readable as JSON"),
        (coco_dict(categories=[]), "lists no categories"),
        (coco_dict(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), "id 1 is given twice, 'a' and 'b'"),
        (coco_dict(categories=[{"id": "x", "name": "a"}]), "entry 0 of categories has no integer id"),
        (coco_dict(categories=[None]), "entry 0 of categories has no integer id"),
        (coco_dict(images=[5]), "entry 0 of images has no id"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": -8, "height": 6}]), "must be positive integers"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": "8", "height": 6}]), "must be positive integers"),
        (coco_dict(images=[{"id": 1}]), "the file name None is missing or empty"),
        (coco_dict(images=[{"id": 1, "file_name": "C:\\a.png"}]), "absolute"),
        (coco_dict(images=[{"id": 1, "file_name": "x\\..\\..\\a.png"}]), "leaves the folder"),
        (coco_dict(annotations=[7]), "entry 0 of annotations is not a dict"),
        (coco_dict(annotations=[{"image_id": [1]}]), r"belongs to image \[1\]"),
        (coco_dict(annotations=[{"image_id": True, "category_id": 3}]), "belongs to image True"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": ["1", 2, 3, 4]}]), "must be four numbers"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 10**400, 4]}]), "not finite"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 1e-12, 4]}]), "too thin"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 2}]), "iscrowd 2"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": []}]), "iscrowd"),
        ("null", "got null"), ("5", "got a number"), ('"x"', "got a text"), ("NaN", "got a number"),
        (coco_dict(images={"a": 1}), "images must be a list, got a mapping"),
        (coco_dict(images=[{"id": True, "file_name": "a.png"}]), "entry 0 of images has no id"),
        (coco_dict(images=[{"id": "\ud800", "file_name": "a.png"}]), "entry 0 of images has no id"),
        (coco_dict(images=[{"id": 2**63, "file_name": "a.png"}]), "entry 0 of images has no id"),
        (coco_dict(images=[{"id": 1e308, "file_name": "a.png"}]), "entry 0 of images has no id"),
        (coco_dict(categories=[{"id": 10**300, "name": "a"}]), "no integer id of 64 bits, its id is 1000"),
        (coco_dict(images=[{"id": 1.5, "file_name": "a.png"}]), "entry 0 of images has no id"),
        (coco_dict(images=[{"id": 1, "file_name": "."}]), r"the file name '\.' names no file"),
        (coco_dict(images=[{"id": 1, "file_name": "./"}]), r"the file name '\./' names no file"),
        (coco_dict(images=[{"id": 1, "file_name": " "}]), "the file name ' ' names no file"),
        (coco_dict(images=[{"id": 1, "file_name": 5}]), "the file name 5 is not a text"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": 10**400, "height": 6}]), r"width 1000.*\.\.\.\]"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": float("nan"), "height": 6}]), "width nan"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": True, "height": 6}]), "width True"),
        (coco_dict(images=[{"id": 1, "file_name": "a.png", "width": 8, "height": 0}]), "height 0 must be positive"),
        (coco_dict(categories=[{"id": "3", "name": "cat"}]), "no integer id of 64 bits, its id is '3'"),
        (coco_dict(categories=[{"id": True, "name": "cat"}]), "no integer id of 64 bits, its id is True"),
        (coco_dict(categories=[{"id": 1, "name": "n" * 9999}] * 2), r"id 1 is given twice, .*\[\.\.\.\]"),
        (coco_dict(annotations=[{"id": "x" * 9999, "image_id": 1, "category_id": 3}]), r"x \[\.\.\.\] x.*bbox"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": {"x": 1}}]), r"got \{'x': 1\}"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": "1,2,3,4"}]), "got '1,2,3,4'"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [True, 0, 1, 1]}]), "must be four numbers"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": 3, "bbox": [[1, 2, 3, 4]]}]), "must be four numbers"),
        (coco_dict(annotations=[{"image_id": 1, "category_id": "3", "bbox": [1, 2, 3, 4]}]), "category '3', which"),
        (b"\x1f\x8b\x08rest", "is not JSON: it is compressed with gzip; unpack it first"),
        (b"<!DOCTYPE html>", "is not JSON: it is an HTML page, as a failed download leaves it"),
        (b"version https://git-lfs.github.com/spec/v1", "is not JSON: it is a pointer of Git LFS"),
        (b"\0" * 100, "is not JSON"),
        (json.dumps(coco_dict()).encode("utf-16")[:-1], "is not UTF-16-LE text: truncated data"),
        (json.dumps(coco_dict()) * 2, "is not JSON: Extra data"),
    ],
)  # fmt: skip
def test_sentences(tmp_path: Path, content, text: str):
    with pytest.raises(ValueError, match=text) as caught:
        load(tmp_path, content)
    assert "t.json" in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_objects_find_their_images_in_any_order(tmp_path: Path):
    images = [{"id": n, "file_name": "a.png", "width": 8, "height": 6} for n in (5, 1, 3)]
    boxes = [(3, 0), (5, 1), (1, 2), (5, 3), (3, 4)]
    annotations = [{"image_id": n, "category_id": 3, "bbox": [x, 0, 2, 2]} for n, x in boxes]
    source = load(tmp_path, coco_dict(images=images, annotations=annotations))
    assert [source.boxes(i)[:, 0].tolist() for i in range(3)] == [[1, 3], [2], [0, 4]]
    assert [a["image_id"] for a in source.coco()["annotations"]] == [5, 5, 1, 3, 3]


def test_ids_of_both_kinds_are_refused(tmp_path: Path):
    images = [{"id": n, "file_name": "a.png", "width": 8, "height": 6} for n in (1, "one")]
    with pytest.raises(ValueError, match="some image ids are integers, some strings"):
        load(tmp_path, coco_dict(images=images))


def test_nothing_left_is_an_error_even_when_skipping(tmp_path: Path):
    with pytest.raises(ValueError, match="no image can be used: 1 x bad file name, the first: image 1: the file name"):
        load(tmp_path, coco_dict(images=[{"id": 1, "file_name": "../a.png"}]), "skip")


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_wrong_folder_is_one_sentence(tmp_path: Path, on_error: str):
    images = [{"id": n, "file_name": f"{n}.png", "width": 8, "height": 6} for n in range(5)]
    with pytest.raises(FileNotFoundError, match=r"none of the 5 images that .*t\.json lists is in .*0\.png"):
        load(tmp_path, coco_dict(images=images), on_error)


def test_missing_files_are_listed_with_the_cure(tmp_path: Path):
    with pytest.raises(FileNotFoundError) as caught:
        read(tmp_path / "annotations/instances_train2017.json", tmp_path / "train2017")
    text = str(caught.value)
    for part in ("no file ", "instances_train2017.json", "no folder ", "data.root", "annotations_trainval2017.zip"):
        assert part in text


def test_names_that_no_terminal_may_obey(tmp_path: Path):
    images = [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}, {"id": 2, "file_name": "\x1b[31m\ud800.png"}]
    with pytest.raises(ValueError) as caught:
        load(tmp_path, coco_dict(images=images))
    assert str(caught.value).encode().isascii() and r"\x1b[31m\ud800.png" in str(caught.value)
    names = {1: "\x1b[31mred\n", 2: "\ud800", 3: "n" * 9999, 4: "  ", 5: None, 6: 7}
    source = load(tmp_path, coco_dict(categories=[{"id": i, "name": name} for i, name in names.items()]))
    assert source.class_names[:2] == [r"\x1b[31mred", r"\ud800"] and source.class_names[3:] == ["4", "5", "6"]
    assert len(source.class_names[2]) < 400 and source.problems.repaired["category name not printable"] == 3


@pytest.mark.parametrize("name", ["红细胞", "эритроцит", "گلبول‌قرمز", "क्षेत्र", "🩸 cell", "a\u3000b", "été"])
def test_names_in_any_script_stay_as_they_are(tmp_path: Path, name: str):
    source = load(tmp_path, coco_dict(categories=[{"id": 3, "name": name}]))
    assert source.class_names == [name] and not source.problems.repaired


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_json_is_read(tmp_path: Path, encoding: str):
    text = json.dumps(coco_dict(categories=[{"id": 3, "name": "été"}]), ensure_ascii=False)
    assert load(tmp_path, text.encode(encoding)).class_names == ["été"]


@pytest.mark.parametrize("area", [float("nan"), -1, "12", [12], 10**400, True])
def test_an_area_that_is_none_is_that_of_the_box_and_counted(tmp_path: Path, area):
    entries = [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "area": area}]
    source = load(tmp_path, coco_dict(annotations=entries))
    assert source.objects.area.tolist() == [12] and source.problems.repaired == {"bad area": 1}


def test_a_file_that_looks_the_same_is_pointed_at(tmp_path: Path):
    images = [{"id": n, "file_name": name, "width": 8, "height": 6} for n, name in enumerate(["a.png", "A.PNG"])]
    with pytest.raises(ValueError, match=r"there is no file .*A\.PNG, but there is 'a\.png', written differently"):
        load(tmp_path, coco_dict(images=images))


def test_a_folder_that_may_not_be_listed_is_no_missing_image(tmp_path: Path, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cornernet.data.annotations.names.os.scandir", scandir)
    with pytest.raises(PermissionError, match="Permission denied"):
        load(tmp_path, coco_dict())


def test_links_inside_the_folder_are_followed(tmp_path: Path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "elsewhere.png").write_bytes(cv2.imencode(".png", np.zeros((6, 8, 3), np.uint8))[1].tobytes())
    (tmp_path / "inside" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (tmp_path / "inside" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    names = ["link.png", "broken.png"]
    images = [{"id": n, "file_name": name, "width": 8, "height": 6} for n, name in enumerate(names)]
    load(tmp_path, coco_dict())
    (tmp_path / "t.json").write_text(json.dumps(coco_dict(images=images, annotations=[])))
    source = read(tmp_path / "t.json", tmp_path / "inside", "skip")
    assert source.problems.skipped == {"missing image": 1} and source.image(0).shape == (6, 8, 3)


def test_nothing_there_and_a_file_for_a_folder(tmp_path: Path):
    load(tmp_path, coco_dict())
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*nowhere, no folder .*a\.png \(it is a file\)"):
        read(tmp_path / "nowhere", tmp_path / "a.png")


def test_annotation_id_zero_and_no_detection_leave_the_figures_alone(hostile):
    from cornernet.evaluation.scoring import coco_metrics

    source = hostile("ids_annotation_zero")
    truth = source.coco()
    perfect = [{**{k: a[k] for k in ("image_id", "category_id", "bbox")}, "score": 0.9} for a in truth["annotations"]]
    raw = json.loads(Path(source.origin).read_text())
    assert min(a["id"] for a in raw["annotations"]) == 0
    for known in (truth, raw):
        assert coco_metrics(known, perfect).AP == pytest.approx(1) and coco_metrics(known, []).AP == 0
    empty = hostile("annotations_empty").coco()
    assert coco_metrics(empty, []).AP == -1


def test_each_kind_is_logged_once_and_counted(tmp_path: Path, caplog):
    annotations = [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 0, 0]}] * 50
    for on_error in ("skip", "stop"):  # a box without area is left out in either mode
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            source = load(tmp_path, coco_dict(annotations=annotations), on_error)
        assert source.problems.skipped == {"bbox has no area": 50} and len(caplog.records) == 1


def test_classes_of_validation_follow_training(tmp_path: Path):
    source = load(tmp_path, coco_dict())
    mapped = with_classes(source, [1, 3, 5], ["dog", "cat", "cow"])
    assert mapped.labels(0).tolist() == [1] and mapped.class_names == ["dog", "cat", "cow"]
    assert mapped.coco()["annotations"][0]["category_id"] == 3 and len(mapped.coco()["categories"]) == 3
    with pytest.raises(ValueError, match=r"category 3 \('cat'\) is unknown to the training set"):
        with_classes(source, [1, 5], ["dog", "cow"])
    with pytest.raises(ValueError, match="category 3 is 'cat' here and 'dog' in the training set"):
        with_classes(source, [3], ["dog"])


numbers = st.one_of(st.integers(-50, 400), st.floats(allow_nan=True, allow_infinity=True), st.just(10**400), st.none())


@given(boxes=st.lists(st.lists(numbers, min_size=3, max_size=5), max_size=5))
def test_whatever_the_boxes_what_is_read_is_sound(tmp_path_factory, boxes):
    entries = [{"image_id": 1, "category_id": 3, "bbox": b} for b in boxes]
    source = load(tmp_path_factory.mktemp("coco"), coco_dict(annotations=entries), "skip")
    assert len(source.objects.boxes) + sum(source.problems.skipped.values()) == len(boxes)
    _check_sound(source, None)
    assert np.isfinite(source.objects.bbox).all() and (source.objects.area > 0).all()


@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused(tmp_path_factory, data: bytes):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "t.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"t\.json"):
        read(folder / "t.json", folder)


def test_a_link_in_a_circle_hides_no_other_image(tmp_path: Path):
    folder = Folder(tmp_path)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert folder.has("a.jpg") and not folder.has("loop.jpg")


@pytest.mark.parametrize("name", ["C:/a.jpg", "C:a.jpg", "c:\\a.jpg"])
def test_a_drive_of_windows_is_not_in_the_folder(name: str):
    assert bad_name(name).startswith("is an absolute path") and not bad_name("ab:c.jpg")
