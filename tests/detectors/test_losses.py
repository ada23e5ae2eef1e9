"""What the losses of a detector draw leaves its network as it is."""

import pytest
import torch

from cornernet import config, detectors
from cornernet.profiling import random_batch


def test_a_network_begins_alike_whatever_its_losses_draw(tiny):
    begun = []
    for words in ([], ["loss.feature.name=arcface"], ["loss.feature.name=center", "loss.features=[{name: cosface}]"]):
        torch.manual_seed(3)
        begun.append(detectors.build(config.load(tiny, words), 3).network.state_dict())
    assert all(torch.equal(begun[0][key], held[key]) for held in begun[1:] for key in begun[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["loss.shift.weight=2"],
            "loss.shift.weight=2: the corner detector has no shift loss with these settings; it has heatmap, grouping, "
            "offset, feature; model.pairing.name=centripetal has one",
        ),
        (
            ["model.pairing.name=centripetal", "loss={heatmap: {name: focal}, grouping: {name: triplet}}"],
            "loss={heatmap: {name: focal}, grouping: {name: triplet}}: the corner detector has no grouping loss with "
            "these settings; it has heatmap, offset, guiding, shift, feature; model.pairing.name=affinity or "
            "model.pairing.name=tags has one",
        ),
        (
            ["model.detector=points", "loss.shift.name=l1"],
            "loss.shift.name=l1: the points detector has no shift loss; it has heatmap, offset, size, feature; "
            "model.detector=corner model.pairing.name=centripetal has one",
        ),
        (
            ["model.detector=anchor", "loss.verify.name=focal"],
            "loss.verify.name=focal: the anchor detector has no verify loss with these settings; it has "
            "classification, box, feature; model.anchor.verify=true has one",
        ),
    ],
)
def test_a_loss_without_a_place_is_told_with_what_has_one(words, message):
    with pytest.raises(ValueError) as error:
        detectors.build(config.override(config.Config(), words), 3)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["model.head.centre=true"],
        ["model.region.name=cpn", "model.region.proposals=8", "loss.feature.name=softmax"],
        ["model.head.centre=true", "model.region.name=cpn", "model.region.proposals=8"],
        ["model.detector=points"],
        ["model.detector=anchor", "model.anchor.last_level=4", "model.anchor.verify=true"],
    ],
)
def test_the_total_stands_behind_all_terms(tiny, words):
    settings = config.load(tiny, words)
    terms = detectors.build(settings, 80)(random_batch(settings))
    assert list(terms).index("total") == len(terms) - 1


@pytest.mark.parametrize("name", detectors.DETECTORS)
def test_every_role_that_a_detector_may_lack_says_what_gives_it_one(name):
    module = detectors.DETECTORS[name]
    places = getattr(module, "places", lambda _: module.ROLES)
    chosen = config.override(config.Config(), [f"model.detector={name}"])
    assert set(module.ROLES) - set(places(chosen)) <= set(getattr(module, "GIVES", {})) <= set(module.ROLES)
    for role, ways in getattr(module, "GIVES", {}).items():
        assert ways and all(role in places(config.override(chosen, [words])) for words in ways)
