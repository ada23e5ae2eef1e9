"""Each kind of wrong label, put by hand into a set that is otherwise right."""

import numpy as np
import pytest

from cornernet.evaluation.audit import judge
from cornernet.evaluation.audit.reliance import Reliability, doubt, law, reliability
from cornernet.evaluation.truth import from_coco
from cornernet.prediction.found import from_results


def single(audit):
    """The one finding that there is."""
    assert [x.kind for x in audit.findings] in ([audit.findings[0].kind],), audit.findings
    return audit.findings[0]


def other(labelled, category):
    return next(x for x in labelled.category_ids if x != category)


def test_right_labels_raise_no_doubt(labelled):
    assert labelled.audit().findings == []
    assert labelled.audit().images == 30 and labelled.audit().labels == 150


def test_a_dropped_label_is_missing(labelled):
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    found = single(labelled.audit())
    assert (found.kind, found.image_id, found.label, found.box, found.class_said) == ("missing", 4, None, None, None)
    assert found.class_found == labelled.class_names[labelled.category_ids.index(gone["category_id"])]
    assert np.allclose(found.box_found, [80, 10, 120, 40], atol=4) and 0.5 <= found.sureness <= 1


def test_a_missing_object_is_named_once_and_a_touched_one_not_at_all(labelled):
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    labelled.detect(4, [74, 12, 40, 30], other(labelled, gone["category_id"]), 0.93)  # the same object
    labelled.detect(4, [24, 96, 30, 30], 5, 0.97)  # half of one with a label
    assert single(labelled.audit()).kind == "missing"


def test_many_missing_labels_hardly_hide_one_another(labelled):
    """They must not make the detector look worse than it is, see `doubts`: fitted once, half of them fall below 0.5."""
    for image in range(10):
        labelled.annotations.remove(labelled.of(image)[1])
    found = labelled.audit(0.05).of("missing")
    assert {x.image_id for x in found} == set(range(10)) and sum(x.sureness >= 0.5 for x in found) >= 8


@pytest.mark.parametrize("move", [(12, 0), (-12, 0), (0, 10), (9, 7), (-11, 8)])
def test_a_shifted_label_is_off(labelled, move):
    moved = labelled.of(7)[4]
    moved["bbox"] = [moved["bbox"][0] + move[0], moved["bbox"][1] + move[1], 40, 30]
    found = single(labelled.audit())
    assert (found.kind, found.image_id, found.label) == ("box", 7, labelled.annotations.index(moved))
    assert found.box == (100 + move[0], 110 + move[1], 140 + move[0], 140 + move[1])
    assert np.allclose(found.box_found, [100, 110, 140, 140], atol=4)


def test_a_label_of_another_size_is_off(labelled):
    labelled.of(7)[4]["bbox"] = [100, 110, 60, 30]
    assert single(labelled.audit()).kind == "box"


def test_a_label_under_another_class_is_found_with_the_right_one(labelled):
    swapped = labelled.of(9)[0]
    true = swapped["category_id"]
    swapped["category_id"] = other(labelled, true)
    found = single(labelled.audit())
    names = {i: n for i, n in zip(labelled.category_ids, labelled.class_names, strict=True)}
    assert (found.kind, found.class_said, found.class_found) == ("class", names[swapped["category_id"]], names[true])


def test_a_second_label_of_one_object_is_named_once(labelled):
    first = labelled.of(2)[3]
    second = labelled.label(2, [21, 101, 40, 30], first["category_id"])
    found = single(labelled.audit())
    assert found.kind == "doubled" and found.label in (3 + 10, labelled.annotations.index(second))
    assert found.box_found is not None and found.box_found != found.box


def test_two_objects_on_one_place_with_a_detection_each_are_no_double(labelled):
    first = labelled.of(2)[3]
    labelled.label(2, [21, 101, 40, 30], first["category_id"])
    labelled.detect(2, [21.3, 101.2, 40, 30], first["category_id"], 0.97)
    assert labelled.audit().findings == []


def test_a_label_that_nothing_supports_is_spurious(labelled):
    wrong = labelled.label(11, [40, 160, 40, 30], 5)
    found = single(labelled.audit())
    assert (found.kind, found.label, found.box_found) == ("spurious", labelled.annotations.index(wrong), None)


def test_what_a_weak_detector_does_not_find_is_hardly_spurious(labelled):
    labelled.results = [x for x in labelled.results if x["image_id"] % 3]  # nothing is found on a third of the images
    doubts = [x for x in labelled.audit(0.01).findings if x.kind == "spurious"]
    assert doubts and max(x.sureness for x in doubts) < 0.2


def test_detections_in_crowds_are_not_missing_and_crowds_not_spurious(labelled):
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    labelled.label(4, [60, 5, 80, 60], gone["category_id"], crowd=1)
    labelled.label(4, [5, 160, 60, 30], 5, crowd=1)
    assert labelled.audit().findings == []
    labelled.annotations = [x for x in labelled.annotations if not x["iscrowd"]]
    assert single(labelled.audit()).kind == "missing"


def test_a_detection_in_a_crowd_of_another_class_is_not_missing(labelled):
    """An ignored region says nothing of classes."""
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    labelled.label(4, [60, 5, 80, 60], other(labelled, gone["category_id"]), crowd=1)
    assert labelled.audit().findings == []


