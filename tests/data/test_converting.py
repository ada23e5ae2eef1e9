"""Sets written in other formats, and read again: boxes, classes, images and what a format cannot say."""

import json
import string

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.config import Data, Split
from cornernet.data import WRITERS, build_sources, convert, read
from cornernet.data.placing import names, place

CLASSES = ["no", 'red, "fast"; <it\'s> & 1: x', "細胞 é 🩸", "- a"]


def coco(folder, sizes, boxes, classes=CLASSES, file_names=None, extra=()):
    """Write a COCO file and its images; boxes: (image, class, [x, y, w, h]); extra: further keys of annotations."""
    file_names = file_names or [f"{i}.png" for i in range(len(sizes))]
    for name, (width, height) in zip(file_names, sizes, strict=True):
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / name).write_bytes(cv2.imencode(".png", np.zeros((height, width), np.uint8))[1].tobytes())
    sides = zip(file_names, sizes, strict=True)
    held = {
        "images": [{"id": i + 5, "file_name": n, "width": w, "height": h} for i, (n, (w, h)) in enumerate(sides)],
        "annotations": [
            {"id": i, "image_id": image + 5, "category_id": label + 1, "bbox": list(box), **dict(extra)}
            for i, (image, label, box) in enumerate(boxes)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes, 1)],
    }
    (folder / "all.json").write_text(json.dumps(held))
    return folder / "all.json"


def content(source):
    """Size and pixels of each image -> its boxes in their order, with the names of their classes."""
    found = {}
    for i in range(len(source)):
        rows, image = slice(int(source.objects.start[i]), int(source.objects.start[i + 1])), source.image(i)
        labels = [source.class_names[label] for label in source.objects.labels[rows]]
        boxes, crowds = source.objects.bbox[rows].tolist(), source.objects.iscrowd[rows].tolist()
        found[image.shape, image.tobytes()] = list(zip(labels, crowds, boxes, strict=True))
    assert len(found) == len(source)
    return found


def same(before, after, pixels=1e-3):
    """Assert that two sources hold the same images with the same boxes."""
    first, second = content(before), content(after)
    assert first.keys() == second.keys()
    for image, rows in first.items():
        for row, other in zip(rows, second[image], strict=True):
            assert row[:2] == other[:2] and row[2] == pytest.approx(other[2], abs=pixels)


@st.composite
def sets(draw):
    """Sizes of images, and boxes (image, class, [x, y, w, h]) inside them."""
    sizes = draw(st.lists(st.tuples(st.integers(8, 3000), st.integers(8, 60)), min_size=1, max_size=3, unique=True))
    boxes = []
    for image, (width, height) in enumerate(sizes):
        for _ in range(draw(st.integers(1, 4))):
            x, y = (draw(st.floats(0, side - 2)) for side in (width, height))
            box = [x, y, draw(st.floats(1.5, width - x)), draw(st.floats(1.5, height - y))]
            boxes.append((image, draw(st.integers(0, 3)), box))
    return sizes, boxes


