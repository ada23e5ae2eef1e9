"""The rule of the matching, its counts and its curves, by hand."""

import numpy as np
import pytest

from cornernet.evaluation.report.images import by_image
from cornernet.evaluation.report.labels import boxes
from cornernet.evaluation.report.matching import (
    BACKGROUND,
    IGNORED,
    Tally,
    condensed,
    confusion,
    correct,
    match,
    tally,
)
from cornernet.evaluation.report.plots import kept
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results


def image(objects=(), found=(), crowds=()):
    """Rows (category, x, y, w, h) and (category, x, y, w, h, score); categories 5 and 9 are the labels 0 and 1."""
    rows = [{"image_id": 1, "category_id": c, "bbox": box} for c, *box in objects]
    rows += [{"image_id": 1, "category_id": c, "bbox": box, "iscrowd": 1} for c, *box in crowds]
    results = [{"image_id": 1, "category_id": c, "bbox": box, "score": s} for c, *box, s in found]
    return images(rows, results)


def images(annotations, results, categories=(5, 9)):
    content = {"images": [{"id": 1}], "annotations": annotations, "categories": [{"id": i} for i in categories]}
    truth = from_coco(content)
    return by_image(truth, placed(from_results(results), truth))[0]


def test_images_carry_labels_areas_and_the_best_first():
    one = image([(9, 0, 0, 10, 4)], [(5, 1, 2, 3, 4, 0.2), (9, 0, 0, 1, 1, 0.7)], crowds=[(5, 0, 0, 2, 2)])
    assert one.labels.tolist() == [1, 0] and one.areas.tolist() == [40, 4] and one.crowd.tolist() == [False, True]
    assert one.scores.tolist() == [0.7, 0.2] and one.found_labels.tolist() == [1, 0] and one.name == "1"
    foreign = [{"image_id": 1, "category_id": 4, "bbox": [0, 0, 1, 1]}]
    assert not len(images(foreign, []).boxes)  # a category that is none of ours
    given = {"image_id": 1, "category_id": 5, "bbox": [0, 0, 2, 2], "area": 3.0}
    assert images([given], []).areas.tolist() == [3]


def test_the_best_score_takes_the_object():
    """Of two boxes on one object the better one has it, though the other fits better; a third finds nothing."""
    one = image([(5, 0, 0, 10, 10)], [(5, 0, 0, 10, 10, 0.4), (5, 0, 0, 10, 8, 0.6), (5, 50, 50, 5, 5, 0.9)])
    assert match(one).tolist() == [BACKGROUND, 0, BACKGROUND]
    assert correct(one, match(one)).tolist() == [False, True, False]


def test_whatever_the_class_but_of_equal_overlaps_its_own():
    taken = image([(5, 0, 0, 10, 10)], [(9, 0, 0, 10, 10, 0.9), (5, 0, 0, 10, 10, 0.8)])
    assert match(taken).tolist() == [0, BACKGROUND] and not correct(taken, match(taken)).any()
    twins = image([(5, 0, 0, 10, 10), (9, 0, 0, 10, 10)], [(9, 0, 0, 10, 10, 0.9), (5, 0, 0, 10, 10, 0.8)])
    assert match(twins).tolist() == [1, 0] and correct(twins, match(twins)).all()


def test_an_overlap_of_exactly_a_half_counts_and_less_does_not():
    assert match(image([(5, 0, 0, 10, 10)], [(5, 0, 0, 10, 5, 0.9)])).tolist() == [0]
    assert match(image([(5, 0, 0, 10, 10)], [(5, 0, 0, 10, 4.9, 0.9)])).tolist() == [BACKGROUND]


def test_what_lies_in_a_crowd_of_its_class_counts_for_nothing():
    inside, other, outside = (5, 2, 2, 4, 4, 0.9), (9, 2, 2, 4, 4, 0.8), (5, 60, 60, 4, 4, 0.7)
    one = image(found=[inside, other, outside], crowds=[(5, 0, 0, 50, 50)])
    assert match(one).tolist() == [IGNORED, BACKGROUND, BACKGROUND]
    assert tally(one, match(one), 0) == Tally(0, 2, 0)
    both = image([(5, 0, 0, 10, 10)], [(5, 0, 0, 10, 10, 0.9)], crowds=[(5, 0, 0, 50, 50)])
    assert match(both).tolist() == [0]  # an object in a crowd is found


