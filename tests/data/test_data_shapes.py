import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from cornernet.cli import make_shapes
from cornernet.config import Data, Shapes
from cornernet.data import ShapesSet, build_source, read, write
from cornernet.data.shape_drawing import LARGEST, SMALLEST, fill, tight_box, under


def test_images_are_a_pure_function_of_seed_split_and_index():
    one, two = ShapesSet("train", 5), ShapesSet("train", 50)
    for i in (3, 0, 3):
        assert np.array_equal(one.image(i), two.image(i)) and np.array_equal(one.boxes(i), two.boxes(i))
    others = [ShapesSet("val", 5), ShapesSet("train", 5, seed=1)]
    assert not any(np.array_equal(one.image(3), other.image(3)) for other in others)
    assert not np.array_equal(one.image(3), one.image(4))


@pytest.mark.parametrize("size", [32, 127, 256])
def test_boxes_are_tight_around_visible_pixels(size):
    shapes = ShapesSet("train", 40, size)
    for i in range(len(shapes)):
        drawing = shapes.drawing(i)
        assert drawing.image.shape == (size, size, 3) and 1 <= len(drawing.boxes) <= 6
        assert not (drawing.masks.sum(0) > 1).any()
        for box, mask in zip(drawing.boxes, drawing.masks, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            sides = np.array([box[2] - box[0], box[3] - box[1]])
            assert (sides >= SMALLEST * size - 2).all() and (sides <= LARGEST * size + 2).all()


def test_the_box_convention():
    mask = np.zeros((6, 9), bool)
    mask[2:4, 5] = True
    assert tight_box(mask) == (5, 2, 6, 4)
    assert tight_box(fill(np.array([[2, 3], [7, 3], [7, 5], [2, 5]]), 12) >= 128) == (2, 3, 8, 6)


def test_a_shape_hides_little_and_no_edge_of_another():
    mask = np.ones((10, 10), bool)
    for cover, allowed in [((2, 6, 2, 7), True), ((2, 8, 2, 8), False), ((0, 10, 0, 1), False), ((0, 0, 0, 0), True)]:
        y1, y2, x1, x2 = cover
        covers = np.zeros((10, 10), bool)
        covers[y1:y2, x1:x2] = True
        left = under(mask, (0, 0, 10, 10), covers, (x1, y1, x2, y2))
        assert (left is not None) == allowed
        assert not allowed or np.array_equal(left, ~covers)


def test_shapes_stand_out():
    shapes = ShapesSet("train", 60)
    labels = np.concatenate([shapes.labels(i) for i in range(60)])
    assert (np.bincount(labels, minlength=3) > 30).all()
    for i in range(20):
        drawing = shapes.drawing(i)
        ground = ~drawing.masks.any(0)
        saturation = np.ptp(drawing.image.astype(int), axis=2)
        for mask in drawing.masks:
            assert saturation[mask].mean() > saturation[ground].mean() + 40


def test_written_and_read_back_is_the_same(tmp_path: Path):
    shapes = ShapesSet("val", 7, 64, seed=3)
    write(tmp_path, shapes)
    source = read(tmp_path / "annotations/val.json", tmp_path / "images/val")
    assert len(source) == 7 and (source.class_names, source.category_ids) == (shapes.class_names, shapes.category_ids)
    for i in range(7):
        assert np.array_equal(source.image(i), shapes.image(i)) and source.record(i) == shapes.record(i)
        assert np.array_equal(source.boxes(i), shapes.boxes(i)) and np.array_equal(source.labels(i), shapes.labels(i))
    assert source.coco() == shapes.coco()
    assert not source.problems.skipped and not +source.problems.repaired


def test_the_reference_reads_the_ground_truth(tmp_path: Path, capsys):
    write(tmp_path, ShapesSet("val", 3, 64))
    reference = COCO(tmp_path / "annotations/val.json")
    assert len(reference.imgs) == 3 and min(reference.anns) == 1


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="size of at least 32"):
        ShapesSet("train", 5, 8)
    with pytest.raises(ValueError, match="not \\['dog'\\]"):
        build_source(Data(name="shapes"), "val", [7], ["dog"])
    with pytest.raises(ValueError, match="train or val, got 'test'"):
        build_source(Data(name="shapes"), "test")


def test_the_builder_takes_every_key():
    settings = Shapes(size=40, train_images=3, val_images=2, max_objects=1, seed=9)
    for split, length in (("train", 3), ("val", 2)):
        built = build_source(Data(name="shapes", shapes=settings), split)
        assert len(built) == length
        assert np.array_equal(built.image(1), ShapesSet(split, length, 40, 1, 9).image(1))


def test_the_tool_writes_both_splits(tmp_path: Path):
    keys = ["data.shapes.size=48", "data.shapes.train_images=3", "data.shapes.val_images=2"]
    make_shapes.main(str(tmp_path), keys)
    content = json.loads((tmp_path / "annotations/train.json").read_text())
    assert len(content["images"]) == 3 and len(list((tmp_path / "images/val").iterdir())) == 2
    with pytest.raises(ValueError, match=r"did you mean data\.shapes\.size"):
        make_shapes.main(str(tmp_path), ["data.shapes.seze=48"])
