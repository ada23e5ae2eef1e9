"""The score of the best F1: by hand, against trying every score, and on its way to where it is used."""

import numpy as np
import pytest

from cornernet.evaluation.best_f1 import best_f1, judged
from cornernet.evaluation.matching import overlapping
from cornernet.evaluation.metrics import thresholds
from cornernet.evaluation.scoring import coco_metrics
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results


def truth(rows, classes=2, images=2):
    """Rows image, category, x, w (boxes are 10 high) and maybe crowd -> COCO dict."""
    return {
        "images": [{"id": i} for i in range(1, images + 1)],
        "categories": [{"id": 5 * k, "name": f"class {k}"} for k in range(1, classes + 1)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": k, "bbox": [x, 0, w, 10], "iscrowd": int(bool(crowd))}
            for n, (i, k, x, w, *crowd) in enumerate(rows, 1)
        ],
    }


def guesses(rows):
    return [{"image_id": i, "category_id": k, "bbox": [x, 0, w, 10], "score": s} for i, k, x, w, s in rows]


def best(annotated, found):
    content = from_coco(annotated)
    return best_f1(content, placed(from_results(found), content))


def test_by_hand():
    """Class 5: right .9, wrong .8, right .6, wrong .2; F1 of 3 objects after each: 2/4, 2/5, 4/6, 4/7."""
    objects = truth([(1, 5, 0, 10), (1, 5, 20, 10), (2, 5, 0, 10), (1, 10, 50, 10)])
    found = guesses([(1, 5, 0, 10, 0.9), (1, 5, 70, 10, 0.8), (1, 5, 20, 10, 0.6), (2, 5, 50, 10, 0.2)])
    overall, (five, ten) = best(objects, found)
    assert five == pytest.approx((4 / 6, (0.6 + 0.2) / 2, 2 / 3, 2 / 3))
    assert ten == (0.0, -1.0, 0.0, 0.0)  # its object was not found at all
    assert overall == pytest.approx((4 / 7, 0.4, 2 / 3, 2 / 4))


def test_nothing_lower_means_halfway_to_zero_and_nothing_at_all_is_unknown():
    overall, (five, ten) = best(truth([(1, 5, 0, 10)]), guesses([(1, 5, 0, 10, 0.9)]))
    assert five == overall == (1.0, 0.45, 1.0, 1.0) and ten == (-1.0,) * 4
    assert best(truth([]), guesses([(1, 5, 0, 10, 0.9)]))[0] == (-1.0,) * 4
    assert best(truth([(1, 5, 0, 10)]), [])[0] == (0.0, -1.0, 0.0, 0.0)


def test_a_second_detection_of_an_object_is_wrong_and_one_in_a_crowd_counts_for_nothing():
    objects = truth([(1, 5, 0, 10), (1, 5, 40, 40, True)])
    content = from_coco(objects)
    rows = [(1, 5, 0, 10, 0.9), (1, 5, 1, 10, 0.8), (1, 5, 45, 10, 0.7), (1, 10, 45, 10, 0.6)]
    found = placed(from_results(guesses(rows)), content)
    right, counts = judged(content, found, overlapping(content, found))
    assert right.tolist() == [True, False, False, False] and counts.tolist() == [True, True, False, True]


def test_equal_scores_are_kept_together():
    found = guesses([(1, 5, 0, 10, 0.5), (1, 5, 60, 10, 0.5), (2, 5, 60, 10, 0.5)])
    _, (five, _) = best(truth([(1, 5, 0, 10)]), found)
    assert five.f1 == pytest.approx(2 / 4) and five.score == 0.25


@pytest.mark.parametrize("seed", range(20))
def test_as_trying_every_score(seed):
    """F1 of the detections from each score on, counted plainly one image and class after the other."""
    rng = np.random.default_rng(seed)
    objects = [(int(rng.integers(1, 4)), 5 * int(rng.integers(1, 4)), 20 * x, 10) for x in range(9)]
    rows = [
        (i if rng.random() < 0.9 else 1, k if rng.random() < 0.9 else 5, x + rng.normal(0, 2), 10, rng.integers(9) / 9)
        for i, k, x, _ in objects for _ in range(rng.integers(0, 4))
    ]  # fmt: skip
    overall, per_class = best(truth(objects, 3, 3), guesses(rows))
    for got, kinds in zip([overall, *per_class], [(5, 10, 15), (5,), (10,), (15,)], strict=True):
        expected = {s: plain_f1(objects, rows, s, kinds) for s in {0.0, *(r[4] for r in rows)}}
        if got.score == -1:
            assert max(expected.values()) <= 0
            continue
        assert got.f1 == pytest.approx(max(expected.values()))
        assert plain_f1(objects, rows, got.score, kinds) == pytest.approx(got.f1)


def plain_f1(objects, rows, least, kinds):
    right = number = 0
    for i in (1, 2, 3):
        for k in kinds:
            free = [x for (a, b, x, _) in objects if (a, b) == (i, k)]
            mine = sorted((r for r in rows if r[:2] == (i, k) and r[4] >= least), key=lambda r: -r[4])
            number += len(mine)
            for _, _, x, _, _ in mine:
                overlaps = {o: (10 - abs(x - o)) / (10 + abs(x - o)) for o in free}
                fitting = [o for o in free if overlaps[o] >= 0.5]
                if fitting:
                    free.remove(max(fitting, key=overlaps.get))
                    right += 1
    total = number + sum(b in kinds for _, b, _, _ in objects)
    return 2 * right / total if total else -1


def test_the_metrics_name_it_by_class_and_a_detector_reads_it_in_its_order():
    objects = truth([(1, 5, 0, 10), (1, 10, 50, 10)], classes=3)
    metrics = coco_metrics(objects, guesses([(1, 5, 0, 10, 0.9), (1, 10, 50, 10, 0.6)]))
    assert [(one.category_id, one.best_f1, one.best_f1_threshold) for one in metrics.per_class] == [
        (5, 1.0, 0.45), (10, 1.0, 0.3), (15, -1.0, -1.0),
    ]  # fmt: skip
    assert metrics.best_f1 == metrics.best_f1_precision == metrics.best_f1_recall == 1
    assert metrics.best_f1_threshold == 0.3 and metrics.per_class[1].best_f1_precision == 1
    assert thresholds(metrics, [10, 99, 5]) == (0.3, [0.3, -1.0, 0.45])
