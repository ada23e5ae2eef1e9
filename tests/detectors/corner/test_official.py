"""Import of published checkpoints, on tiny networks."""

import re
from collections import OrderedDict

import pytest
import torch

from cornernet.checkpoints import checkpoint, take
from cornernet.checkpoints.load import load_detector
from cornernet.checkpoints.published import Imported, convert_file
from cornernet.cli import main
from cornernet.cli.convert_checkpoint import sentences
from cornernet.config import Config, override
from cornernet.detectors.corner import official
from cornernet.detectors.corner.building import build
from cornernet.detectors.corner.naming import NAMINGS
from tests.detectors.corner.namings import LITE, MMDETECTION, published_name, respelled

TINY = [
    "model.backbone.stacks=2",
    "model.backbone.stem_channels=4",
    "model.backbone.channels=[4,6,8]",
    "model.backbone.blocks=[1,2,2]",
    "model.head.channels=8",
    "model.head.pool_channels=4",
    "data.input_size=[63,63]",
]


@pytest.fixture(scope="module")
def network():
    return build(override(Config(), TINY), 80).network


@pytest.fixture
def published(network):
    return OrderedDict((published_name(key), value.clone()) for key, value in network.state_dict().items())


UNCOMPARED = (
    "no output of the network of {}, and no file of its weights, was compared with ours: measure it before you rely "
    "on it"
)


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("spellings", [None, LITE, MMDETECTION], ids=["original", "lite", "mmdetection"])
def test_convert_inverts_the_published_names(network, published, prefix, spellings):
    theirs = {prefix + (respelled(key, spellings) if spellings else key): x for key, x in published.items()}
    expected = dict(network.state_dict())
    if spellings is MMDETECTION:  # whose first convolution reads R, G, B
        expected["backbone.stem.0.conv.weight"] = expected["backbone.stem.0.conv.weight"][:, [2, 1, 0]]
    assert same(official.convert(theirs), expected)


def test_two_namings_in_one_file_are_a_sentence(published):
    mixed = {respelled(key, LITE) if key.startswith("kps.1.") else key: value for key, value in published.items()}
    with pytest.raises(ValueError, match=r"^it mixes two namings, .* keys of CornerNet and .* of CornerNet-Lite: hg\."):
        official.convert(mixed)


def test_a_key_with_and_without_prefix_is_a_sentence(published):
    with pytest.raises(ValueError, match=r"^it has 1 key both with and without `module.`$"):
        official.convert({**published, "module.pre.0.conv.weight": torch.ones(1)})


def test_a_file_of_no_naming_is_a_sentence():
    with pytest.raises(ValueError, match=r"^none of its 2 keys is of a published naming: fc.weight, att_module$"):
        official.convert({"fc.weight": torch.ones(1), "att_module": torch.ones(1)})


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
    with pytest.raises(ValueError, match=f"^1 of its .* keys are not in the naming of CornerNet, .*: {key}$"):
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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda held: held,
        lambda held: {"state_dict": held},
        lambda held: {"epoch": 3, "model": held},
        lambda held: {"state_dict": {"epoch": 3}, "model": held},
    ],
)
@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_a_file_becomes_a_checkpoint(network, published, tmp_path, wrap, old):
    source, out = tmp_path / "CornerNet_500000.pkl", tmp_path / "cornernet.pt"
    torch.save(wrap({"module." + k: v for k, v in published.items()}), source, _use_new_zipfile_serialization=not old)
    found = convert_file(source, out, TINY)
    assert (found.tensors, found.member, found.stacks, found.left) == (len(network.state_dict()), "cornernet", 2, [])
    detector, settings, held = load_detector(out)
    assert same(detector.network.state_dict(), network.state_dict())
    assert settings.data.val.annotations.endswith("instances_val2017.json") and settings.model.backbone.stacks == 2
    assert len(held["class_names"]) == 80 and held["class_names"][0] == "person" and held["category_ids"][-1] == 90


