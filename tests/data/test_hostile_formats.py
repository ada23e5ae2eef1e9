"""Files that nobody should have to fear: one sentence under stop, left out and counted under skip, or refused."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from cornernet.data import read
from cornernet.data.annotations import Asked
from cornernet.data.annotations.table import read_table
from cornernet.data.opening import opened
from tests.data import layouts
from tests.data.layouts import draw, voc, write, yolo


def one_yolo(folder: Path, text: str | bytes, yaml="names: [cat, dog]\ntrain: images\n") -> Path:
    """A YOLO folder of two images, the second of which has these labels."""
    draw(folder / "images/a.jpg", "a"), draw(folder / "images/b.jpg", "b")
    write(folder / "labels/a.txt", "0 0.5 0.5 0.5 0.5\n")
    (folder / "labels/b.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    write(folder / "data.yaml", yaml)
    return folder


def one_voc(folder: Path, xml: str | bytes) -> Path:
    draw(folder / "a.jpg", "a"), draw(folder / "b.jpg", "b")
    write(folder / "a.xml", voc("a"))
    (folder / "b.xml").write_bytes(xml if isinstance(xml, bytes) else xml.encode())
    return folder


def one_csv(folder: Path, line: str, header="filename,class,xmin,ymin,xmax,ymax") -> Path:
    draw(folder / "a.jpg", "a"), draw(folder / "b.jpg", "b")
    return write(folder / "t.csv", f"{header}\na.jpg,cat,1,2,13,14\n{line}\n")


def box(xmin="1", ymin="1", xmax="9", ymax="9", name="dog") -> str:
    edges = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    size = "<size><width>50</width><height>20</height></size>"
    return f"<annotation>{size}<object><name>{name}</name><bndbox>{edges}</bndbox></object></annotation>"


BAD = {  # what is written: (how, its kind, a sentence that names file, record and what was found)
    "yolo word": (
        one_yolo,
        "1 0.5 0.5 0.5\n",
        "bad label line",
        r"labels/b\.txt, line 1: expected `class x y w h`.*'1 0\.5 0\.5 0",
    ),
    "yolo text": (
        one_yolo,
        "\ndog 1 2 3 4\n",
        "bad label line",
        r"labels/b\.txt, line 2: expected a class number .* got 'dog 1",
    ),
    "yolo pixels": (
        one_yolo,
        "1 25 10 20 10\n",
        "bad label line",
        r"line 1: expected shares of the image .* are these pixels\?",
    ),
    "yolo nan": (one_yolo, "1 nan 0.5 0.5 0.5\n", "bad label line", r"line 1: expected shares"),
    "yolo infinite": (
        one_yolo,
        "1e999 0.5 0.5 0.5 0.5\n",
        "bad label line",
        r"line 1: expected a whole number for the class",
    ),
    "yolo half": (one_yolo, "0.5 0.5 0.5 0.5 0.5\n", "bad label line", r"line 1: expected a whole number"),
    "yolo class": (
        one_yolo,
        "7 0.5 0.5 0.5 0.5\n",
        "unknown category",
        r"annotation 'labels/b\.txt, line 1' of images/b\.jpg has category 7",
    ),
    "yolo negative": (
        one_yolo,
        "1 0.5 0.5 -0.5 0.5\n",
        "bbox has a negative width or height",
        r"'labels/b\.txt, line 1'",
    ),
    "yolo outside": (
        one_yolo,
        "1 1.9 0.5 0.1 0.1\n",
        "bbox lies outside the image",
        r"'labels/b\.txt, line 1' of images/b\.jpg",
    ),
    "yolo junk": (
        one_yolo,
        os.urandom(0) + b"\xff\xfe\x00\xd8" * 999,
        "unreadable label file",
        r"b\.txt is not UTF-16",
    ),
    "yolo zip": (
        one_yolo,
        b"PK\x03\x04\0\0\xff" * 9,
        "unreadable label file",
        r"b\.txt is not a label file: it is a zip archive",
    ),
    "voc cut": (one_voc, box()[:-5], "unreadable XML file", r"b\.xml is not readable as XML: "),
    "voc empty": (one_voc, "", "unreadable XML file", r"b\.xml is empty"),
    "voc entities": (
        one_voc,
        '<!DOCTYPE a [<!ENTITY b "c">]>' + box(),
        "unreadable XML file",
        r"b\.xml declares a document type",
    ),
    "voc other": (one_voc, "<html></html>", "unreadable XML file", r"holds <html> where <annotation> was expected"),
    "voc unknown encoding": (
        one_voc,
        '<?xml version="1.0" encoding="rot13"?>' + box(),
        "unreadable XML file",
        r"b\.xml is not rot13 text",
    ),
    "voc words": (
        one_voc,
        box(xmin="left"),
        "object without a box",
        r"b\.xml, object 1 \(dog\): expected four numbers .*'left'",
    ),
    "voc nothing": (
        one_voc,
        box().replace("bndbox", "robndbox"),
        "object without a box",
        r"expected a <bndbox>, got <name>, <robndbox>",
    ),
    "voc nameless": (one_voc, box(name=" "), "object without a name", r"b\.xml, object 1: expected a <name>"),
    "voc nan": (one_voc, box(xmin="nan"), "bbox is not finite", r"annotation 'b\.xml, object 1' of b\.jpg"),
    "voc swapped": (one_voc, box(xmin="9", xmax="1"), "bbox has a negative width or height", r"'b\.xml, object 1'"),
    "csv words": (
        one_csv,
        "b.jpg,dog,left,2,3,4",
        "bad table line",
        r"t\.csv: line 3: expected four numbers for the box, got \['left",
    ),
    "csv short": (
        one_csv,
        "b.jpg,dog,1",
        "bad table line",
        r"t\.csv: line 3: expected four numbers for the box, got \['1', '',",
    ),
    "csv nameless": (one_csv, "b.jpg,,1,2,3,4", "bad table line", r"line 3: expected the name of a class"),
    "csv imageless": (one_csv, ",dog,1,2,3,4", "bad table line", r"line 3: expected the name of an image"),
    "csv nan": (
        one_csv,
        "b.jpg,dog,nan,2,3,4",
        "bbox is not finite",
        r"t\.csv: annotation 'line 3' of b\.jpg: bbox is not finite",
    ),
    "csv missing": (one_csv, "zz.jpg,dog,1,2,3,4", "missing image", r"there is no file .*zz\.jpg"),
    "csv escape": (
        one_csv,
        "../../zz.jpg,dog,1,2,3,4",
        "bad file name",
        r"'../../zz\.jpg' leaves the folder of the images",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_record_is_named_or_left_out(tmp_path, case):
    make, content, kind, sentence = BAD[case]
    path = make(tmp_path / "set", content)
    with pytest.raises(ValueError, match=sentence) as caught:
        read(path)
    assert str(tmp_path) in str(caught.value) and "data.on_error=skip" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    source = read(path, on_error="skip")
    assert source.problems.skipped[kind] == 1 and len(source.objects.boxes) >= 1


REFUSED = {  # no set at all, whatever on_error says
    "yaml alias": ("names: &a [x]\ntrain: *a\n", r"data\.yaml refers to parts of itself"),
    "yaml broken": ("train: images\nnames: [a\n", r"data\.yaml is not readable as YAML"),
    "yaml nowhere": ("train: nowhere\nnames: [a]\n", r"data\.yaml names 'nowhere', but there is no .*nowhere"),
    "yaml number": ("train: {a: b}\nnames: [a]\n", r"data\.yaml: train must be a path or a list of paths"),
    "yaml names": ("train: images\nnames: {a: b}\n", r"data\.yaml: names must have numbers for keys, got \['a'\]"),
    "yaml deep": ("train: images\nnames: " + "[" * 20_000 + "\n", r"data\.yaml is not readable as YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_settings_that_are_wrong_are_refused(tmp_path, case, on_error):
    text, sentence = REFUSED[case]
    path = one_yolo(tmp_path, "", text)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as caught:
        read(path, on_error=on_error)
    assert "\n" not in str(caught.value)


def test_nothing_that_settings_name_is_called(tmp_path):
    called = tmp_path / "called"
    tag = f"train: images\nnames: !!python/object/apply:os.mkdir ['{called}']\n"
    assert read(one_yolo(tmp_path, "", tag)).class_names == [str(called)] and not called.exists()


def test_a_list_does_not_leave_its_folder(tmp_path):
    draw(tmp_path / "secret.jpg", "a")
    folder = one_yolo(tmp_path / "set", "", "names: [cat]\ntrain: train.txt\n")
    write(folder / "train.txt", "images/a.jpg\n../secret.jpg\n")
    with pytest.raises(ValueError, match=r"image 2: the file name '\.\./secret\.jpg' leaves the folder of the images"):
        read(folder)
    assert read(folder, on_error="skip").problems.skipped == {"bad file name": 1}


@pytest.mark.parametrize("make", [one_yolo, one_voc])
def test_links_in_a_circle_are_passed_over(tmp_path, make):
    folder = make(tmp_path / "set", yolo("b") if make is one_yolo else box())
    (folder / "circle").symlink_to(folder)
    (folder / "images/again" if make is one_yolo else folder / "again").symlink_to(tmp_path / "set")
    (folder / "itself.txt").symlink_to(folder / "itself.txt")
    assert len(read(folder, on_error="skip")) == 2


def test_what_is_too_long_is_not_read(tmp_path):
    folder = one_yolo(tmp_path / "yolo", "")
    with (folder / "labels/b.txt").open("wb") as file:
        file.truncate(2**33)
    assert read(folder, on_error="skip").problems.skipped == {"unreadable label file": 1}
    folder = one_voc(tmp_path / "voc", "")
    with (folder / "b.xml").open("wb") as file:
        file.write(b"<annotation>")
        file.truncate(2**33)
    with pytest.raises(ValueError, match=r"b\.xml is not an annotation file: it holds more than"):
        read(folder)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    folder = one_yolo(tmp_path, "1 0.5 0.5 0.5 0.5\n")
    (folder / "images/b.jpg").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"image 2: .*b\.jpg is not an image that OpenCV can decode"):
        read(folder)
    assert len(read(folder, on_error="skip")) == 1


LABELME = {"version": "5", "shapes": [], "imagePath": "a.jpg", "imageData": None}
OTHERS = {  # what people have that is read elsewhere: file, content and what is said
    "Label Studio": (
        "a.json",
        [{"id": 1, "data": {"image": "x"}, "annotations": []}],
        "looks like a Label Studio task export: export as COCO",
    ),
    "Label Studio, small": ("a.json", [{"image": "x", "label": []}], "looks like a Label Studio task export"),
    "COCO results": (
        "a.json",
        [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}],
        "looks like COCO results",
    ),
    "CreateML": ("a.json", [{"image": "a.jpg", "annotations": []}], "looks like a file of CreateML"),
    "LabelMe": ("a.json", LABELME, "looks like a file of LabelMe"),
    "LabelMe folder": ("set/a.json", LABELME, r"holds a\.json, which looks like a file of LabelMe"),
    "VIA": (
        "a.json",
        {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": []}},
        "looks like a project of the VGG Image",
    ),
    "CVAT": (
        "a.xml",
        "<?xml version='1.0'?><annotations><version>1.1</version></annotations>",
        "looks like CVAT's own XML: export",
    ),
    "one VOC": ("a.xml", box(), "is the annotation of one image in Pascal VOC: give the folder"),
    "TFRecord": ("a.tfrecord", "\x08\0\0\0\0\0\0\0abcdefgh", "looks like a TFRecord"),
    "text": ("a.txt", "hello world", "holds no annotations in a format that can be read; data.format takes coco, csv"),
    "nothing": ("a.txt", "", "is empty"),
    "folder": ("set/a.docx", "hello", "is a folder in which no annotations were recognised; it holds a.docx"),
    "prose in CSV": ("a.csv", "name,age\nx,3", r"is no table of boxes: expected columns .* got 'name,age'"),
    "blank lines in CSV": ("a.csv", "\n\nname,age", r"in its first line, got ''"),
    "VIA as CSV": ("a.csv", "filename,region_shape_attributes\n", "looks like a project of the VGG Image"),
    "Label Studio as CSV": ("a.csv", "image,id,annotation_id\n", "looks like a Label Studio task export"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_something_else_is_named(tmp_path, case):
    name, content, sentence = OTHERS[case]
    path = write(tmp_path / name, content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=sentence) as caught:
        read(path.parent if "/" in name else path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a.txt", "x")
    with pytest.raises(ValueError, match=r"a\.zip is a zip archive; unpack it first"):
        read(tmp_path / "a.zip")


def test_a_table_whose_first_line_is_no_row_is_named(tmp_path):
    one_csv(tmp_path, "a.jpg,dog,1,2,3,4", header='filename,"' + "x" * 200_000 + '"')
    with pytest.raises(ValueError, match=r"\.csv, line 1: field larger than field limit"):
        read_table(tmp_path / "t.csv", 10**6)


def test_a_table_in_some_folder_of_a_set_is_no_second_format(tmp_path):
    one_csv(layouts.yolo_tree(tmp_path)[0] / "results", "b.jpg,dog,1,2,3,4")
    assert len(read(tmp_path)) == 3


def test_what_may_be_two_things_is_asked(tmp_path):
    layouts.yolo_tree(tmp_path)
    write(tmp_path / "train.json", layouts.coco(["a"]))
    with pytest.raises(ValueError, match=r"looks like coco and like yolo: name the file .* data\.format=coco"):
        read(tmp_path)
    assert len(opened(Asked(tmp_path), form="yolo")) == 3
    with pytest.raises(ValueError, match=r"unknown data format 'yola', did you mean yolo\?"):
        opened(Asked(tmp_path), form="yola")
    with pytest.raises(ValueError, match="is code from elsewhere, and is only looked up where you typed it"):
        opened(Asked(tmp_path), form="os.path.join")
