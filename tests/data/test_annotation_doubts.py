"""What boxes, areas and ids of a set say together: fractions, corners, boxes given twice, areas that are none."""

import re
from pathlib import Path

import numpy as np
import pytest

from cornernet.data import Finding, check, read
from cornernet.data.annotations import Content, checked
from cornernet.data.annotations.objects import objects
from cornernet.data.contents import contents
from cornernet.data.problems import Problems
from cornernet.data.records import Records
from cornernet.data.source import ImageRecord
from tests.data.layouts import draw, write

SIZE = (640, 480)


def found(boxes, on_error="stop", size=SIZE, **more):
    """Boxes of one class on one image -> (Objects, findings by kind); more: further keys, lists of values or one."""
    entries = [{"id": at, "image_id": 1, "category_id": 1, "bbox": list(box)} for at, box in enumerate(boxes, 1)]
    for at, entry in enumerate(entries):
        entry |= {key: value[at] if isinstance(value, list) else value for key, value in more.items()}
    problems = Problems("t.json", on_error)
    image = ImageRecord(1, "a.png", *size)
    rows = objects(entries, {1: image}, Records.of([image]), [1, 2], problems)
    return rows, {x.kind: x for x in problems.findings()}


def sound(count=60, size=SIZE, seed=0):
    """Boxes [x, y, w, h] of any size inside an image."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), 1) * size
    return np.concatenate([corners[:, 0], corners[:, 1] - corners[:, 0] + 1e-3], 1)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_said_of_boxes_of_any_size(seed):
    assert found(sound(60, seed=seed).tolist())[1] == {}
    assert found((sound(60, seed=seed) * 0.5).tolist())[1] == {}  # all in one corner


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize(
    "boxes", [sound() / (*SIZE, *SIZE), [[0, 0, 1, 1]], [[0.1, 0.2, 0.3, 0.9]] * 3 + [[9, 9, 9, 9]]]
)
def test_fractions_are_refused_in_either_mode(boxes, on_error):
    with pytest.raises(
        ValueError, match=r"\d of \d+ boxes look like fractions of the image, the first: .* of a\.png"
    ) as e:
        found(np.array(boxes).tolist(), on_error)
    assert "640x480 pixels" in str(e.value) and "multiply them by width and height" in str(e.value)
    assert "skip" not in str(e.value)


def test_a_few_fractions_are_left_out_and_said():
    boxes = [*sound(9).tolist(), [0.25, 0.5, 0.125, 0.5]]
    with pytest.raises(ValueError, match=r"annotation 10 of a\.png: box like fractions .* pixels are expected .*skip"):
        found(boxes)
    rows, said = found(boxes, "skip")
    assert len(rows.boxes) == 9 and said["box like fractions of the image"].bad


def test_small_numbers_that_are_pixels():
    assert found([[0.25, 0.5, 0.125, 0.5]], size=(28, 28))[1] == {}
    assert found([[0, 0, 1, 1], *sound(5).tolist()])[1] == {}  # a pixel in the corner
    assert found([[0.5, 3.5, 0.5, 0.5], *sound(5).tolist()])[1] == {}


def centred(boxes):
    """What becomes of corners that are read as centre and size."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], 1)


def moved(share):
    """Boxes that are read as if they lay further right and down by a share of their sides."""
    return sound() + np.concatenate([sound()[:, 2:] * share, np.zeros((60, 2))], 1)


CORNERS = np.concatenate([sound()[:, :2], sound()[:, :2] + sound()[:, 2:]], 1)
XYXY = r"of 60 boxes leave their images: are they xyxy, \[x1, y1, x2, y2\], where"
MANY = "many boxes beyond their images"
MEANT = {  # as they were read: (boxes, size of the image, kind, words)
    "corners": (CORNERS, SIZE, "corners for sizes", XYXY),
    "corners for a centre": (centred(CORNERS), SIZE, "corners for sizes", XYXY),
    "centre for a corner": (moved(0.5), SIZE, MANY, "are x and y the centres of the boxes"),
    "corner for a centre": (moved(-0.5), SIZE, MANY, "are x and y the left upper corners of the boxes"),
    "exchanged": (sound(), SIZE[::-1], MANY, "would fit if width and height of the images were exchanged"),
    "other size": (sound() * 1.4, SIZE, MANY, "are the images of another size"),
    "per cent": (sound() / (*SIZE, *SIZE) * 100, SIZE, "boxes like per cent", "none of 60 boxes reaches beyond 100 in"),
}


