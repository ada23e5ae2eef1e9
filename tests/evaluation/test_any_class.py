"""AP whatever the class: COCO's where there is one class, and by hand where there are several."""

import numpy as np
import pytest

from cornernet.evaluation.matching import matches, overlapping, partners
from cornernet.evaluation.measures.any_class import IOUS
from cornernet.evaluation.scoring import coco_metrics
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results

HERE, THERE = [0, 0, 10, 10], [50, 0, 10, 10]


def figures(objects, found, classes=2):
    """(AP, AP50) of objects (image, class, box, is a crowd) and detections (image, class, box, score)."""
    metrics = coco_metrics(*content(objects, found, classes)).figures()
    return metrics["AP_any_class"], metrics["AP50_any_class"]


def content(objects, found, classes=2):
    keys = "image_id", "category_id", "bbox"
    annotations = [dict(zip((*keys, "iscrowd"), x, strict=True)) | {"id": n} for n, x in enumerate(objects, 1)]
    truth = {
        "images": [{"id": i} for i in (3, 1, 2)], "categories": [{"id": k} for k in range(1, classes + 1)],
        "annotations": annotations,
    }  # fmt: skip
    return truth, [dict(zip((*keys, "score"), x, strict=True)) for x in found]


def noisy(seed):
    """Objects of one class, some of them crowds, and more detections of them, many with equal scores."""
    rng = np.random.default_rng(seed)
    boxes = np.round(rng.uniform(0, 60, (30, 4))) + np.array([0, 0, 20, 20])
    objects = [(n % 3 + 1, 1, list(box), int(n % 7 == 0)) for n, box in enumerate(boxes[:14])]
    found = [(n % 3 + 1, 1, list(box + rng.normal(0, 2, 4)), round(rng.uniform(), 1)) for n, box in enumerate(boxes)]
    return objects, found


@pytest.mark.parametrize("seed", range(5))
def test_of_one_class_it_is_the_ap_of_coco(seed):
    objects, found = noisy(seed)
    metrics = coco_metrics(*content(objects, found, 1))
    assert figures(objects, found, 1) == pytest.approx((metrics.AP, metrics.AP50), abs=1e-12)
    truth = from_coco(content(objects, found, 1)[0])
    seen = placed(from_results(content(objects, found, 1)[1]), truth)
    partner = partners(truth, seen, overlapping(truth, seen), IOUS)
    assert all((partner[:, t] == matches(truth, seen, iou)).all() for t, iou in enumerate(IOUS))


def test_beyond_a_hundred_of_an_image_they_do_not_count_as_in_coco():
    found = [(1, 1, THERE, 0.9 - n / 1000) for n in range(100)] + [(1, 1, HERE, 0.1)]
    assert figures([(1, 1, HERE, 0)], found) == (0, 0)
    assert figures([(1, 1, HERE, 0)], found[1:])[1] == pytest.approx(1 / 100)


def test_a_wrong_name_is_right_and_a_further_name_counts_for_nothing():
    objects = [(1, 1, HERE, 0), (1, 2, THERE, 0)]
    wrong = [(1, 2, HERE, 0.9), (1, 1, THERE, 0.5)]
    assert figures(objects, wrong) == pytest.approx((1, 1))
    assert figures(objects, [*wrong, (1, 1, HERE, 0.8)]) == pytest.approx((1, 1))


def test_a_second_box_of_one_class_on_an_object_is_wrong():
    """Recall 1/2 with precision 1, then two of three: 51 of the 101 recalls at 1, 50 at 2/3."""
    objects = [(1, 1, HERE, 0), (1, 2, THERE, 0)]
    found = [(1, 2, HERE, 0.9), (1, 2, HERE, 0.8), (1, 1, THERE, 0.5)]
    assert figures(objects, found)[1] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_crowds_of_any_class_and_nothing_to_measure():
    crowd = (1, 2, [40, 0, 40, 40], 1)
    assert figures([crowd, (1, 1, HERE, 0)], [(1, 1, THERE, 0.9), (1, 1, HERE, 0.5)]) == pytest.approx((1, 1))
    assert figures([crowd], [(1, 1, HERE, 0.5)]) == (-1, -1) and figures([(1, 1, HERE, 0)], []) == (0, 0)