def test_a_file_of_mmdetection_brings_its_colours_and_says_that_none_was_compared(network, published, tmp_path):
    theirs = {respelled(key, MMDETECTION): value for key, value in published.items()}
    torch.save({"meta": {"CLASSES": ("person", "bicycle")}, "state_dict": theirs}, tmp_path / "in.pth")
    found = convert_file(tmp_path / "in.pth", tmp_path / "out.pt", [*TINY, "data.std=[0.1,0.2,0.3]"])
    detector, settings, _ = load_detector(tmp_path / "out.pt")
    given, got = network.backbone.stem[0].conv.weight, detector.network.backbone.stem[0].conv.weight
    assert torch.equal(got, given[:, [2, 1, 0]])
    assert list(settings.data.mean) == [0.406, 0.456, 0.485] and list(settings.data.std) == [0.1, 0.2, 0.3]
    first, colours, order, warning = sentences(found, "in.pth", "out.pt")
    assert first.endswith("converted into out.pt: config cornernet with 2 stacks, by the names of mmdetection")
    assert "data.mean=[0.406, 0.456, 0.485] and data.std=[0.1, 0.2, 0.3]" in colours
    assert "reversed" in order and warning == UNCOMPARED.format("mmdetection")


@pytest.mark.parametrize("title", ["CornerNet-Squeeze", "CornerNet-Saccade", "Corner Affinity"])
def test_of_whose_code_no_output_was_compared_is_said(title):
    naming = next(naming for naming in NAMINGS if naming.title == title)
    found = Imported(990, title, "squeeze", 2, [], naming.rgb, naming.compared, [], [])
    assert sentences(found, "a", "b")[2:] == [UNCOMPARED.format(title)]


def test_what_was_left_out_is_said():
    found = Imported(1152, "CentripetalNet", "centripetal", 2, ["bbox_head.conv_logits.bias"], False, True, [], [])
    assert sentences(found, "a", "b")[2:] == ["1 tensor of its mask branch, which only training needs, left out"]


