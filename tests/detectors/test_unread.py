"""Keys that a detector does not read with its settings: told where one is set, never refused, and of no effect."""

import logging

import pytest
import torch

from cornernet import config, detectors
from cornernet.export.export import traceable
from cornernet.prediction import Predictor
from cornernet.profiling import random_batch
from cornernet.training import engine

WORDS = ["model.anchor.depth=2", "model.anchor.channels=256", "model.region.name=cpn", "model.head.centre=true"]
CENTRIPETAL = "model.pairing.name=centripetal"
SMALL = [
    "model.backbone.stacks=1", "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]",
    "model.backbone.stem_channels=4", "model.head.channels=8", "model.head.pool_channels=8",
    "model.anchor.channels=8", "model.anchor.depth=1", "model.anchor.first_level=2", "model.anchor.last_level=3",
    "data.input_size=[64,64]", "data.max_objects=4", "train.batch_size=2", "loss.box.name=giou",
]  # fmt: skip
OTHERS = {  # keys -> another value than the default's: some of every section that a detector may not read
    **{f"model.anchor.{key}": value for key, value in {
        "depth": 2, "positive_iou": 0.6, "negative_iou": 0.3, "candidates": 3, "alpha": 2, "beta": 3, "radius": 1.5,
        "iou_weight": 2, "reg_max": 8, "verify_channels": 8}.items()},
    "model.attention.least": 40,
    **{f"model.head.{key}": value for key, value in {
        "pool_channels": 16, "pooling": "cascade", "tag_dim": 3, "centre": "true"}.items()},
    "model.pairing.name": "affinity",
    **{f"model.region.{key}": value for key, value in {"top_k": 5, "proposals": 7, "min_pair": 0.9}.items()},
    "model.min_overlap": 0.7, "model.radius_roots": "old",
    **{f"test.{key}": value for key, value in {
        "ae_threshold": 0.01, "grouping": "hungarian", "kernel": 5, "num_dets": 5, "score": "geometric"}.items()},
    **{f"test.weights.{key}": value for key, value in {"corner": 2, "pair": 3, "region": 4}.items()},
    "test.centre.small": 2, "test.saccade.crops": 2,
}  # fmt: skip
WAYS = [
    "model.detector=corner",
    "model.detector=corner loss.grouping.name=none",
    f"model.detector=corner {CENTRIPETAL}",
    "model.detector=corner model.pairing.name=affinity",
    "model.detector=corner model.region.name=cpn test.score=cpn",
    "model.detector=corner model.head.centre=true",
    *(f"model.detector=anchor model.anchor.assign={name}" for name in ("max_iou", "atss", "tal", "simota")),
    "model.detector=anchor model.anchor.assign=atss model.anchor.coding=distribution model.anchor.verify=true",
    "model.detector=points",
]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("corner", WORDS[:1]),  # the second is a default
        ("anchor", WORDS[2:]),
        ("points", [WORDS[0], *WORDS[2:]]),
    ],
)
def test_what_another_detector_reads_is_told(name, words):
    assert detectors.unused(config.override(config.Config(), [*WORDS, f"model.detector={name}"])) == words


def test_whole_sections_and_arguments_count():
    words = ["model.pairing={name: affinity}", "model.pairing.args.least=0.3", "model.min_overlap=0.7"]
    settings = config.override(config.Config(), ["model.detector=points", *words])
    assert detectors.unused(settings) == words[:2]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("test.weights={corner: 2, distance: 1}", ["test.weights.corner"]),
        ("test={flip: false, centre: {small: 2, large: 2}}", ["test.centre.small", "test.centre.large"]),
        ("test={flip: false, top_k: 50}", []),
        ("test={flip: true, centre: {small: 2}}", ["test={flip: true, centre: {small: 2}}"]),  # flip is true anyway
    ],
)
def test_of_a_mapping_only_what_is_not_read_is_told(word, told):
    assert detectors.unused(config.override(config.Config(), [word])) == told


@pytest.mark.parametrize(
    ("unused", "lacking", "given"),
    [
        ("model.attention.least=8", "", "model.attention.sizes=[32,96]"),
        ("model.region.top_k=30", "", "model.region.name=cpn"),
        ("test.weights.region=2", "", "model.region.name=cpn"),
        ("test.weights.region=2", "model.region.name=cpn test.score=cpn", "model.region.name=cpn"),
        ("test.saccade.crops=5", "", "test.saccade.sides=[192]"),
        ("test.centre.choose=best", "", "model.head.centre=true"),
        ("model.head.tag_dim=4", CENTRIPETAL, "model.pairing.name=affinity"),
        ("test.ae_threshold=0.1", CENTRIPETAL, ""),
        ("test.ae_threshold=0.1", "loss.grouping.name=none", ""),
        *(
            (unused, "model.detector=anchor", f"model.detector=anchor {given}")
            for unused, given in [
                ("model.anchor.radius=1", "model.anchor.assign=simota"),
                ("model.anchor.alpha=2", "model.anchor.assign=tal"),
                ("model.anchor.reg_max=8", "model.anchor.coding=distribution"),
                ("model.min_overlap=0.7", "model.anchor.verify=true"),
            ]
        ),
    ],
)
def test_what_belongs_to_a_part_is_told_where_there_is_none(unused, lacking, given):
    for others, told in ((lacking, [unused]), (given, [])):
        assert detectors.unused(config.override(config.Config(), [*others.split(), unused])) == told


@pytest.mark.parametrize("name", config.shipped.names())
def test_a_shipped_config_is_told_of_nothing(name):
    assert detectors.unused(config.load(name)) == []


@pytest.mark.parametrize("way", WAYS)
def test_what_is_told_changes_nothing(way):
    """Every key of OTHERS that the detector says it does not read: the same loss and the same detections with it."""
    words = [*SMALL, *way.split()]
    settings = config.override(config.Config(), words)
    declared = [f"{key}." for key in detectors.kind(settings).unread(settings)]
    tried = [key for key in OTHERS if f"{key}.".startswith(tuple(declared))]
    assert all(any(f"{key}.".startswith(section) for key in tried) for section in declared)
    changed = config.override(config.Config(), [*words, *(f"{key}={OTHERS[key]}" for key in tried)])
    assert all(torch.equal(one, other) for one, other in zip(outcome(settings), outcome(changed), strict=True))


def outcome(settings):
    """Total, boxes and scores of a small random detector."""
    torch.manual_seed(0)
    batch = random_batch(settings)
    detector = detectors.build(settings, 3)
    total = detector.train()(batch._replace(labels=batch.labels % 3))["total"]
    with torch.no_grad():
        found = detector.eval().predict(batch.images)
    return total, found.boxes, found.scores


@pytest.fixture
def told(caplog):
    """Function: what was told of keys that are not read."""
    caplog.set_level(logging.WARNING, logger="cornernet")
    return lambda: [record.getMessage() for record in caplog.records if "read" in record.getMessage()]


def test_a_training_says_so_in_one_line(tiny, tmp_path, told):
    words = [f"work_dir={tmp_path}/run", "train.steps=1", "train.eval_every=0", "model.anchor.depth=2"]
    engine.train(config.load(tiny, [*words, "test.centre.small=2"]))
    assert told() == ["the corner detector does not read model.anchor.depth=2 test.centre.small=2 with these settings"]


@pytest.mark.parametrize("use", [lambda path, words: Predictor.load(path, "cpu", words), traceable])
def test_predicting_and_exporting_say_so_too(use, tiny_run, told):
    use(tiny_run / "last.pt", ["test.centre.small=2", "test.top_k=9"])
    assert told() == ["the corner detector does not read test.centre.small=2 with these settings"]