@settings(max_examples=8)
@given(held=sets())
def test_a_round_trip_keeps_every_box(held, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trip")
    path = coco(folder, *held)
    before = read(path, quiet=True)
    for number, form in enumerate(("voc", "yolo", "coco")):
        done = convert(path, path := folder / f"{number}_{form}", form)
        assert not done.renamed and done.placed.total() == len(held[0])
    same(before, read(path, quiet=True))


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("layout", ["voc", "yolo", "roboflow", "csv/train.csv"])
def test_every_layout_becomes_every_other(shared, tmp_path, layout, form):
    source, images = shared / "data/formats" / layout, shared / "data/formats/voc/JPEGImages"
    how = {"share": 0.2, "images": images} if layout.endswith("csv") else {}
    done = convert(source, tmp_path / "set", form, **how)
    train, val = build_sources(Data(train=Split(annotations=str(tmp_path / "set"))))
    same(done.splits["train"], train)
    same(done.splits["val"], val)
    assert (len(train), len(val)) == ((16, 4) if how else (20, 8)) and not done.lost


def test_the_photographs_go_round(shared, tmp_path):
    path = shared / "data/bccd/annotations/val.json"
    before = read(path, shared / "data/bccd/images", quiet=True)
    for form in ("voc", "yolo", "coco"):
        convert(path, path := tmp_path / form, form, images=None if form != "voc" else shared / "data/bccd/images")
    after = read(path, quiet=True)
    assert len(before) == 87
    for i in range(len(before)):
        assert before.record(i).file_name == after.record(i).file_name
        assert np.sort(before.boxes(i), 0) == pytest.approx(np.sort(after.boxes(i), 0), abs=1e-3)


def test_coco_to_coco_keeps_crowds_ids_and_areas(shared, tmp_path):
    path = shared / "data/coco_mini/annotations/instances_train2017.json"
    done = convert(path, tmp_path / "out")
    before, after = done.splits["train"].coco(), read(tmp_path / "out", quiet=True).coco()
    assert before["categories"] == after["categories"]
    for key in ("category_id", "iscrowd", "area", "image_id"):
        assert [x[key] for x in before["annotations"]] == pytest.approx(
            [x[key] for x in after["annotations"]], abs=1e-5
        )
    assert [x.get("segmentation") for x in before["annotations"]] == [
        x.get("segmentation") for x in after["annotations"]
    ]
    assert done.lost == ["outlines of 819 objects: boxes are kept"]


def test_what_a_format_cannot_say_is_told(tmp_path):
    boxes = [(0, 0, [1, 2, 3, 4]), (1, 3, [1, 2, 3, 4])]
    path = coco(tmp_path, [(20, 20), (21, 20)], boxes, extra=[("iscrowd", 1)])
    yolo, table = convert(path, tmp_path / "yolo", "yolo"), convert(path, tmp_path / "csv", "csv")
    assert yolo.lost == ["crowds or difficult objects, which yolo cannot mark and which are left out: 2"]
    assert table.lost == [f"2 classes without an object ({CLASSES[1]}, {CLASSES[2]})"]
    same(read(path, quiet=True), read(tmp_path / "csv/train.csv", quiet=True))


def test_names_that_would_meet_or_mislead_become_others(tmp_path):
    given_names = [
        "x/cam1/a.png", "x/cam2/a.png", "x/cam1/A.PNG", "x/b.jpg.png", "x/ c .png", "x/é.png", "x/e\u0301.png",
        "x/images/d.png", "x/cam1/a.bmp",
    ]  # fmt: skip
    assert names(given_names, set()) == [
        "cam1_a.png", "cam2_a.png", "cam1_A-2.PNG", "b_jpg.png", "c.png", "é.png", "e\u0301-2.png", "images_d.png",
        "cam1_a-3.bmp",
    ]  # fmt: skip
    assert names(["a.jfif", "b"], {"a.jfif"}) == ["a.jfif-2.jpg", "b.jpg"]
    files = given_names[:3] + given_names[4:8]
    boxes = [(i, i % 4, [1, 1, 2 + i, 3]) for i in range(len(files))]
    path = coco(tmp_path, [(20 + i, 20) for i in range(len(files))], boxes, file_names=files)
    for form in WRITERS:
        assert convert(path, tmp_path / form, form).renamed == 6
        same(read(path, quiet=True), read(tmp_path / form, quiet=True))


@given(st.lists(st.text(string.printable + "éß/", min_size=1, max_size=300), max_size=8, unique=True))
def test_new_names_are_many_and_short_and_lie_in_one_folder(given_names):
    found = names(given_names, set())
    assert len({name.casefold() for name in found}) == len(given_names)
    assert all("/" not in name and 0 < len(name.encode()) < 200 and name == name.strip() for name in found)


def test_train_and_val_of_one_name_do_not_meet(tmp_path):
    for split in ("train", "valid"):
        path = coco(tmp_path / split, [(20, 20 + len(split))], [(0, 0, [1, 1, len(split), 5])], ["a"])
        path.rename(tmp_path / split / "_annotations.coco.json")
        (tmp_path / split / "images" / "0.png").rename(tmp_path / split / "0.png")
    done = convert(tmp_path, tmp_path / "out", "voc")
    assert sorted(x.name for x in (tmp_path / "out/JPEGImages").iterdir()) == ["0-2.png", "0.png"]
    same(done.splits["val"], build_sources(Data(train=Split(annotations=str(tmp_path / "out"))))[1])


def test_images_are_linked_where_the_system_grants_it(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"pixels")
    (tmp_path / "link.png").symlink_to("a.png")
    assert place(tmp_path / "link.png", tmp_path / "b.png") == "hard link"
    assert (tmp_path / "b.png").samefile(tmp_path / "a.png") and not (tmp_path / "b.png").is_symlink()
    assert (
        place(tmp_path / "a.png", tmp_path / "c.png", link=False) == "copy"
        and (tmp_path / "c.png").stat().st_nlink == 1
    )

    def refused(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refused)
    assert place(tmp_path / "a.png", tmp_path / "d.png") == "symbolic link"
    monkeypatch.setattr("os.symlink", refused)
    assert place(tmp_path / "a.png", tmp_path / "e.png") == "copy" and (tmp_path / "e.png").read_bytes() == b"pixels"


def test_nothing_is_written_into_a_folder_in_use_or_from_what_cannot_be_read(tmp_path):
    path = coco(tmp_path, [(20, 20)], [(0, 0, [1, 2, 3, 4])])
    with pytest.raises(ValueError, match="must be a new or an empty folder, and holds something"):
        convert(path, tmp_path)
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        convert(path, path)
    with pytest.raises(ValueError, match="format must be coco or csv or voc or yolo, got 'x'"):
        convert(path, tmp_path / "out", "x")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        convert(tmp_path / "none.json", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_records_are_left_out_and_counted(tmp_path):
    path = coco(tmp_path, [(20, 20)] * 2, [(0, 0, [1, 2, 3, 4]), (1, 0, [1, 2, -3, 4])])
    (tmp_path / "images" / "1.png").unlink()
    done = convert(path, tmp_path / "out")
    assert len(read(tmp_path / "out")) == 1
    assert done.splits["train"].problems.skipped == {"missing image": 1}
