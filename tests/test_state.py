"""What a checkpoint gives back: a detector, without running code that the checkpoint names."""

import pytest
import torch

from cornernet import checkpoint, config
from cornernet.state import differences, load_detector


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
    before["train"].pop("max_bad_steps")
    assert differences(before, settings) == {}


def test_an_override_that_changes_the_network_is_named(tiny_run):
    with pytest.raises(ValueError, match=r"of another shape .*; other settings .*: model\.head\.channels: 8 -> 4$"):
        load_detector(tiny_run / "last.pt", ["model.head.channels=4"])