@pytest.mark.parametrize("case", MEANT)
def test_boxes_that_were_meant_otherwise(case):
    boxes, size, kind, words = MEANT[case]
    _, said = found(boxes.tolist(), "skip", size)
    assert re.search(words, said[kind].example) and not said[kind].bad
    assert {"corners for sizes", "many boxes beyond their images", "boxes like per cent"} & said.keys() == {kind}


def test_sizes_where_corners_were_expected():
    boxes = sound()
    boxes[:, 2:] -= boxes[:, :2]  # the size was taken for the last corner
    words = "boxes have a negative width or height: are their last two numbers width and height instead of a corner?"
    with pytest.raises(
        ValueError, match=f"bbox has a negative width or height, got .*{re.escape(words)} .data.on_error"
    ):
        found(boxes.tolist())
    assert words in found(boxes.tolist(), "skip")[1]["sizes for corners"].example
    boxes = sound()
    boxes[:9, 2:] *= -1  # corners in the other order are no sizes
    assert "sizes for corners" not in found(boxes.tolist(), "skip")[1]


# -- boxes given twice --------------------------------------------------------------------------------------------


def test_boxes_given_twice_are_told_and_dropped_under_skip():
    boxes = sound(5).tolist()
    rows, said = found([*boxes, *boxes], iscrowd=0)
    assert len(rows.boxes) == 10 and said["box given twice"].count == 5
    assert (
        said["box given twice"].outcome == "both are used; data.on_error=skip drops one"
        and not said["box given twice"].bad
    )
    assert said["box given twice"].example.startswith("boxes given twice: 5 of 10, the first: [")
    rows, said = found([*boxes, *boxes], "skip")
    assert len(rows.boxes) == 5 and said["box given twice"].count == 5 and said["box given twice"].outcome == "left out"
    np.testing.assert_array_equal(rows.bbox, boxes)


BOX = [100, 50, 40, 30]
TWO = {  # the second box, further keys and whether it is the first again
    "the same": (BOX, {}, True),
    "rounded": ([100.4, 49.6, 39.7, 30.3], {}, True),
    "a pixel off": ([101, 50, 39, 30], {}, True),
    "two pixels off": ([102, 50, 40, 30], {}, False),
    "of another class": (BOX, {"category_id": [1, 2]}, False),
    "a crowd": (BOX, {"iscrowd": [0, 1]}, False),
}


@pytest.mark.parametrize("case", TWO)
def test_which_boxes_are_the_same(case):
    second, more, same = TWO[case]
    assert ("box given twice" in found([BOX, second], **more)[1]) == same
    assert ("box given twice" in found([second, BOX], **more)[1]) == same


def test_small_objects_beside_each_other_are_not_the_same():
    grid = [[x, y, 4, 4] for x in range(0, 40, 1) for y in range(0, 40, 4)]
    assert found(grid)[1] == {}
    assert found([[10, 10, 4, 4], [10.2, 10, 4, 4]])[1]["box given twice"].count == 1
    assert len(found([BOX] * 300 + grid, "skip")[0].boxes) == 401


# -- areas --------------------------------------------------------------------------------------------------------

AREAS = {0: False, 1: False, 0.12: False, 35970: True, 35970 * 10: False, -1: False, 36500: True, 900: True, None: True}


@pytest.mark.parametrize("area", AREAS)
def test_an_area_that_can_be_none_of_the_box(area):
    rows, said = found([[68, 315, 218, 165]], area=area)
    assert ("bad area" not in said) == AREAS[area]
    assert rows.area.tolist() == [area if AREAS[area] and area else 35970]
    if said:
        assert f"annotation 1 of a.png has area {area}, its box 218 x 165 pixels" == said["bad area"].example
        assert said["bad area"].outcome == "width x height of the box is used"


def test_areas_that_may_be():
    assert found([[1, 1, 3, 3]], area=1)[1] == {}  # a mask of one pixel, as COCO has them
    assert found([[1.5, 1.5, 2.2, 2.4]], area=9)[1] == {}  # one of whole pixels is larger than its box
    rows, said = found([[-50, 10, 100, 20]], area=2000)
    assert rows.area.tolist() == [1000] and "bad area" not in said