def test_other_classes_than_those_of_coco_are_a_sentence(published, tmp_path):
    heat = published["tl_heats.0.1.bias"]
    torch.save({**published, "tl_heats.0.1.bias": torch.cat([heat, heat[:11]])}, tmp_path / "in.pkl")
    with pytest.raises(ValueError, match=r"in.pkl has 91 classes without names, expected the 80 of COCO; train.init"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", TINY)


def test_the_number_of_stacks_is_that_of_the_keys(published, tmp_path):
    one = {key: x for key, x in published.items() if not re.match(r"inters|cnvs_|(kps|cnvs|(tl|br)_\w+)\.1\.", key)}
    torch.save(one, tmp_path / "in.pkl")
    tiny = [text for text in TINY if "stacks" not in text]
    assert convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", tiny).stacks == 1
    assert load_detector(tmp_path / "out.pt")[1].model.backbone.stacks == 1


def test_an_existing_file_is_not_overwritten(published, tmp_path):
    torch.save(published, tmp_path / "in.pkl")
    (tmp_path / "out.pt").write_text("mine")
    with pytest.raises(ValueError, match="exists already; give another name"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", TINY)
    assert (tmp_path / "out.pt").read_text() == "mine"


def test_a_folder_that_is_missing_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*/none to write out\.pt into$"):
        convert_file(tmp_path / "there_is_none.pkl", tmp_path / "none" / "out.pt", TINY)


@pytest.mark.parametrize(
    "content",
    [[1, 2], {}, {"a": 1}, {"state_dict": 5}, {"state_dict": {}}, {"state_dict": {"state_dict": {"a": torch.ones(1)}}},
     torch.ones(2), None],
    ids=str,
)  # fmt: skip
def test_a_file_without_tensors_is_a_sentence(tmp_path, content):
    torch.save(content, tmp_path / "in.pkl")
    with pytest.raises(ValueError, match="does not hold a dict of tensors"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", TINY)


FIRST, BIAS, FIT = "pre.0.conv.weight", "tl_heats.0.1.bias", "does not fit the network of the config: "
ODD, ONE = "holds what is no ordinary tensor by name under 1 key", "1 of another shape: "
NUMBERED = {f"tl_heats.{n}.1.bias": torch.zeros(80) for n in range(2, 60)}
HOSTILE = {  # name -> what is changed in a file, what is said of it
    "complex": ({FIRST: torch.zeros(4, 3, 7, 7, dtype=torch.complex64)}, ODD),
    "sparse": ({FIRST: torch.zeros(4, 3, 7, 7).to_sparse()}, ODD),
    "compressed": ({FIRST: torch.zeros(4, 4).to_sparse_csr()}, ODD),
    "without numbers": ({FIRST: torch.empty(4, 3, 7, 7, device="meta")}, ODD),
    "number as key": ({3: torch.zeros(1)}, ODD),
    "nothing as key": ({None: torch.zeros(1)}, ODD),
    "nan": ({FIRST: torch.full((4, 3, 7, 7), torch.nan)}, "weights that are not finite: 1 tensor"),
    "infinite": ({BIAS: torch.full((80,), torch.inf)}, "weights that are not finite: 1 tensor"),
    "whole numbers": ({FIRST: torch.zeros(4, 3, 7, 7, dtype=torch.long)}, "1 of another type"),
    "a number": ({FIRST: torch.tensor(1.0)}, FIT + ONE),
    "a number as bias": ({key: torch.tensor(1.0) for key in (BIAS, "tl_heats.1.1.bias")}, FIT + "2 of another shape"),
    "one row": ({FIRST: torch.ones(5)}, FIT + ONE),
    "nothing in it": ({FIRST: torch.ones(0, 3, 7, 7)}, FIT + ONE),
    "many classes": ({BIAS: torch.zeros(10**6)}, "has 1000000 classes without names"),
    "a wide head": ({"tl_heats.0.1.weight": torch.zeros(80, 4096, 1, 1)}, FIT + ONE),
    "many stacks": (NUMBERED, "another model than the config describes, which has more than 1598 tensors"),
    "a long name": ({"a" * 10**5: torch.zeros(1)}, "1 of its 541 keys are not in the naming of CornerNet"),
    "lines in a name": ({f"{FIRST}\n\n": torch.zeros(1)}, "1 of its 541 keys are not in the naming of CornerNet"),
}


REVERSED = ("sparse", "a number", "one row")  # tried where the first convolution is turned round, too


@pytest.mark.parametrize(
    ("name", "spellings"), [*((name, None) for name in HOSTILE), *((name, MMDETECTION) for name in REVERSED)]
)
def test_a_hostile_file_is_a_sentence_and_nothing_is_written(published, tmp_path, name, spellings, capsys, monkeypatch):
    changed, message = HOSTILE[name]
    theirs = {**published, **changed}
    if spellings:
        theirs = {respelled(key, spellings): x for key, x in theirs.items()}
    torch.save(theirs, tmp_path / "in.pkl")
    (tmp_path / "out").mkdir()
    tiny = [text for text in TINY if "stacks" not in text]
    words = ["cornernet", "convert_checkpoint", str(tmp_path / "in.pkl"), str(tmp_path / "out" / "out.pt"), *tiny]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert message in said.err and said.out == "" and len(said.err.splitlines()) == 1 and len(said.err) < 2500
    assert not list((tmp_path / "out").iterdir())


def test_a_file_for_another_network_is_a_sentence(published, tmp_path):
    torch.save(published, tmp_path / "in.pkl")
    with pytest.raises(ValueError, match=r"in.pkl: the checkpoint does not fit the network of the config: .* missing"):
        convert_file(tmp_path / "in.pkl", tmp_path / "out.pt", [*TINY, "model.backbone.stacks=3"])
    assert not (tmp_path / "out.pt").exists()


def test_a_checkpoint_of_ours_is_not_a_published_one(network, tmp_path):
    state = {"model": network.state_dict(), "config": {}, "class_names": [], "category_ids": [], "step": 0}
    checkpoint.save(state, tmp_path / "in.pt")
    with pytest.raises(ValueError, match="is a checkpoint of this toolkit already"):
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