def test_surer_detections_make_surer_findings(labelled):
    """The same missing object with growing scores."""
    gone = labelled.of(4)[1]
    labelled.annotations.remove(gone)
    row = next(x for x in labelled.results if x["image_id"] == 4 and abs(x["bbox"][0] - 80) < 5)
    surenesses = []
    for row["score"] in (0.3, 0.6, 0.8, 0.9, 0.99):
        found = labelled.audit(0.001).findings
        surenesses += [x.sureness for x in found if x.image_id == 4 and x.kind == "missing"][:1]
    assert len(surenesses) >= 3 and surenesses == sorted(surenesses) and len(set(surenesses)) == len(surenesses)


def test_larger_shifts_make_surer_findings(labelled):
    moved, surenesses = labelled.of(7)[4], []
    for step in (3, 6, 9):
        moved["bbox"] = [100 + step, 110, 40, 30]
        found = [x.sureness for x in labelled.audit(0.001).findings if x.image_id == 7 and x.kind == "box"]
        surenesses.append(max(found, default=0))
    assert surenesses == sorted(surenesses) and surenesses[-1] > 0.9 and surenesses[0] < 0.5


def test_findings_are_ranked_over_all_kinds(labelled):
    labelled.annotations.remove(labelled.of(4)[1])
    labelled.of(7)[4]["bbox"] = [112, 110, 40, 30]
    labelled.label(11, [40, 160, 40, 30], 5)
    found = labelled.audit(0.05).findings
    assert {"missing", "box", "spurious"} <= {x.kind for x in found}
    assert [x.sureness for x in found] == sorted((x.sureness for x in found), reverse=True)
    assert all(0 <= x.sureness <= 1 for x in found)


def test_images_that_could_not_be_read_are_left_out(labelled):
    truth, found = from_coco(labelled.coco()), labelled.found()
    seen = [x for x in found.image_ids if x != 3]
    rows = [x for x in labelled.results if x["image_id"] != 3]
    audit = judge(truth, from_results(rows)._replace(image_ids=seen), "val")
    assert audit.findings == [] and audit.images == 29 and audit.labels == 145 and audit.unreadable == ["3.png"]


def test_sets_without_labels_detections_or_images(labelled):
    labelled.results = []
    assert labelled.audit(0.3).findings == []  # a detector that finds nothing doubts nothing
    labelled.annotations = []
    assert labelled.audit().findings == [] and labelled.audit().labels == 0
    labelled.detect(0, [10, 10, 40, 30], 5, 0.9)
    assert all(x.kind == "missing" for x in labelled.audit(0.01).findings)
    labelled.results, labelled.images = [], []
    assert labelled.audit().findings == [] and labelled.audit().images == 0


# -- what the detector is worth -------------------------------------------------------------------------------------


def test_reliability_is_what_the_labels_say():
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.01, 0.99, 20000)
    true = Reliability(1.7, 0.8)
    fitted = reliability(scores, rng.random(20000) < true(scores), np.ones(20000))
    assert fitted.slope == pytest.approx(1.7, abs=0.1) and fitted.offset == pytest.approx(0.8, abs=0.1)
    assert reliability(*np.zeros((3, 0))) == Reliability(1.0, 0.0)  # a score is taken at its word
    assert (np.diff(fitted(np.linspace(0, 1, 50))) > 0).sum() >= 48


def test_reliability_withstands_extremes():
    for right in (np.zeros(100), np.ones(100)):
        fitted = reliability(np.repeat([0.0, 1.0], 50), right, np.ones(100))
        assert np.isfinite(fitted(np.array([0.0, 0.5, 1.0]))).all()
    bad = reliability(np.linspace(0.01, 0.99, 100), np.linspace(1, 0, 100), np.ones(100))  # the surest are wrong
    assert bad.slope > 0


def test_the_law_of_offsets_is_that_of_most_labels():
    rng = np.random.default_rng(2)
    right = abs(rng.normal(0, 0.03, (2000, 4))).max(1)
    fitted = law(np.concatenate([right, rng.uniform(0.2, 0.5, 60)]))
    values = fitted.off(np.array([0.0, 0.02, 0.05, 0.1, 0.15, 0.3, 1.0, 9.0]))
    assert (np.diff(values) >= 0).all() and values[2] < 0.02 and values[5] > 0.99
    assert law(np.zeros(0)).off(np.array([0.5]))[0] > 0.9 > law(np.zeros(0)).off(np.array([0.1]))[0]
    assert np.isfinite(law(np.zeros(100)).off(np.array([0.0, 1.0]))).all()


def test_a_detector_of_stray_boxes_doubts_fewer():
    fitted = law(abs(np.random.default_rng(2).normal(0, 0.03, (2000, 4))).max(1))
    assert fitted.off(np.array([0.4]))[0] > 0.99 and fitted.off(np.array([0.4]), 0.1)[0] == pytest.approx(
        0.34, abs=0.01
    )


def test_a_box_means_less_where_the_detector_misplaces_boxes(labelled):
    labelled.of(7)[4]["bbox"] = [112, 110, 40, 30]
    before = single(labelled.audit()).sureness
    for row in labelled.results[::12]:  # of a twelfth of the objects all that is found is a box a fourth of it too far
        row["bbox"] = [row["bbox"][0] + 10, row["bbox"][1] + 8, *row["bbox"][2:]]
    after = max(x.sureness for x in labelled.audit(0.01).findings if x.image_id == 7 and x.kind == "box")
    assert before > 0.8 and after < 0.6


def test_a_doubt_weighs_the_detector_against_the_prior():
    found = doubt(np.array([0.95, 0.99, 0.5, 1.0, 0.0]))  # of the first it is as often wrong as labels are
    assert found.tolist() == pytest.approx([0.5, 0.839, 0.05, 1, 0], abs=1e-3)
