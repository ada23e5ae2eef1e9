"""When an int8 file is said to be near PyTorch, and when a warning says it is not."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cornernet import graphs
from cornernet.cli import export as command
from cornernet.cli.keys import read
from cornernet.export import check, export
from cornernet.prediction.exported import agreement

pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")
BOXES = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 0, 50, 10], [0, 0, 0, 0]]])
ROWS = BOXES, torch.tensor([[0.9, 0.5, 0.2, -1.0]]), torch.tensor([[1, 0, 2, 2]])


def shifted(pixels, score=0.0):
    return BOXES + pixels, torch.where(ROWS[1] >= 0, ROWS[1] - score, ROWS[1]), ROWS[2]


def test_equal_answers_agree_in_every_row_that_counts():
    both = agreement(ROWS, ROWS, 0.3)
    assert (both.rows, both.shared, both.scores.tolist()) == (4, 4, [0, 0, 0, 0])  # two of either answer
    assert agreement(ROWS, ROWS, 0.1).rows == 6 and agreement(ROWS, ROWS, 0.95).rows == 0


def test_agreement_by_hand():
    both = agreement(shifted(1, 0.05), ROWS, 0.3)  # overlap 81 / 119
    assert (both.rows, both.shared) == (4, 4) and both.scores.tolist() == pytest.approx([0.05] * 4)
    assert agreement(shifted(3), ROWS, 0.3)[:2] == (4, 0)  # overlap 49 / 151
    other = (ROWS[0], ROWS[1], ROWS[2] + 1)
    assert agreement(other, ROWS, 0.3)[:2] == (4, 0)
    none = (BOXES, torch.full((1, 4), -1.0), ROWS[2])
    assert agreement(none, ROWS, 0.3)[:2] == (2, 0) and agreement(none, none, 0.3)[:2] == (0, 0)


def test_a_score_that_sinks_below_the_threshold_is_still_the_same_row():
    both = agreement(shifted(0, 0.25), ROWS, 0.3)  # 0.65 and 0.25 against 0.9 and 0.5
    assert (both.rows, both.shared) == (3, 3)


@pytest.mark.parametrize(
    ("answer", "warns", "said"),
    [
        (shifted(0.5, 0.01), False, "of 8 rows of score 0.3 or more in either answer 100.0% overlap one of the other"),
        (shifted(0.5, 0.01), False, "their scores differ by 0.010 in the median"),
        (shifted(4), True, "of 8 rows of score 0.3 or more in either answer 0.0% overlap"),
        (shifted(0, 0.15), True, "their scores differ by 0.150 in the median"),
        ((BOXES, torch.full((1, 4), float("nan")), ROWS[2]), True, "of 4 rows of score 0.3 or more in either answer 0"),
    ],
)
def test_a_warning_where_the_answer_is_far_off(monkeypatch, caplog, answer, warns, said):
    monkeypatch.setattr(graphs.FORMATS["onnx"], "open", lambda path: (lambda images: answer, {}))
    wanted = export.plan("best.pt", precision="int8", calibrate=2)
    photos = [np.zeros((1, 3, 8, 8), np.uint8)] * 2
    found = check.check(wanted, lambda images: ROWS, [torch.zeros(2, 3, 8, 8)], photos, 0.3)
    text = command._quantised(found, wanted.image)
    assert text.startswith("run on 2 images of its calibration: ") and said in text
    assert ("the int8 file's answer is far from PyTorch's" in caplog.text) == warns


def test_images_without_objects_are_said_to_compare_nothing(monkeypatch, caplog):
    monkeypatch.setattr(graphs.FORMATS["onnx"], "open", lambda path: (lambda images: ROWS, {}))
    wanted = export.plan("best.pt", precision="int8", image="a.png")
    photos = [np.zeros((1, 3, 8, 8), np.uint8)]
    found = check.check(wanted, lambda images: ROWS, [torch.zeros(2, 3, 8, 8)], photos, 0.95)
    text = command._quantised(found, wanted.image)
    assert text == (
        "run on a.png and 1 image of its calibration: neither it nor PyTorch finds anything of score 0.95 or more, "
        "so nothing is compared"
    )
    assert "far from" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["precision=int4"], "precision must be fp32 or fp16 or int8, got 'int4'"),
        (["precision=int8", "calibrate=many"], "calibrate must be a number of training images from 1 up, got 'many'"),
        (["precision=int8", "calibrate=0"], "from 1 up, got '0'"),
        (["calibrate=8"], "calibrate=8 is for precision=int8 alone"),
        (["precision=int8", "format=torch"], "precision=int8 needs format=onnx, got format=torch"),
    ],
)
def test_wrong_settings_of_int8_are_refused(settings, message):
    with pytest.raises(ValueError) as caught:
        export.plan("best.pt", **read(settings, command.KEYS)[0])
    assert message in str(caught.value)


def test_int8_stands_beside_the_checkpoint_under_its_own_name(monkeypatch):
    wanted = export.plan("runs/best.pt", precision="int8")
    assert wanted.out.as_posix() == "runs/best.int8.onnx" and wanted.calibrate == 64 and wanted.precision == "int8"
    wanted = export.plan("best.pt", precision="int8", out=Path("a.onnx"), calibrate=9)
    assert str(wanted.out) == "a.onnx" and wanted.calibrate == 9
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match="precision=int8 needs onnxruntime: pip install"):
        export.plan("best.pt", precision="int8")