# -- ids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("listed", "given"), [("1", 1), (1, "1"), (7, " 7"), ("-3", -3)])
def test_ids_of_another_kind_are_named(tmp_path: Path, listed, given):
    (tmp_path / "a.png").touch()
    content = Content(
        [{"id": listed, "file_name": "a.png", "width": 40, "height": 30}],
        [{"id": 5, "image_id": given, "category_id": 1, "bbox": [1, 2, 3, 4]}],
        [{"id": 1, "name": "cat"}], tmp_path,
    )  # fmt: skip
    words = f"belongs to image {given!r}, which is not listed, but {listed!r} is: ids must be numbers in both lists"
    with pytest.raises(ValueError, match=words):
        checked(content, Problems("t.json", "stop"))
    content.annotations[0] |= {"image_id": listed, "category_id": "1"}
    with pytest.raises(ValueError, match="category '1', which is not listed, but 1 is: ids must be numbers"):
        checked(content, Problems("t.json", "stop"))


# -- the same in every format ---------------------------------------------------------------------------------------

ROWS = [(0, 10, 12, 30, 32), (0, 10, 12, 30, 32), (1, 20, 10, 60, 60), (1, 50, 20, 90, 50)]


def voc(rows, width=100, height=64, sides=(100, 64)):
    objects = "".join(
        f"<object><name>{'ab'[c]}</name><difficult>{int(c == 1)}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>" for c, x1, y1, x2, y2 in rows
    )  # fmt: skip
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


def make(form, folder, rows=ROWS):
    """The same boxes of one image in a format -> what one has to type."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "i.png"), np.zeros((64, 100, 3), np.uint8))
    if form == "voc":
        return write(folder / "i.xml", voc(rows)).parent
    if form == "csv":
        lines = [f"i.png,{'ab'[c]},{x1},{y1},{x2},{y2},{int(c == 1)}" for c, x1, y1, x2, y2 in rows]
        return write(folder / "t.csv", "\n".join(["filename,class,xmin,ymin,xmax,ymax,iscrowd", *lines]))
    lines = [
        f"{c} {(x1 + x2) / 200} {(y1 + y2) / 128} {(x2 - x1) / 100} {(y2 - y1) / 64}" for c, x1, y1, x2, y2 in rows
    ]
    write(folder / "i.txt", "\n".join(lines))
    return write(folder / "data.yaml", "names: [a, b]\ntrain: .\n").parent


@pytest.mark.parametrize("form", ["voc", "csv", "yolo"])
def test_other_formats_have_the_same_findings(form, tmp_path):
    source = read(make(form, tmp_path / "twice"), quiet=True)
    (twice,) = source.problems.findings()
    assert (twice.kind, twice.count) == ("box given twice", 1) and "of i.png" in twice.example
    assert len(read(make(form, tmp_path / "twice"), on_error="skip", quiet=True).objects.boxes) == 3
    if form != "yolo":  # which has no crowds
        assert check.crowds(source, contents(source)) == [
            Finding("mostly crowds", 2, "2 of 4 objects (50%) are crowds (iscrowd, or difficult)",
                    "not trained on, and no mistake if they are found")
        ]  # fmt: skip


APART = [(0, 60 + 3 * i, 40, 90, 60) for i in range(5)]


@pytest.mark.parametrize("form", ["voc", "csv"])
def test_sizes_for_corners_in_other_formats(form, tmp_path):
    rows = [(c, x1, y1, x2 - x1, y2 - y1) for c, x1, y1, x2, y2 in APART]
    with pytest.raises(ValueError, match="are their last two numbers width and height instead of a corner"):
        read(make(form, tmp_path, rows))


def test_corners_for_centre_and_size_in_yolo(tmp_path):
    path = make("yolo", tmp_path)
    lines = [f"0 {x1 / 100} {y1 / 64} {x2 / 100} {y2 / 64}" for _, x1, y1, x2, y2 in APART]
    write(tmp_path / "i.txt", "\n".join(lines))
    assert "5 of 5 boxes leave their images: are they xyxy" in read(path).problems.first["corners for sizes"].example


def test_fractions_in_voc(tmp_path):
    draw(tmp_path / "i.png", "a")
    write(tmp_path / "i.xml", voc([(0, 0.1, 0.2, 0.5, 0.75)], 640, 480))
    with pytest.raises(ValueError, match="1 of 1 boxes look like fractions of the image"):
        read(tmp_path)
