"""From which score on a detection counts: what is typed, what a checkpoint knows, what it may not say."""

import json

import numpy as np
import pytest
import torch

import cornernet
from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.prediction import FixedCanvas, thresholds
from cornernet.prediction.thresholds import Thresholds, chosen, drawn, each, held, in_words, of_labels

KNOWN = Thresholds(0.4, [0.6, -1.0, 0.2])


def test_what_is_unknown_of_a_class_is_that_of_all_and_then_the_default():
    assert each(KNOWN) == [0.6, 0.4, 0.2]
    assert each(Thresholds(-1.0, [-1.0, 0.5])) == [0.3, 0.5]
    assert drawn(None, KNOWN) == [0.6, 0.4, 0.2] and drawn(None, None) == 0.3 and drawn(0.7, KNOWN) == 0.7
    assert of_labels([0.6, 0.2], np.array([1, 0, 1])).tolist() == [0.2, 0.6, 0.2]


def test_a_score_is_a_number_one_a_class_or_the_word():
    assert chosen(0.5, None, 3) == 0.5 and chosen([0.1, 0, 1], None, 3) == [0.1, 0, 1]
    assert chosen("best_f1", KNOWN, 3) == [0.6, 0.4, 0.2]
    with pytest.raises(ValueError, match=r"^x\.pt holds no scores of the best F1, .* give the number$"):
        chosen("best_f1", None, 3, "x.pt")
    for wrong in ("best", "0.5", [0.1, 0.2], [0.1, 0.2, 2], -0.1, None):
        with pytest.raises(
            ValueError, match="must be a number from 0 to 1, one for each of the 3 classes, or 'best_f1'"
        ):
            chosen(wrong, KNOWN, 3)


@pytest.mark.parametrize(
    "saved",
    [
        {"overall": 0.4, "per_class": [0.1, 0.2]}, {"overall": 0.4, "per_class": [0.1, 0.2, 1.5]}, [1],
        {"overall": float("nan"), "per_class": [0.1] * 3}, {"overall": 0.4}, {"overall": "0", "per_class": [0.1] * 3},
    ],
)  # fmt: skip
def test_a_file_that_says_something_else_is_refused(saved):
    with pytest.raises(ValueError, match=r"^a\.pt holds no scores from 0 to 1, one a class, at best_f1$"):
        held(saved, 3, "a.pt")


def test_nothing_saved_is_nothing_known():
    assert held(None, 3, "a.pt") is None and held(KNOWN._asdict(), 3, "a.pt") == KNOWN


def test_words():
    assert in_words(0.3) == "a score of 0.3 or more"
    assert in_words([0.25, 0.5]) == "at least the score of their class's best F1 (0.25 to 0.5)"


@pytest.fixture
def knowing(exports, tmp_path):
    """A checkpoint that holds scores of the best F1."""
    state = checkpoint.load(exports["anchor"] / "best.pt")
    state["config"]["test"]["draw_score"] = None
    checkpoint.save(state | {"best_f1": KNOWN._asdict()}, tmp_path / "best.pt")
    return tmp_path / "best.pt"


def test_a_training_leaves_them_in_its_checkpoints_as_in_its_metrics(tiny_run):
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    saved = checkpoint.load(tiny_run / "last.pt")["best_f1"]
    assert saved == {
        "overall": metrics["best_f1_threshold"],
        "per_class": [one["best_f1_threshold"] for one in metrics["per_class"]],
    }
    assert cornernet.Predictor.load(tiny_run / "last.pt").best_f1 == Thresholds(**saved)


def test_predicting_with_them(knowing):
    predictor = cornernet.Predictor.load(knowing)
    assert predictor.best_f1 == KNOWN
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    every = predictor(image)[0]
    assert every.draw_score == [0.6, 0.4, 0.2]
    scores = [float(every.scores[every.labels == k].median()) for k in every.labels.unique()]
    predictor.best_f1 = Thresholds(-1.0, [*scores, *[0.5] * (3 - len(scores))])
    found, again = predictor(image, score_threshold="best_f1")[0], predictor(image)[0]
    least = torch.tensor(predictor.best_f1.per_class, dtype=torch.float64)[every.labels]
    assert found.boxes.equal(every.boxes[every.scores >= least]) and 0 < len(found) < len(every)
    assert (again.draw() == found.draw(0)).all() and (again.draw() != again.draw(0)).any()
    typed = cornernet.Predictor.load(knowing, overrides=["test.draw_score=0.9"])
    assert typed(image)[0].draw_score == 0.9
    plain = cornernet.Predictor.load(knowing, overrides=["test.draw_line=2", "test.draw_labels=none"])
    assert plain(image)[0].style == (2, "none") and predictor(image)[0].style == (None, "auto")


def test_a_checkpoint_without_them_says_so(exports):
    path = exports["anchor"] / "best.pt"
    with pytest.raises(ValueError, match=rf"^{path} holds no scores of the best F1"):
        cornernet.Predictor.load(path)(np.zeros((9, 9, 3), np.uint8), score_threshold="best_f1")


def test_they_travel_into_an_exported_file(knowing, exports):
    onnx = pytest.importorskip("onnx", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    from cornernet.export import export

    _, settings, saved, changed = export.traceable(knowing, [])
    about = export.metadata(settings, saved, FixedCanvas((64, 64)), export.plan(knowing), changed, "best.pt")
    assert about["best_f1"] == KNOWN._asdict() and about["draw_scores"] == [0.6, 0.4, 0.2]
    model = onnx.load(exports["anchor"] / "best.onnx")
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    onnx.save(model, knowing.with_suffix(".onnx"))
    assert cornernet.Predictor.load(knowing.with_suffix(".onnx")).draw_score == [0.6, 0.4, 0.2]


def test_an_impossible_score_to_draw_is_refused(knowing):
    with pytest.raises(ValueError, match=r"test\.draw_score must be at least 0 and at most 1 or null, got 2"):
        cornernet.Predictor.load(knowing, overrides=["test.draw_score=2"])
    assert config.Config().test.draw_score is None and thresholds.DRAWN == 0.3
