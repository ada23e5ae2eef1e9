"""Names whose file exists under another one, and the key that every refusal names which it would pass."""

import re
from pathlib import Path

import pytest

from cornernet.data import build_sources, read
from cornernet.data.annotations import Content, checked
from cornernet.data.annotations.alike import Alike
from cornernet.data.annotations.names import Folder
from cornernet.data.problems import Problems
from cornernet.data.storage import passable
from tests.data import layouts

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    "images/écran 1.jpg", "images/a/x.jpg", "images/b/x.jpg", "flat.jpg", "images/Ü b.PNG", "images/100%.jpg",
    "n+m.jpg",
]  # fmt: skip
WRITTEN = {  # as programs write it -> the file that is meant
    "%C3%A9cran%201.jpg": "images/écran 1.jpg",
    "%25C3%25A9cran%25201.jpg": "images/écran 1.jpg",
    "C:\\Users\\me\\flat.jpg": "flat.jpg",
    "..\\..\\label-studio\\media\\upload\\4\\flat.jpg": "flat.jpg",
    "../../label-studio/media/upload/4/0a1b2c3d-flat.jpg": "flat.jpg",
    "/data/local-files/?d=images/b/x.jpg": "images/b/x.jpg",
    "http://localhost:8080/data/local-files/?d=a%2Fx.jpg": "images/a/x.jpg",
    "https://host/bucket/flat.jpg?token=a%2Fb&x=1": "flat.jpg",
    "s3://bucket/b/x.jpg": "images/b/x.jpg",
    "data/local-files/FLAT.JPG": "flat.jpg",
    "flat_jpg.rf.0a1b2c.jpg": "flat.jpg",
    "flat.png": "flat.jpg",
    "flat": "flat.jpg",
    "images/ü%20b.jpg": "images/Ü b.PNG",
    "e\u0301cran 1.jpg": "images/écran 1.jpg",
    "x/100%25.jpg": "images/100%.jpg",
    "x/n+m.jpg": "n+m.jpg",
    "../outside.jpg": None,
    "other.jpg": None,
    "": None,
    "..": None,
    "\0": None,
    "?": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("set") / "inside"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root.parent / "outside.jpg").touch()
    return root


@pytest.mark.parametrize("written", WRITTEN)
def test_the_file_that_is_meant(folder, written):
    assert Alike(folder).find(written) == WRITTEN[written]
    hint = f", but there is {WRITTEN[written]!r}, written differently" if WRITTEN[written] else ""
    same_letters = written.startswith("e\u0301")
    assert Folder(folder).near(written) == (
        "" if not hint else hint if not same_letters else Folder(folder).near(written)
    )


def test_a_hint_looks_into_no_more_folders_than_it_may(folder, monkeypatch):
    monkeypatch.setattr("cornernet.data.annotations.alike.FOLDERS", 1)
    assert Alike(folder).find("X.jpg") is None and Alike(folder).find("FLAT.jpg") == "flat.jpg"


def named(folder, *names, on_error="stop"):
    """A set whose images have these names."""
    images = [{"id": at, "file_name": name, "width": 40, "height": 30} for at, name in enumerate(names, 1)]
    return checked(Content(images, [], [{"id": 1, "name": "cat"}], folder), Problems("t.json", on_error))


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_where_all_names_are_bad_the_first_and_its_reason_are_said(folder, on_error):
    names = [f"..\\..\\label-studio\\upload\\4\\{name}.jpg" for name in ("flat", "x", "y")]
    words = r"image 1: the file name '\.\..*flat\.jpg' leaves the folder of the images, but there is 'flat\.jpg'"
    with pytest.raises(ValueError, match=words) as caught:
        named(folder, *names, on_error=on_error)
    assert on_error == "stop" or "none of the 3 images can be used: 3 x bad file name, the first: image 1" in str(
        caught.value
    )
    with pytest.raises(
        FileNotFoundError, match=r"looked for .*b/x\.jpg, but there is 'images/b/x\.jpg', written"
    ) as caught:
        named(folder, "data/local-files/nowhere.jpg", "data/b/x.jpg", on_error=on_error)
    assert "or write the names as the files have them" in str(caught.value)


def test_a_missing_image_among_others_names_the_file(folder):
    with pytest.raises(
        ValueError, match=r"image 2: there is no file .*%C3%A9cran%201\.jpg, but there is 'images/écran 1\.jpg'"
    ):
        named(folder, "flat.jpg", "images/%C3%A9cran%201.jpg")


# -- the key ------------------------------------------------------------------------------------------------------

