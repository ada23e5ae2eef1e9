"""Checkpoints: whole or not at all, never executed, and a sentence for every foreign file."""

import os
import pickle

import pytest
import torch
from torch import nn

from cornernet import checkpoint

STATE = {"model": {"w": torch.ones(2)}, "config": {}, "class_names": ["a"], "category_ids": [1], "step": 3}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last.pt"


def test_round_trip(path):
    checkpoint.save(STATE, path)
    held = checkpoint.load(path)
    assert torch.equal(held.pop("model")["w"], torch.ones(2))
    assert held == {key: value for key, value in STATE.items() if key != "model"}
    assert os.listdir(path.parent) == ["last.pt"]


class Explosive:
    def __reduce__(self):
        raise OSError("No space left on device")


def test_a_failure_while_writing_leaves_the_old_file(path):
    checkpoint.save(STATE, path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space"):
        checkpoint.save({**STATE, "step": Explosive()}, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["last.pt"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_before_the_rename_leaves_the_old_file(path, function, monkeypatch):
    checkpoint.save(STATE, path)

    def fail(*_):
        raise OSError("pulled the plug")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="plug"):
        checkpoint.save({**STATE, "step": 4}, path)
    assert checkpoint.load(path)["step"] == 3


def test_bytes_reach_the_disk_before_the_name_does(path, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, call=call: (order.append(name), call(*a)))
    checkpoint.save(STATE, path)
    assert order == ["fsync", "replace"]


def test_what_a_crash_left_is_used_up_by_the_next_save(path, monkeypatch):
    monkeypatch.setattr(checkpoint.Path, "unlink", lambda *a, **k: None)  # as kill -9 would
    monkeypatch.setattr(os, "replace", lambda *a: None)
    checkpoint.save(STATE, path)
    assert len(os.listdir(path.parent)) == 1
    monkeypatch.undo()
    checkpoint.save(STATE, path)
    assert os.listdir(path.parent) == ["last.pt"]


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_code_is_refused_and_not_run(path, old, monkeypatch):
    monkeypatch.chdir(path.parent)
    torch.save({**STATE, "step": Malicious()}, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(ValueError, match="asks to run code while it is read, which is refused"):
        checkpoint.load(path)
    assert not (path.parent / "executed").exists()


def test_a_bare_pickle_with_code_is_not_run(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ValueError, match=r"refused|damaged or not a checkpoint"):
        checkpoint.load(path)
    assert not (path.parent / "executed").exists()


@pytest.mark.parametrize("keep", [0, 1, 10, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_a_sentence(path, keep):
    checkpoint.save(STATE, path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(ValueError, match=r"last\.pt is damaged or not a checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize("data", [b"hello", os.urandom(5000), b"\x80\x02" + bytes(100), b"PK\x03\x04" + bytes(100)])
def test_other_bytes_are_a_sentence(path, data):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"last\.pt is damaged or not a checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize("where", ["nowhere.pt", "."])
def test_a_missing_file_is_a_sentence(tmp_path, where):
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / where)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"conv.weight": torch.ones(1)}, "it has no model, config, class_names, category_ids, step"),
        (torch.ones(3), "it has no model"),
        ([1, 2], "it has no model"),
        ({**STATE, "model": 5}, "it has no model "),
        ({**STATE, "class_names": "ab"}, "it has no class_names "),
        ({k: v for k, v in STATE.items() if k != "category_ids"}, "it has no category_ids "),
    ],
)
def test_another_file_of_torch_is_a_sentence(path, content, message):
    torch.save(content, path)
    with pytest.raises(ValueError, match=f"is not a checkpoint of this toolkit: {message}"):
        checkpoint.load(path)


def test_weights_that_fit_are_loaded():
    net = nn.Linear(1, 1)
    checkpoint.load_weights(net, {"weight": torch.full((1, 1), 5.0), "bias": torch.zeros(1)}, "x.pt")
    assert net.weight.item() == 5


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"weight": torch.ones(1, 1)}, r"1 missing \(first: bias\)"),
        ({"weight": torch.ones(1, 1), "bias": torch.ones(1), "b": 1, "a": 1, 5: 1}, r"3 unknown \(first: 5\)"),
        ({"weight": torch.ones(2, 1), "bias": torch.ones(1)}, r"1 of another shape \(first: weight\)"),
        ({"weight": None, "bias": torch.ones(1)}, r"1 of another shape \(first: weight\)"),
        ({}, r"2 missing \(first: bias\)"),
    ],
)
def test_weights_of_another_model_are_named(weights, message):
    with pytest.raises(ValueError, match=rf"^x\.pt holds another model than the config describes; tensors .*{message}"):
        checkpoint.load_weights(nn.Linear(1, 1), weights, "x.pt")