def test_confusion_by_hand():
    """Of three objects of class 0 one is found, one taken for class 1, one missed; a box of class 1 is of nothing."""
    objects = [(5, 0, 0, 10, 10), (5, 20, 0, 10, 10), (5, 40, 0, 10, 10)]
    found = [(5, 0, 0, 10, 10, 0.9), (9, 20, 0, 10, 10, 0.8), (9, 80, 80, 9, 9, 0.5), (5, 40, 0, 10, 10, 0.2)]
    one = image(objects, found, crowds=[(9, 200, 200, 9, 9)])
    partners = [match(one)]
    assert confusion([one], partners, 2, 0.3).tolist() == [[1, 1, 1], [0, 0, 0], [0, 1, 0]]
    assert confusion([one], partners, 2, 0.0).tolist() == [[2, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert confusion([one], partners, 2, 0.5).tolist() == [[1, 1, 1], [0, 0, 0], [0, 1, 0]]  # the bound belongs to it
    assert confusion([one], partners, 2, 0.95).tolist() == [[0, 0, 3], [0, 0, 0], [0, 0, 0]]
    assert tally(one, partners[0], 0.3) == Tally(right=1, wrong=2, missed=2)
    assert tally(one, partners[0], 0.3).f1 == pytest.approx(2 / 6)
    assert tally(one, partners[0], 0.5) == Tally(1, 2, 2)  # the bound belongs to it
    assert confusion([], [], 2, 0.3).tolist() == np.zeros((3, 3)).tolist()


def test_empty_images():
    nothing, missed, invented = image(), image([(5, 0, 0, 1, 1)]), image(found=[(5, 0, 0, 1, 1, 0.9)])
    each = [nothing, missed, invented]
    partners = [match(one) for one in each]
    assert [tally(one, partner, 0.3) for one, partner in zip(each, partners, strict=True)] == [
        Tally(0, 0, 0), Tally(0, 0, 1), Tally(0, 1, 0),
    ]  # fmt: skip
    assert [Tally(0, 0, 0).f1, Tally(0, 1, 0).f1, Tally(3, 0, 0).f1] == [1, 0, 1]
    assert b"<svg" in boxes([])


def test_a_higher_score_leaves_the_other_pairs_alone():
    """The curves over the score rest on this."""
    rng = np.random.default_rng(0)
    objects = [(5, *rng.uniform(0, 40, 2), *rng.uniform(5, 30, 2)) for _ in range(20)]
    found = [(5, *(np.array(o[1:]) * rng.normal(1, 0.1, 4)), round(rng.random(), 1)) for o in objects for _ in range(3)]
    whole = match(image(objects, found))
    for score in (0.2, 0.5, 0.8):
        part = match(image(objects, [row for row in found if row[-1] >= score]))
        assert part.tolist() == whole[: len(part)].tolist() and len(part) < len(whole)


def test_confusions_of_the_others_are_added_up():
    counts = np.arange(25).reshape(5, 5)  # classes 0 .. 3 and the background
    small = condensed(counts, [2, 0])
    assert small.tolist() == [[12, 10, 11 + 13, 14], [2, 0, 1 + 3, 4], [7 + 17, 5 + 15, 6 + 8 + 16 + 18, 9 + 19],
                              [22, 20, 21 + 23, 24]]  # fmt: skip
    assert small.sum() == counts.sum()


def test_what_remains_from_a_score_on():
    """Scores 0.9 (right), 0.6 (wrong), 0.3 (right); four objects."""
    curves = kept(np.array([0.9, 0.6, 0.3]), np.array([True, False, True]), 4)
    assert [curves["precision"][at] for at in (0, 30, 31, 60, 90, 91)] == pytest.approx([2 / 3, 2 / 3, 0.5, 0.5, 1, 1])
    assert [curves["recall"][at] for at in (0, 50, 100)] == [0.5, 0.25, 0]
    assert [curves["F1"][at] for at in (0, 50, 90, 100)] == pytest.approx([4 / 7, 2 / 6, 2 / 5, 0])
