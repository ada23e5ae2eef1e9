"""The tables of a diagnosis by hand."""

import json
from dataclasses import replace

from cornernet.config import Nms
from cornernet.evaluation.diagnosis.found import Diagnosis, Outcome, Setting
from cornernet.evaluation.diagnosis.table import contents, table
from cornernet.evaluation.measure import Figure
from cornernet.evaluation.measures import any_class
from cornernet.evaluation.metrics import FIGURES, ClassMetrics, Metrics

PARTS = ("heatmaps", "offsets")
SETTING = Setting(1.0, 384, Nms(), 100, 0.3, "pycocotools", False)
WORDS = {"corner": "no corner", "faint": "too faint", "nms": "suppressed"}


def scored(ap):
    figures = {name: ap for name in FIGURES}
    return Metrics(**figures, AP90=ap, images=2, objects=3, detections=4, per_class=[ClassMetrics("a", ap, ap, 3, 4)])


def outcome(index, reason="", size="small", category=1, limits=()):
    return Outcome(7, "7.png", index, category, f"class {category}", [0, 0, 4, 4], size, reason, list(limits))


def found(outcomes, aps=(0.4, 0.7, 0.9, 0.5)):
    cases = [(), ("heatmaps",), PARTS, ("offsets",)]
    return Diagnosis(SETTING, PARTS, WORDS, dict(zip(cases, map(scored, aps), strict=True)), outcomes, 5, 2)


FULL = [
    outcome(0), outcome(1, "nms", "large"), outcome(2, "corner"), outcome(3, "nms", "small", 2),
    outcome(4, category=2, limits=["share a cell"]),
]  # fmt: skip


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_ap_and_what_each_part_gains():
    text = lines(table(found(FULL)))
    assert text[0] == "2 images, 5 objects; images longest side 384 x 1, one canvas each, not flipped"
    assert text[2:7] == [
        "true instead of predicted AP AP50 AP75 gain",
        "nothing 0.400 0.400 0.400",
        "heatmaps 0.700 0.700 0.700 +0.300",
        "heatmaps, offsets 0.900 0.900 0.900 +0.200",
        "offsets alone 0.500 0.500 0.500 +0.100",
    ]


def test_reasons_are_counted_in_their_order_by_size_and_class():
    text = lines(table(found(FULL)))
    head = "missed at IoU 0.5 and score 0.3: 3 of 5 objects (60.0%); 2 of 5 detections shown (40.0%) match no object"
    start = text.index(head)
    assert text[start + 1 : start + 5] == [
        "reason objects share small medium large",
        "corner 1 33.3% 1 0 0 no corner",
        "nms 2 66.7% 1 0 1 suppressed",
        "all 3 100.0% 2 0 1",
    ]
    assert text[start + 6 : start + 9] == [
        "class objects missed share reasons",
        "class 1 3 2 66.7% nms 1, corner 1",
        "class 2 2 1 50.0% nms 1",
    ]
    assert text[-1] == "share a cell: 1 object; diagnosis.json has the names"


def test_nothing_missed_and_nothing_there():
    good = table(found([outcome(0)]))
    assert "0 of 1 objects" in good and "reason " not in good
    empty = table(found([], (-1, -1, -1, -1)))
    assert "0 of 0 objects; 2 of 5" in empty and "class" not in empty and "nothing - - -" in lines(empty)[3]


def test_contents_hold_the_same_numbers():
    held = json.loads(json.dumps(contents(found(FULL)), allow_nan=False))
    assert (held["objects"], held["missed"], held["shown"], held["stray"]) == (5, 3, 5, 2)
    assert [(row["true"], row["AP"]) for row in held["scores"]] == [
        ([], 0.4), (["heatmaps"], 0.7), (["heatmaps", "offsets"], 0.9), (["offsets"], 0.5),
    ]  # fmt: skip
    assert [round(row["gain"] or 0, 6) for row in held["scores"]] == [0, 0.3, 0.2, 0.1]
    assert held["reasons"]["nms"] == {"objects": 2, "small": 1, "medium": 0, "large": 1, "meaning": "suppressed"}
    assert held["classes"]["class 1"] == {"objects": 3, "missed": {"nms": 1, "corner": 1}}
    assert held["limits"] == {"share a cell": [[7, 4]]}
    assert all(row["gain"] is None for row in contents(found([], (-1, -1, -1, -1)))["scores"])


def several(outcomes):
    """A diagnosis of two classes with its rows whatever the class."""
    here = found(outcomes)
    for parts, metrics in here.scores.items():
        own = [Figure(name, metrics.AP / 2, "", "") for name in any_class.FIGURES]
        here.scores[parts] = replace(metrics, per_class=metrics.per_class * 2, own=own)
    return replace(here, scores={**here.scores, ("pairs",): here.scores[()]})


NAMED = [outcome(m, category=k)._replace(called=f"class {other}" if other else None) for m, (k, other) in enumerate(
    [(1, 2), (1, 1), (1, 2), (2, 3), (2, None), (3, 3)]
)]  # fmt: skip


def test_of_several_classes_the_table_has_ap_whatever_the_class():
    text = lines(table(several(NAMED)))
    assert text[2] == "true instead of predicted AP AP50 AP75 gain AP any class AP50 any class"
    assert text[3] == "nothing 0.400 0.400 0.400 0.200 0.200"
    assert text[6] == "offsets alone 0.500 0.500 0.500 +0.100 0.250 0.250"
    assert text[7] == "pairs 0.400 0.400 0.400 +0.000 0.200 0.200"


def test_classes_that_are_taken_for_others_are_named():
    said = "of 5 objects found at any score, 3 under another class: class 1 -> class 2 2, class 2 -> class 3 1"
    assert said in lines(table(several(NAMED))) and "found at any score" not in table(found(NAMED))
    assert contents(several(NAMED))["found under"] == {
        "objects": 5, "another": 3, "other classes": [
            {"class": "class 1", "under": "class 2", "objects": 2},
            {"class": "class 2", "under": "class 3", "objects": 1},
        ],
    }  # fmt: skip
    assert "found under" not in contents(found(NAMED))
    assert "of 0 objects found at any score, 0 under another class" in lines(table(several([])))


def test_of_many_the_rest_is_counted():
    many = [outcome(m, category=m)._replace(called="other") for m in range(11)]
    assert table(several(many)).splitlines()[-1].endswith("class 7 -> other 1, others 3")
