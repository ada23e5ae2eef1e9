"""Large images of small ones with their truth, and the ways of predicting them."""

import numpy as np

from benchmarks import slices
from cornernet import config
from cornernet.data import ShapesSet, read
from tests.conftest import ROOT


def test_a_mosaic_holds_every_image_and_every_box_where_it_lies(tmp_path):
    source = ShapesSet("val", 33, size=32)
    assert slices.mosaics(source, 33, tmp_path) == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "annotations.json"]
    made = read(tmp_path / "annotations.json", tmp_path)
    assert len(made) == 2 and made.image(1).shape == (128, 128, 3)
    for number in range(2):
        assert (made.image(number)[96:, 32:64] == source.image(16 * number + 13)).all()  # fourth row, second column
        boxes = [source.boxes(16 * number + k) + 32 * np.array([k % 4, k // 4, k % 4, k // 4]) for k in range(16)]
        np.testing.assert_allclose(made.boxes(number), np.concatenate(boxes), atol=1e-4)
        labels = np.concatenate([source.labels(16 * number + k) for k in range(16)])
        np.testing.assert_array_equal(made.labels(number), labels)


def test_every_way_is_one_a_config_takes(tmp_path):
    plain = dict(slices.ways(32, tmp_path, 32, attends=False))
    attends = dict(slices.ways(32, tmp_path, 32, attends=True))
    assert set(attends) - set(plain) == {"mosaics by saccades"} and len(plain) == 6
    for name, keys in attends.items():
        test = config.load(ROOT / "configs/saccade_shapes.yaml", keys).test
        assert (len(test.saccade.sides) > 0) == ("saccades" in name), name
        assert (test.slices.size is not None) == ("slices" in name), name
