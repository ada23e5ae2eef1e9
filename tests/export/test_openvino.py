"""OpenVINO: the two files, what they answer, and what is refused before OpenVINO reads a text."""

import shutil

import numpy as np
import pytest
import torch

from cornernet import Predictor
from cornernet.export import export
from cornernet.graphs import openvino as form
from cornernet.prediction import exported_detector
from tests.conftest import untrained
from tests.export.test_open_sizes import KEYS

GOOD = (
    '<?xml version="1.0"?><net name="a" version="11"><layers><layer id="0" name="x" type="Parameter" version="opset1">'
    '<data shape="?,3,64,64" element_type="u8"/><output><port id="0"><dim>-1</dim><dim>3</dim></port></output></layer>'
    '</layers><rt_info><cornernet><names value="[&quot;a&quot;]"/></cornernet></rt_info></net>'
)


def test_entries_are_read_off_a_text():
    assert form.entries(GOOD.encode()) == {"names": '["a"]'}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("<net", '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/hostname">]><net', 1),
            "no plain XML in UTF-8",
        ),
        (GOOD.replace("<net", "<!doctype net><net", 1), "no plain XML in UTF-8"),
        (GOOD.encode("utf-16"), "no plain XML in UTF-8"),
        (GOOD.replace("opset1", "extension"), "layer of type 'Parameter' is none of OpenVINO's own"),
        (GOOD.replace("opset1", "custom_domain"), "none of OpenVINO's own"),
        (GOOD.replace("<dim>3</dim>", "<dim>3000000</dim><dim>3000000</dim>"), "more than 2147483648 numbers"),
        (GOOD.replace("<dim>3</dim>", "<dim><x/>3000000</dim><dim>3000000</dim>"), "more than 2147483648 numbers"),
        (GOOD.replace("<layers>", '<layers xmlns="x">').replace("opset1", "extension"), "it names a namespace"),
        (GOOD.replace("?,3,64,64", "9999999,99999,64"), "more than 2147483648 numbers"),
        (GOOD.replace("&quot;a&quot;", "x" * 2**20), "its metadata are longer than 1048576 characters"),
    ],
)
def test_a_hostile_text_is_refused_before_it_is_read(text, message):
    with pytest.raises(ValueError, match=message):
        form.entries(text if isinstance(text, bytes) else text.encode())


@pytest.fixture(scope="module")
def points(kinds, tmp_path_factory):
    """Folder of best.pt, best.xml and best.bin of a detector of points."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    path = untrained(tmp_path_factory.mktemp("openvino") / "best.pt", kinds["points"], KEYS)
    made = export.export(path, format="openvino")
    assert made.compared.apart.lost == 0 and max(made.compared.apart[1:3]) <= 1e-4
    assert made.bytes == sum((path.with_suffix(ending)).stat().st_size for ending in (".xml", ".bin"))
    assert sorted(file.name for file in path.parent.iterdir()) == ["best.bin", "best.pt", "best.xml"]
    return path.parent


@pytest.mark.slow
def test_it_goes_in_place_of_a_checkpoint(points):
    exported, own = (Predictor.load(points / f"best.{ending}", "cpu") for ending in ("xml", "pt"))
    assert exported.class_names == ["a", "b", "c"]
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    (found,), (expected,) = exported([image]), own([image])
    assert len(found) == len(expected) > 5 and torch.allclose(found.scores, expected.scores, atol=1e-5)
    assert torch.allclose(found.boxes, expected.boxes, atol=1e-3)


@pytest.mark.slow
def test_weights_that_were_not_written_with_it_are_refused(points, tmp_path):
    for ending in (".xml", ".bin"):
        shutil.copy(points / f"best{ending}", tmp_path / f"best{ending}")
    weights = tmp_path / "best.bin"
    weights.write_bytes(weights.read_bytes()[:-4] + b"1234")
    with pytest.raises(ValueError, match=r"best\.xml is damaged .* \(the weights in best\.bin are not those written"):
        exported_detector.load(tmp_path / "best.xml")
    weights.unlink()
    with pytest.raises(ValueError, match=r"best\.xml is damaged .* \(there is no best\.bin beside it\)"):
        exported_detector.load(tmp_path / "best.xml")


@pytest.mark.slow
def test_a_text_that_reads_beyond_its_weights_is_one_sentence(points, tmp_path):
    text = (points / "best.xml").read_text(encoding="utf-8")
    shutil.copy(points / "best.bin", tmp_path / "best.bin")
    (tmp_path / "best.xml").write_text(text.replace('offset="0"', 'offset="99999999999"', 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"best\.xml is damaged or was not exported by this toolkit") as error:
        exported_detector.load(tmp_path / "best.xml")
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
