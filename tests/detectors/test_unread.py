"""Keys of `model` that only another detector reads: told where one is set, and never refused."""

import logging

import pytest

from cornernet import config, detectors
from cornernet.training import engine

WORDS = ["model.anchor.depth=2", "model.anchor.channels=256", "model.region.name=cpn", "model.head.centre=true"]


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


@pytest.mark.parametrize("name", config.shipped.names())
def test_a_shipped_config_is_told_of_nothing(name):
    assert detectors.unused(config.load(name)) == []


@pytest.mark.parametrize("name", detectors.DETECTORS)
def test_what_is_declared_unread_are_keys_of_the_model(name):
    keys = config.differences.flat(config.to_dict(config.Config()))
    for unread in detectors.DETECTORS[name].UNREAD:
        assert any(f"{key}.".startswith(f"model.{unread}.") for key in keys)


def test_a_training_says_so_in_one_line(tiny, tmp_path, caplog):
    words = [f"work_dir={tmp_path}/run", "train.steps=1", "train.eval_every=0", "model.anchor.depth=2"]
    with caplog.at_level(logging.WARNING, logger="cornernet"):
        engine.train(config.load(tiny, words))
    told = [record.getMessage() for record in caplog.records if "read" in record.getMessage()]
    assert told == ["the corner detector does not read model.anchor.depth=2"]