IMAGE = {"id": 1, "file_name": "flat.jpg", "width": 40, "height": 30}
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
RECORDS = {  # kind -> a second image, or a second annotation, that is bad so
    "image without an id": {"file_name": "flat.jpg"},
    "image id given twice": IMAGE,
    "bad file name": IMAGE | {"id": 2, "file_name": "../x.jpg"},
    "missing image": IMAGE | {"id": 2, "file_name": "nowhere.jpg"},
    "unreadable image": IMAGE | {"id": 2, "width": None},
    "bad image size": IMAGE | {"id": 2, "width": -1},
    "bad annotation": 5,
    "unknown image": BOX | {"image_id": 7},
    "unknown category": BOX | {"category_id": 7},
    "bad iscrowd": BOX | {"iscrowd": 3},
    "bbox must be four numbers [x, y, w, h]": BOX | {"bbox": [1]},
    "bbox is not finite": BOX | {"bbox": [1, 2, 1e400, 4]},
    "bbox has a negative width or height": BOX | {"bbox": [1, 2, -3, 4]},
    "bbox lies outside the image": BOX | {"bbox": [100, 2, 3, 4]},
    "bbox is too thin for single precision": BOX | {"bbox": [1, 2, 1e-12, 4]},
    "box like fractions of the image": BOX | {"bbox": [0.1, 0.2, 0.3, 0.4]},
}
ELSEWHERE = {  # kinds of other formats, in the table of test_hostile_formats
    "missing annotation file", "unreadable label file", "bad table line", "bad label line", "unreadable XML file",
    "object without a name", "object without a box",
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS)
def test_every_refusal_that_skip_would_pass_names_the_key(folder, kind):
    bad, size = RECORDS[kind], {"width": 64, "height": 64}
    of_images = isinstance(bad, dict) and "bbox" not in bad
    images = [IMAGE | size, *([bad] if of_images else [])]
    boxes = [BOX, BOX | {"id": 2, "bbox": [9, 9, 9, 9]}, *([] if of_images else [bad])]
    content = Content(images, boxes, [{"id": 1, "name": "cat"}], folder)
    with pytest.raises(ValueError, match=r"\(data\.on_error=skip leaves such records out\)$"):
        checked(content, Problems("t.json", "stop"))
    assert checked(content, Problems("t.json", "skip")).problems.skipped == {kind: 1}


def test_no_kind_of_refusal_is_without_its_line():
    texts = [
        path.read_text()
        for part in ("annotations", "sources")
        for path in (ROOT / "cornernet/data" / part).glob("*.py")
    ]
    kinds = set(re.findall(r'problems\.skip\(\s*"([^"]+)"', "".join(texts)))
    assert kinds <= RECORDS.keys() | ELSEWHERE and ELSEWHERE <= kinds


@pytest.mark.parametrize(
    "error", [ValueError("x"), FileNotFoundError("x"), OSError(5, "x"), UnicodeEncodeError("a", "b", 0, 1, "x")]
)
def test_an_image_that_ends_a_run_names_the_key(error):
    found = passable(error)
    assert str(found) == f"{error} (data.on_error=skip goes on without it)" and isinstance(error, type(found))


def test_nothing_to_train_on_says_why(tmp_path):
    from cornernet.config import Config

    layouts.draw(tmp_path / "a.jpg", "a")
    text = layouts.coco(["a"]).replace('"image_id": 0', '"image_id": "0"')
    data = Config().data
    data.name, data.on_error, data.root = "coco", "skip", str(tmp_path)
    data.train.annotations = data.val.annotations = layouts.write(tmp_path / "t.json", text).name
    words = (
        r"no box to train on; left out: 2 x unknown image, the first: annotation 0 belongs to image '0', .* but 0 is"
    )
    with pytest.raises(ValueError, match=words):
        build_sources(data)


# -- what a set says of its parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["yolo", "roboflow", "coco"])
def test_a_test_set_is_not_taken_for_validation_without_a_word(tmp_path, kind):
    from cornernet.config import Config

    data = Config().data
    data.name, data.train.annotations = "coco", str(tmp_path)
    parts = {"train": ["a", "b"], "test": ["a"]}
    for split, stems in parts.items():
        for stem in stems:
            layouts.draw(tmp_path / (f"images/{split}" if kind == "yolo" else split) / f"{stem}.jpg", stem)
            if kind == "yolo":
                layouts.write(tmp_path / f"labels/{split}/{stem}.txt", layouts.yolo(stem))
        if kind == "roboflow":
            layouts.write(tmp_path / split / "_annotations.coco.json", layouts.coco(stems))
        if kind == "coco":
            layouts.write(tmp_path / f"annotations/instances_{split}2017.json", layouts.coco(stems))
    place = {"yolo": "images/test", "roboflow": "test", "coco": "annotations/instances_test2017.json"}[kind]
    if kind == "coco":
        place = "test"  # the folder of images is seen first
    with pytest.raises(
        ValueError, match=rf"there is no validation set: .* and data\.val\.annotations=.*/{place} would take"
    ):
        build_sources(data)


