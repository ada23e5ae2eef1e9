"""What a checkpoint gives back: a detector, without running code that the checkpoint names."""

import time

import pytest
import torch

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.checkpoints.load import load_detector
from cornernet.config.differences import differences


def changed(tiny_run, tmp_path, change):
    """The tiny run's checkpoint with something done to it."""
    held = checkpoint.load(tiny_run / "last.pt")
    change(held)
    checkpoint.save(held, tmp_path / "changed.pt")
    return tmp_path / "changed.pt"


def test_the_averaged_weights_count(tiny_run):
    detector, settings, held = load_detector(tiny_run / "last.pt", ["test.top_k=7"])
    assert not detector.training and settings.test.top_k == 7 and settings.train.ema == 0.9
    own = detector.state_dict()
    assert all(torch.equal(own[key], value) for key, value in held["averaged"].items())


@pytest.mark.parametrize("role", ["heatmap", "grouping", "offset", "feature"])
def test_losses_by_dotted_path_are_neither_imported_nor_called(tiny_run, tmp_path, role):
    marker = tmp_path / "executed"
    loss = {"name": "subprocess.Popen", "weight": 1.0, "args": {"args": ["touch", str(marker)]}}
    path = changed(tiny_run, tmp_path, lambda held: held["config"]["loss"].update({role: loss}))
    _, settings, _ = load_detector(path)
    assert not marker.exists() and "." not in getattr(settings.loss, role).name


def test_a_users_loss_need_not_be_importable_to_predict(tiny_run, tmp_path):
    def change(held):
        held["config"]["loss"]["offset"] = {"name": "their_package.losses.Mine", "weight": 1.0, "args": {}}
        for part in ("model", "averaged"):
            held[part]["loss.offset_loss.scale"] = torch.ones(1)

    detector, _, _ = load_detector(changed(tiny_run, tmp_path, change))
    assert torch.is_tensor(detector.state_dict()["network.backbone.stem.0.conv.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held["config"]["train"].update(momentun=1), r"the saved config: unknown key train\.momentun"),
        (lambda held: held["config"].update(train=5), "the saved config: train takes no value of its own"),
        (lambda held: held["class_names"].append("fourth"), "holds another model than the config describes"),
        (lambda held: held.update(averaged=None, model={}), r"tensors \d+ missing"),
        (lambda held: held["config"]["data"].update(input_size=[65, 65]), r"data\.input_size .* nearest"),
    ],
)
def test_a_checkpoint_that_does_not_fit_itself_is_a_sentence(tiny_run, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load_detector(changed(tiny_run, tmp_path, change))


def test_differences_are_named_key_by_key(tiny):
    settings = config.load(tiny)
    before = config.to_dict(settings)
    assert differences(before, settings) == {}
    before["train"]["ema"], before["loss"]["grouping"]["args"] = None, {}
    before["data"]["input_size"] = [32, 64]
    assert differences(before, settings) == {
        "data.input_size": "data.input_size: [32, 64] -> [64, 64]",
        "loss.grouping.args.chunk_size": "loss.grouping.args.chunk_size: null -> 4",
        "train.ema": "train.ema: null -> 0.9",
    }


def test_a_key_that_the_checkpoint_does_not_know_counts_with_its_default(tiny):
    settings = config.load(tiny)
    before = config.to_dict(settings)
    before["train"].pop("max_nonfinite_steps")
    assert differences(before, settings) == {}


def test_an_override_that_changes_the_network_is_named(tiny_run):
    with pytest.raises(ValueError, match=r"of another shape .*; other settings .*: model\.head\.channels: 8 -> 4$"):
        load_detector(tiny_run / "last.pt", ["model.head.channels=4"])


# -- configs that ask for more than the file holds --------------------------------------------------------------


def aliases():
    """Lists of which each holds the one before ten times: 10^11 values when written out."""
    value = ["lol"] * 10
    for _ in range(10):
        value = [value] * 10
    return value


def endless():
    """Arguments that hold themselves."""
    value = {}
    value["args"] = value
    return value


LARGE = {
    "data.shapes.size": 10**18, "train.lr": 10**400, "data.mean": [10**400] * 3, "model.anchor.scales": [10**400],
    "seed": 10**400, "data.longest_side": 10**9, "data.input_size": [64, 10**9], "data.max_objects": 10**12,
    "model.backbone.stacks": 10**6, "model.backbone.channels": [8, 8, 10**9], "model.backbone.blocks": [1, 1, 10**6],
    "model.backbone.stem_channels": 10**12, "model.head.channels": 10**9, "model.head.pool_channels": 2**63 - 1,
    "model.head.tag_dim": 10**9, "test.top_k": 10**9, "test.num_dets": 10**12, "test.kernel": 10**9 + 1,
    "test.scales": [1e6], "test.batch_size": 10**9, "data.workers": 10**6, "loss.offset.args": {"x": "x" * 10**5},
    "loss.heatmap.args": {"x": list(range(10**4))}, "loss.grouping.args": {"x": torch.ones(1)},
}  # fmt: skip


@pytest.mark.parametrize("key", LARGE)
def test_a_config_that_asks_for_more_than_any_holds_is_a_sentence(tiny_run, tmp_path, key):
    section, _, last = key.rpartition(".")

    def change(held):
        place = held["config"]
        for name in section.split(".") if section else ():
            place = place[name]
        place[last] = LARGE[key]

    path, start = changed(tiny_run, tmp_path, change), time.process_time()
    with pytest.raises(ValueError, match=r"the saved config|than the config describes|seed|damaged") as error:
        load_detector(path)
    assert time.process_time() - start < 2 and len(str(error.value)) < 600 and "\n" not in str(error.value)


@pytest.mark.parametrize("size", [{"stacks": 900}, {"channels": [64, 64, 64, 64], "blocks": [900] * 4}])
def test_a_network_within_the_limits_but_not_in_the_file_is_a_sentence(tiny_run, tmp_path, size):
    path = changed(tiny_run, tmp_path, lambda held: held["config"]["model"]["backbone"].update(size))
    start = time.process_time()
    with pytest.raises(ValueError, match=r"holds another model than the config describes, which has more than \d+"):
        load_detector(path)
    assert time.process_time() - start < 5  # seconds; far less, but the first case warms up


@pytest.mark.parametrize("value", [aliases(), endless()], ids=["aliases", "endless"])
def test_a_config_that_unfolds_is_a_sentence(tiny, value):
    before = config.to_dict(config.load(tiny))
    before["loss"]["offset"]["args"] = {"x": value}
    with pytest.raises(ValueError, match="the saved config holds more than 4000 values or 16 inside each other"):
        config.from_container(before)


@pytest.mark.parametrize("change", [{"class_names": [1, 2, 3]}, {"category_ids": ["a"]}, {"category_ids": [1]}])
def test_classes_that_are_none_are_a_sentence(tiny_run, tmp_path, change):
    with pytest.raises(ValueError, match=r"class_names"):
        load_detector(changed(tiny_run, tmp_path, lambda held: held.update(change)))
