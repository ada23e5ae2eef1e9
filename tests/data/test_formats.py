"""The layouts in which people have their labels: recognised by content, and the same boxes of the same images."""

from pathlib import Path

import numpy as np
import pytest

from cornernet.config import Data, Split, Validation
from cornernet.data import build_sources
from tests.data.layouts import BOXES, CLASSES, KINDS, TRAIN, VAL


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