LINES = {  # label lines of YOLO -> kind of what is said, and the box [x, y, w, h] as shares that is read
    "0 0.5 0.5 0.2 0.4 0.45 0.4 2 0.55 0.6 1 0 0 0": ("keypoints without kpt_shape", (0.4, 0.3, 0.2, 0.4)),
    "0 0.5 0.5 0.2 0.4 0.45 0.4 2": ("keypoints without kpt_shape", (0.4, 0.3, 0.2, 0.4)),
    "0 0.5 0.2 0.8 0.5 0.5 0.8 0.2 0.5": ("rotated box", (0.2, 0.2, 0.6, 0.6)),
    "0 0.2 0.2 0.8 0.2 0.8 0.6 0.2 0.6": (None, (0.2, 0.2, 0.6, 0.4)),  # upright
    "0 0.5 0.2 0.8 0.5 0.3 0.8 0.2 0.5": (None, (0.2, 0.2, 0.6, 0.6)),  # some outline
    "0 0.1 0.1 0.9 0.0 0.9 0.8 0.5 0.9 1 0.3": (None, (0.1, 0, 0.9, 0.9)),  # at the border
}


@pytest.mark.parametrize("line", LINES)
def test_lines_that_do_not_say_what_they_draw(tmp_path, line):
    kind, box = LINES[line]
    layouts.draw(tmp_path / "images/a.jpg", "a")
    layouts.write(tmp_path / "labels/a.txt", line)
    layouts.write(tmp_path / "data.yaml", "names: [a]\nnc: 1\ntrain: images\n")
    source = read(tmp_path, quiet=True)
    assert [x.kind for x in source.problems.findings()] == ([kind] if kind else [])
    assert source.objects.bbox[0].tolist() == pytest.approx([box[0] * 40, box[1] * 30, box[2] * 40, box[3] * 30])


def test_a_number_of_classes_that_is_not_that_of_the_names(tmp_path):
    layouts.draw(tmp_path / "images/a.jpg", "a")
    layouts.write(tmp_path / "labels/a.txt", "0 0.5 0.5 0.5 0.5\n")
    layouts.write(tmp_path / "data.yaml", "names: [a, b]\nnc: 3\ntrain: images\n")
    (found,) = read(tmp_path, quiet=True).problems.findings()
    assert (
        found.kind == "another number of classes than names" and "says nc 3 and names 2 classes: a, b" in found.example
    )


ROOTS = {  # (categories as id, name, above), ids of the objects -> names that are left
    "roboflow": ([(0, "cells", "none"), (1, "RBC", "cells"), (2, "WBC", "cells")], [1], ["RBC", "WBC"]),
    "of a class's name": ([(0, "RBC", "none"), (1, "RBC", "RBC"), (2, "WBC", "RBC")], [1], ["RBC", "WBC"]),
    "above nothing": ([(0, "cells", ""), (1, "RBC", "cells")], [1], ["RBC"]),
    "without a word above": ([(0, "cells", None), (1, "RBC", "cells")], [1], ["RBC"]),
    "above itself": ([(0, "cells", "cells"), (1, "RBC", "cells")], [1], ["RBC"]),
    "with objects": ([(0, "cells", "none"), (1, "RBC", "cells")], [0, 1], ["cells", "RBC"]),
    "alone": ([(0, "cells", "none")], [], ["cells"]),
    "no root": ([(1, "a", "x"), (2, "b", "x")], [1], ["a", "b"]),
    "two": ([(1, "a", "a"), (2, "b", "b")], [1], ["a", "b"]),
    "above some": ([(0, "cells", "none"), (1, "RBC", "cells"), (2, "b", "none")], [1], ["cells", "RBC", "b"]),
}


@pytest.mark.parametrize("case", ROOTS)
def test_an_empty_root_is_left_out_and_said(case):
    from cornernet.data.annotations.columns import Columns
    from cornernet.data.sources.coco import _without_root

    classes, used, names = ROOTS[case]
    problems = Problems("t.json", "stop")
    entries = [{"id": i, "name": n, **({} if above is None else {"supercategory": above})} for i, n, above in classes]
    left = _without_root({"categories": entries, "annotations": Columns([{"category_id": i} for i in used])}, problems)
    assert [x["name"] for x in left] == names
    assert [x.outcome for x in problems.findings()] == ["left out"] * (len(names) < len(classes))
    assert "used all the same" not in problems.summary()
