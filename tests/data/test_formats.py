"""The layouts in which people have their labels: recognised by content, and the same boxes of the same images."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from cornernet.cli.check_data import text
from cornernet.config import Data, Split, Validation
from cornernet.data import build_sources
from cornernet.data.annotations import Asked
from cornernet.data.opening import opened
from cornernet.training import report
from tests.data.layouts import (
    BOXES,
    CLASSES,
    KINDS,
    SIZES,
    TRAIN,
    VAL,
    coco_files,
    csv_tensorflow,
    draw,
    roboflow,
    voc,
    voc_lists,
    write,
    yolo,
    yolo_tree,
)  # fmt: skip


def data(annotations, val="", images="", val_images="") -> Data:
    return Data(train=Split(str(images), str(annotations)), val=Validation(str(val_images), str(val)))


def held(source) -> dict[str, list]:
    """Stem of each image -> its boxes with the names of their classes."""
    found = {}
    for i in range(len(source)):
        names = [source.class_names[label] for label in source.labels(i)]
        pairs = zip(names, source.boxes(i).tolist(), strict=True)
        boxes = sorted(pairs, key=lambda pair: (pair[0], np.round(pair[1], 1).tolist()))
        found[Path(source.record(i).file_name).stem] = boxes
        assert source.image(i).shape[:2] == (source.record(i).height, source.record(i).width)
    return found


def expected(stems, with_empty=True) -> dict[str, list]:
    kept = [stem for stem in stems if with_empty or BOXES[stem]]
    return {stem: sorted((CLASSES[label], [float(x) for x in box]) for label, *box in BOXES[stem]) for stem in kept}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_same_boxes_of_the_same_images(tmp_path, kind):
    sources = build_sources(data(*kind(tmp_path)))
    for source, stems in zip(sources, (TRAIN, VAL), strict=True):
        found, wanted = held(source), expected(stems, with_empty="csv" not in kind.__name__)
        assert found.keys() == wanted.keys()
        for stem, boxes in wanted.items():
            assert [name for name, _ in found[stem]] == [name for name, _ in boxes], stem
            assert np.allclose([box for _, box in found[stem]], [box for _, box in boxes], atol=1e-3), stem
    assert sources[0].class_names == sources[1].class_names and set(sources[0].class_names) == set(CLASSES)


def test_pixels_counted_from_one_are_told_and_moved(tmp_path, tiny):
    """The box of image a that fills it has edges of 1, 1, 40 and 30 then."""
    for stem in SIZES:
        draw(tmp_path / f"{stem}.jpg", stem)
        write(tmp_path / f"{stem}.xml", voc(stem, offset=1))
    source = opened(Asked(tmp_path))
    assert source.problems.repaired == {"pixels counted from 1": 1} and source.notes[0][1].startswith("1, it seems")
    moved = opened(Asked(tmp_path, voc_offset=-1))
    assert held(moved) == expected(SIZES) and not moved.problems.repaired
    words = ["data.name=coco", f"data.train.annotations={tmp_path}", f"data.val.annotations={tmp_path}"]
    said = text(report(tiny, words))
    assert "first pixel" in said and "data.voc_offset=-1 if they are counted from 1" in said
    again = opened(Asked(voc_lists(tmp_path / "from 0")[0], voc_offset=-1))
    assert again.problems.repaired["pixels counted from 0"] == 1


def test_what_is_difficult_is_a_crowd(tmp_path):
    draw(tmp_path / "a.jpg", "a")
    write(tmp_path / "a.xml", voc("a").replace("<difficult>0", "<difficult>1", 1))
    source = opened(Asked(tmp_path))
    assert source.objects.iscrowd.tolist() == [True, False] and len(source.boxes(0)) == 1
    assert [entry["iscrowd"] for entry in source.coco()["annotations"]] == [1, 0]


def test_what_is_left_lying_is_told(tmp_path):
    """Images without XML files are no backgrounds; label files without images are told."""
    draw(tmp_path / "voc/a.jpg", "a"), draw(tmp_path / "voc/b.jpg", "b")
    write(tmp_path / "voc/a.xml", voc("a"))
    assert opened(Asked(tmp_path / "voc")).problems.skipped == {"image without an annotation file": 1}
    yolo_tree(tmp_path / "yolo")
    write(tmp_path / "yolo/labels/train/zzz.txt", "")
    assert opened(Asked(tmp_path / "yolo")).problems.skipped == {"label file without an image": 1}
    with pytest.raises(ValueError, match=r"no image has a label file; that of images/a\.jpg was looked for"):
        draw(tmp_path / "none/images/a.jpg", "a")
        write(tmp_path / "none/data.yaml", "names: [cat]\ntrain: images\n")
        opened(Asked(tmp_path / "none"))


def test_classes_meet_by_name_where_a_format_has_no_ids(tmp_path):
    header, line = "filename,class,xmin,ymin,xmax,ymax\n", "a.jpg,{},1,2,13,14\n"
    draw(tmp_path / "a.jpg", "a")
    train = write(tmp_path / "x.csv", header + line.format("cat") + line.format("emu"))
    val = write(tmp_path / "y.csv", header + line.format("emu"))
    first, second = build_sources(data(train, val))
    assert second.class_names == first.class_names == ["cat", "emu"] and second.labels(0).tolist() == [1]
    write(tmp_path / "y.csv", header + line.format("yak"))
    with pytest.raises(ValueError, match=r"y\.csv: class 'yak' is unknown to the training set, whose classes are"):
        build_sources(data(train, val))


def test_a_table_with_numbers_of_classes_keeps_them(tmp_path):
    draw(tmp_path / "a.jpg", "a")
    lines = ["filename,class_id,left,top,right,bottom", "a.jpg,3,1,2,13,14", "a.jpg,5,2,3,9,9"]
    source = opened(Asked(write(tmp_path / "x.csv", "\n".join(lines))))
    assert source.class_names == ["3", "5"] and source.boxes(0).tolist() == [[1, 2, 13, 14], [2, 3, 9, 9]]


def test_formats_meet(tmp_path):
    """Labels of another format may validate: COCO counts its classes from 1, YOLO from 0."""
    train, _ = coco_files(tmp_path / "coco")
    first, second = build_sources(data(train, yolo_tree(tmp_path / "yolo")[0]))
    assert first.category_ids == second.category_ids == [1, 2, 3]
    assert [[second.class_names[x] for x in second.labels(i)] for i in range(2)] == [
        [CLASSES[box[0]] for box in BOXES[stem]] for stem in sorted(VAL)
    ]


def test_without_a_validation_set_it_is_asked_for(tmp_path):
    draw(tmp_path / "a.jpg", "a")
    write(tmp_path / "a.xml", voc("a"))
    with pytest.raises(ValueError, match=r"data\.val\.annotations is not set; data\.val\.split=0\.2 holds out a fifth"):
        build_sources(data(tmp_path))


@pytest.mark.parametrize("kind", [voc_lists, yolo_tree, roboflow, csv_tensorflow], ids=lambda kind: kind.__name__)
def test_all_of_check_data_holds(tmp_path, tiny, kind):
    """An image that cannot be read, one in both splits, one with many objects: each is found whatever the format."""
    train, *others = kind(tmp_path)
    keys = ("data.val.annotations", "data.train.images", "data.val.images")
    words = ["data.name=coco", f"data.train.annotations={train}", *map("{}={}".format, keys, others)]
    words.append("data.max_objects=1")
    for path in tmp_path.rglob("b.jpg"):
        path.write_bytes(path.read_bytes()[:-40])
    found = report(tiny, words)
    kinds = {finding.kind for _, finding in found.rows}
    assert kinds >= {"damaged image", "image with too many objects"} and "b.jpg is cut short" in found.refusal()
    assert found.splits.keys() == {"train", "val"} and any("in both splits" in kind for kind in kinds) == (
        kind in (voc_lists, csv_tensorflow, roboflow)
    )


@pytest.mark.slow
def test_many_label_files_take_at_most_three_times_the_time_of_one_json(tmp_path):
    """4 000 images took 0.56 s of a processor against 0.27 s.

    Before a JSON was read into arrays, 118 000 took 17.7 s against 12.0 s.
    """
    draw(tmp_path / "a.jpg", "a")
    stems = [f"{n:06d}" for n in range(4000)]
    for stem in stems:
        (tmp_path / "yolo/images").mkdir(parents=True, exist_ok=True)
        os.link(tmp_path / "a.jpg", tmp_path / f"yolo/images/{stem}.jpg")
        write(tmp_path / f"yolo/labels/{stem}.txt", yolo("a") * 4)
    write(tmp_path / "yolo/data.yaml", "train: images\nnames: [a, b, c]\n")
    images = [{"id": n, "file_name": f"{stem}.jpg", "width": 40, "height": 30} for n, stem in enumerate(stems)]
    boxes = [{"image_id": n // 8, "id": n, "category_id": 0, "bbox": [1, 2, 3, 4]} for n in range(8 * len(stems))]
    held = {"images": images, "annotations": boxes, "categories": [{"id": 0, "name": "a"}]}
    write(tmp_path / "a.json", json.dumps(held))
    one, many = Asked(tmp_path / "a.json", images=tmp_path / "yolo/images"), Asked(tmp_path / "yolo")
    seconds = {asked: min(_seconds(asked) for _ in range(3)) for asked in (one, many)}
    assert seconds[many] < 3 * seconds[one], seconds


def _seconds(asked) -> float:
    start = time.process_time()
    assert len(opened(asked).objects.boxes) == 32_000
    return time.process_time() - start


@pytest.fixture
def formats(shared):
    folder = shared / "data/formats"
    if not folder.is_dir():
        pytest.skip("the four layouts are not in the reference data")
    return folder


def test_four_layouts_hold_the_same_boxes(formats):
    photos = formats / "voc/JPEGImages"
    table = (formats / "csv/train.csv", formats / "csv/val.csv", photos, photos)
    kinds = [data(formats / "voc"), data(formats / "yolo"), data(formats / "roboflow"), data(*table)]
    first, *others = [[held(source) for source in build_sources(kind)] for kind in kinds]
    assert [len(split) for split in first] == [20, 8] and sum(map(len, first[0].values())) == 382
    for other in others:
        for one, two in zip(first, other, strict=True):
            assert one.keys() == two.keys()
            for stem in one:
                assert [name for name, _ in one[stem]] == [name for name, _ in two[stem]]
                assert np.allclose([box for _, box in one[stem]], [box for _, box in two[stem]], atol=1e-3)
