"""Several losses in the feature role: each a term with a weight of its own."""

import pytest
import torch

from cornernet import config, detectors
from cornernet.config import elsewhere
from cornernet.losses import AELoss, Several, build
from cornernet.training import preflight, resuming

THREE = "loss.features=[{name: center}, {name: ring, weight: 0.5}, {name: center, weight: 2}]"
TERMS = {"feature_center": 0.01, "feature_ring": 0.5, "feature_center_2": 2}


def terms(path, *words):
    torch.manual_seed(3)
    detector = detectors.build(config.load(path, words), 3)
    return detector, detector(preflight._small_batch(detector))


@pytest.mark.parametrize("kind", ["corner", "anchor"])
def test_each_is_a_term_with_its_own_weight(kinds, kind):
    detector, found = terms(kinds[kind], THREE)
    names = [name for name in found if name.startswith("feature")]
    assert names == list(TERMS) and all(f"{name} x {weight:g}" in detector.describe() for name, weight in TERMS.items())
    rest = {name: torch.zeros(()) for name in found if name not in TERMS and name != "total"}
    total = detector.loss.total(rest | {name: torch.ones(()) for name in TERMS})
    assert float(total) == pytest.approx(2.51)
    found["total"].backward()
    assert detector.loss.feature_loss.learnt["feature_ring"].radius.grad is not None


def test_one_alone_is_what_it_was_and_beside_others_it_keeps_its_term(tiny):
    alone, one = terms(tiny, "loss.feature.name=softmax")
    _, both = terms(tiny, "loss.feature.name=softmax", "loss.features=[{name: ring}]")
    assert {k for k in alone.state_dict() if k.startswith("loss.")} == {
        "loss.feature_loss.weight", "loss.feature_loss.bias",
    }  # fmt: skip
    assert both.keys() - one.keys() == {"feature_ring"} and torch.equal(both["feature"], one["feature"])


def test_a_list_in_the_place_of_the_one_loss_is_the_list_of_losses(tiny, tmp_path):
    (tmp_path / "list.yaml").write_text(f"base: {tiny}\nloss: {{feature: [{{name: center}}, {{name: ring}}]}}\n")
    listed = config.load(tmp_path / "list.yaml", ["loss.features.1.weight=0.3"])
    typed = config.load(tiny, ["loss.feature.name=softmax", "loss.feature=[{name: center}, {name: ring, weight: 0.3}]"])
    assert config.to_dict(listed)["loss"] == config.to_dict(typed)["loss"] and listed.loss.feature.name == "none"
    again = config.from_container(config.to_dict(listed))
    assert again.loss == listed.loss and list(detectors.roles(again))[-2:] == ["feature_center", "feature_ring"]


def test_old_configs_have_no_further_losses(tiny):
    held = config.to_dict(config.load(tiny))
    del held["loss"]["features"]
    assert config.from_container(held).loss.features == []


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("loss.features=[{name: cente}]", "unknown feature loss 'cente', did you mean center?"),
        (
            "loss.features=[{name: ring, weight: -1}]",
            "loss.features.0.weight must be at least 0 and at most",
        ),
        ("loss.features=[{name: center, args: {alfa: 1}}]", "feature loss 'center' has no argument 'alfa'"),
        ("loss.features=[{weight: 1}]", "loss.features[0].name must be given"),
        ("loss.features=[{name: torch.nn.L1Loss}]", "cannot be called as the feature_L1Loss loss is"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_what_is_wrong_is_a_sentence(tiny, word, message):
    with pytest.raises(ValueError) as error:
        preflight.check(config.load(tiny, [word]))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_path_in_the_list_is_looked_up_only_where_it_was_typed(tiny):
    held = config.to_dict(config.load(tiny, ["loss.features=[{name: ring}, {name: my.own}]"]))
    foreign = config.from_container(held)
    words = config.untyped(foreign)
    assert words == ["loss.features.1.name=my.own"] and "if you trust it" in elsewhere.refusal("x.pt", words)
    with pytest.raises(ValueError, match="only looked up where you typed it"):
        detectors.build(foreign, 3)
    assert not config.untyped(config.override(foreign, words))


def test_other_losses_in_the_list_are_another_run(tiny):
    assert resuming._belongs("loss.features", "")


def test_a_module_for_aeloss_gives_terms_by_name():
    loss = AELoss(
        feature_loss=Several({"feature_a": build("feature", "triplet"), "feature_b": lambda x, y: x.sum()}),
        feature_weight={"feature_a": 1.0, "feature_b": 3.0},
    )
    assert loss.weight("feature_b") == 3 and loss.weight("pull") == 1
