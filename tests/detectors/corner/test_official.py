"""Import of checkpoints in the published layout."""

from collections import OrderedDict

import pytest
import torch

from cornernet.checkpoints import checkpoint, take
from cornernet.checkpoints.load import load_detector
from cornernet.checkpoints.published import convert_file
from cornernet.config import Config, override
from cornernet.detectors.corner import official
from cornernet.detectors.corner.building import build

TINY = [
    "model.backbone.stacks=2",
    "model.backbone.stem_channels=4",
    "model.backbone.channels=[4,6,8]",
    "model.backbone.blocks=[1,2,2]",
    "model.head.channels=8",
    "model.head.pool_channels=4",
    "data.input_size=[63,63]",
]
SPELLINGS = [  # ours -> published, rule by rule, written down anew
    ("backbone.stem.", "pre."),
    ("backbone.hourglasses.", "kps."),
    ("backbone.outputs.", "cnvs."),
    ("backbone.merged.", "inters."),
    ("backbone.merge_input.", "inters_."),
    ("backbone.merge_output.", "cnvs_."),
]


def published_name(key: str) -> str:
    """Our key -> the published one, for the network's residuals, poolings and branches."""
    for ours, theirs in SPELLINGS:
        key = key.replace(ours, theirs)
    parts = key.split(".")
    if parts[0] == "heads":
        kind, what = parts[2].split("_")
        if what == "pool":
            inside = {
                "to_vertical": "p1_conv1", "to_horizontal": "p2_conv1", "pooled": "p_conv1", "pooled_norm": "p_bn1",
                "shortcut": "conv1", "shortcut_norm": "bn1", "out": "conv2", "norm": "bn",
            }  # fmt: skip
            rest = [inside.get(part, part) for part in parts[3:]]
            return ".".join([f"{kind}_cnvs", parts[1], *rest])
        place = {"0": "0.conv", "2": "1"}[parts[3]]
        return ".".join(
            [f"{kind}_{ {'heat': 'heats', 'tag': 'tags', 'offset': 'regrs'}[what] }", parts[1], place, parts[4]]
        )
    parts = [{"skip": "up1", "down": "low1", "inner": "low2", "up": "low3"}.get(part, part) for part in parts]
    key = ".".join(parts)
    plain = parts[0] in ("cnvs", "inters_", "cnvs_") or parts[:2] == ["pre", "0"]
    if plain:
        return key.replace(".norm.", ".bn.")
    for ours, theirs in (
        (".block.conv.", ".conv1."), (".block.norm.", ".bn1."), (".conv.", ".conv2."), (".norm.", ".bn2."),
        (".shortcut.", ".skip."),
    ):  # fmt: skip
        key = key.replace(ours, theirs)
    return key


@pytest.fixture
def network():
    return build(override(Config(), TINY), 80).network


@pytest.fixture
def published(network):
    return OrderedDict((published_name(key), value.clone()) for key, value in network.state_dict().items())


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_convert_inverts_the_published_names(network, published, prefix):
    got = official.convert({prefix + key: value for key, value in published.items()})
    assert same(got, network.state_dict())


def test_counters_that_old_versions_of_torch_did_not_write_are_added(network, published):
    old = {key: value for key, value in published.items() if not key.endswith("num_batches_tracked")}
    got = official.convert(old)
    assert got.keys() == network.state_dict().keys()
    assert all(value == 0 for key, value in got.items() if key.endswith("num_batches_tracked"))


@pytest.mark.parametrize(
    "key",
    ["fc.weight", "pre.2.conv.weight", "kps.0.low2.low4.0.conv1.weight", "tl_cnvs.0.p3_conv1.conv.weight",
     "tl_heats.0.2.weight", "kps.weight", "", "weight", "mid_tags.0.1.weight", 5],
)  # fmt: skip
def test_unknown_keys_are_listed(published, key):
    with pytest.raises(ValueError, match=f"not of the published CornerNet layout, 1 in all: {key}"):
        official.convert({**published, key: torch.ones(1)})


def test_check_lists_what_does_not_fit(network):
    expected = network.state_dict()
    keys = list(expected)
    given = {**expected, "odd": torch.ones(1), keys[0]: torch.ones(3)}
    del given[keys[1]]
    with pytest.raises(ValueError, match=r"1 missing: .*; 1 unknown: odd; 1 of another shape: ") as caught:
        official.check(given, expected)
    assert keys[0] in str(caught.value) and keys[1] in str(caught.value)
    official.check(dict(expected), expected)


def test_long_lists_are_cut(network):
    with pytest.raises(ValueError, match=r"and \d+ more") as caught:
        official.check({}, network.state_dict())
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("wrap", [lambda held: held, lambda held: {"state_dict": held}], ids=["bare", "wrapped"])
@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_a_file_becomes_a_checkpoint(network, published, tmp_path, wrap, old):
    source, out = tmp_path / "CornerNet_500000.pkl", tmp_path / "cornernet.pt"
    torch.save(wrap({"module." + k: v for k, v in published.items()}), source, _use_new_zipfile_serialization=not old)
    assert convert_file(source, out, TINY) == len(network.state_dict())
    detector, settings, held = load_detector(out)
    assert same(detector.network.state_dict(), network.state_dict())
    assert settings.data.val.annotations.endswith("instances_val2017.json") and settings.model.backbone.stacks == 2
    assert len(held["class_names"]) == 80 and held["class_names"][0] == "person" and held["category_ids"][-1] == 90


def test_an_existing_file_is_not_overwritten(published, tmp_path):
    torch.save(published, tmp_path / "in.pkl")
    (tmp_path / "out.pt").write_text("mine")
    with pytest.raises(ValueError, match="exists already; give another name"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", TINY)
    assert (tmp_path / "out.pt").read_text() == "mine"


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"state_dict": 5}, torch.ones(2)], ids=str)
def test_a_file_without_tensors_is_a_sentence(tmp_path, content):
    torch.save(content, tmp_path / "in.pkl")
    with pytest.raises(ValueError, match="does not hold a dict of tensors"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", TINY)


def test_a_file_for_another_network_is_a_sentence(published, tmp_path):
    torch.save(published, tmp_path / "in.pkl")
    with pytest.raises(ValueError, match=r"does not fit the network of the config: .* missing"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", [*TINY, "model.backbone.stacks=3"])
    assert not (tmp_path / "out.pt").exists()


def test_a_checkpoint_of_ours_is_not_a_published_one(network, tmp_path):
    state = {"model": network.state_dict(), "config": {}, "class_names": [], "category_ids": [], "step": 0}
    checkpoint.save(state, tmp_path / "in.pt")
    with pytest.raises(ValueError, match="does not hold a dict of tensors"):
        convert_file(tmp_path / "in.pt", tmp_path / "out.pt", TINY)


def test_a_training_begins_with_a_published_file_and_its_classes_by_name(network, published, tmp_path):
    torch.save({"module." + k: v for k, v in published.items()}, tmp_path / "in.pkl")
    settings = override(Config(), TINY)
    detector = build(settings, 2)
    taken = take(detector, settings, ["cat", "glyph"], tmp_path / "in.pkl")
    assert (taken.known, taken.new, taken.fresh) == (["cat"], ["glyph"], 0)
    assert taken.whole == taken.total - 8  # weight and bias of two heatmaps in two stacks
    given, got = network.heads[1].br_heat[2].weight, detector.network.heads[1].br_heat[2].weight
    assert torch.equal(got[0], given[15]) and not torch.equal(got[1], given[16])
