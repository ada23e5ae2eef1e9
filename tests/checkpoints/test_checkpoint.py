"""Checkpoints: whole or not at all, never executed, and a sentence for every foreign file."""

import ast
import os
import pickle
import re
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cornernet.checkpoints import checkpoint
from cornernet.errors import Damaged
from cornernet.version import PLUGINS

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
    assert order == ["fsync", "replace", "fsync"]  # the last one is that of the folder


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


# -- checksum ---------------------------------------------------------------------------------------------------

PARTS = {**STATE, "model": {"w": torch.arange(300.0), "n": torch.tensor(3)}}


@pytest.fixture(scope="module", params=["digest", "without"])
def whole(request, tmp_path_factory):
    """Bytes of a checkpoint as this toolkit writes it, and as torch alone does."""
    path = tmp_path_factory.mktemp("whole") / "x.pt"
    checkpoint.save(PARTS, path) if request.param == "digest" else torch.save(PARTS, path)
    return path.read_bytes()


def read(data):
    """What a file of these bytes holds, or None where the reader says that it is damaged."""
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        file.write(data)
        file.flush()
        try:
            return checkpoint.load(file.name)
        except ValueError as error:
            assert re.search(r"is damaged or not a checkpoint|is not a checkpoint of this|asks to run code", str(error))
            assert len(str(error)) < 400 and "\n" not in str(error)
            return None


def same(held):
    return (
        held.keys() == PARTS.keys()
        and all(torch.equal(held["model"][key], value) for key, value in PARTS["model"].items())
        and all(held[key] == PARTS[key] for key in PARTS if key != "model")
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_flipped_bits_are_seen_or_do_not_matter(whole, data):
    flips = data.draw(st.lists(st.integers(0, 8 * len(whole) - 1), min_size=1, max_size=3, unique=True))
    changed = bytearray(whole)
    for flip in flips:
        changed[flip // 8] ^= 1 << flip % 8
    held = read(bytes(changed))
    assert held is None or same(held)


def test_every_flip_is_seen_by_the_digest(tmp_path):
    checkpoint.save(STATE, tmp_path / "x.pt")
    data = (tmp_path / "x.pt").read_bytes()
    for place in range(4, len(data), 7):
        assert read(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]) is None, place


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_file_cut_anywhere_is_seen(whole, data):
    assert read(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(start=st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x02}q\x00"]), rest=st.binary(max_size=400))
def test_random_bytes_are_a_sentence(start, rest):
    assert read(start + rest) is None


def test_bytes_behind_the_end_are_seen(whole):
    assert read(whole + b"x") is None and same(read(whole))


def test_torch_alone_still_reads_it(path):
    checkpoint.save(STATE, path)
    assert torch.load(path, weights_only=True)["step"] == 3


def test_other_archives_are_a_sentence(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(Damaged, match=r"is damaged or not a checkpoint"):
        checkpoint.load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(Damaged, match=r"its parts are compressed"):
        checkpoint.load(path)


def test_a_file_that_may_not_be_read_is_not_called_damaged(path, monkeypatch):
    checkpoint.save(STATE, path)
    monkeypatch.setattr(checkpoint.Path, "open", lambda *a: (_ for _ in ()).throw(PermissionError(13, "no", "x")))
    with pytest.raises(PermissionError):
        checkpoint.load(path)


# -- the one before ---------------------------------------------------------------------------------------------


def test_the_one_before_is_kept_and_named_where_the_last_is_damaged(path):
    for step in (1, 2, 3):
        checkpoint.save({**STATE, "step": step}, path, keep=True)
    before = checkpoint.previous(path)
    assert before.name == "last.prev.pt" and checkpoint.load(before)["step"] == 2
    assert sorted(os.listdir(path.parent)) == ["last.prev.pt", "last.pt"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Damaged, match=r"last\.pt is damaged .*; .*last\.prev\.pt is the one saved before it"):
        checkpoint.load(path)


class Killed(BaseException):
    """Stands for kill -9: what comes behind is not done."""


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
@pytest.mark.parametrize("number", range(8))
def test_killed_between_any_two_calls_a_whole_one_is_left(path, monkeypatch, number, links):
    for step in (1, 2):
        checkpoint.save({**STATE, "step": step}, path, keep=True)
    done = []

    def mortal(call):
        def wrapped(*given, **named):
            if len(done) == number:
                raise Killed
            done.append(call)
            return call(*given, **named)

        return wrapped

    for module, name in ((os, "fsync"), (os, "replace"), (os, "link"), (Path, "unlink"), (Path, "open")):
        monkeypatch.setattr(module, name, mortal(getattr(module, name)))
    if not links:
        monkeypatch.setattr(os, "link", lambda *a: (_ for _ in ()).throw(OSError("no links here")))
    with suppress(Killed):
        checkpoint.save({**STATE, "step": 3}, path, keep=True)
    monkeypatch.undo()
    left = [checkpoint.load(x)["step"] for x in (path, checkpoint.previous(path)) if x.exists()]
    assert left and left[0] >= 2 and left == sorted(left, reverse=True)
    checkpoint.save({**STATE, "step": 4}, path, keep=True)  # and the next save finds nothing in its way
    assert checkpoint.load(path)["step"] == 4 and sorted(os.listdir(path.parent)) == ["last.prev.pt", "last.pt"]


def test_a_full_disk_leaves_both_and_says_so(path, full_disk):
    for step in (1, 2):
        checkpoint.save({**STATE, "step": step}, path, keep=True)
    with full_disk("last.pt"), pytest.raises(OSError, match="No space left on device"):
        checkpoint.save({**STATE, "model": {"w": torch.ones(10**5)}}, path, keep=True)
    assert checkpoint.load(path)["step"] == 2 and checkpoint.load(checkpoint.previous(path))["step"] == 1
    assert sorted(os.listdir(path.parent)) == ["last.prev.pt", "last.pt"]


# -- weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value):
    weights = {"weight": torch.tensor([[value]]), "bias": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"^x\.pt holds weights that are not finite: 1 tensor \(first: weight\)"):
        checkpoint.load_weights(nn.Linear(1, 1), weights, "x.pt")
    net = nn.Linear(1, 1)
    checkpoint.load_weights(net, weights, "x.pt", finite=False)
    assert not net.weight.isfinite().any()


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.complex64])
def test_weights_of_another_type_are_named(kind):
    weights = {"weight": torch.ones(1, 1, dtype=kind), "bias": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"1 of another type \(first: weight\)"):
        checkpoint.load_weights(nn.Linear(1, 1), weights, "x.pt")


def test_half_precision_fits():
    net = nn.Linear(1, 1)
    weights = {"weight": torch.ones(1, 1, dtype=torch.float16), "bias": torch.zeros(1, dtype=torch.bfloat16)}
    checkpoint.load_weights(net, weights, "x.pt")
    assert net.weight.dtype == torch.float32 and net.weight.item() == 1


def test_nothing_in_the_package_reads_a_file_of_torch_otherwise():
    """One door, and the weights of pretrained backbones; both with weights_only."""
    root, found = Path(checkpoint.__file__).parents[1], []
    for file in [*root.rglob("*.py"), *(root.parent / "tools").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "pickle.load", "pickle.loads"):
                assert "weights_only=True" in ast.unparse(node), file
                found.append(file.name)
    assert sorted(found) == ["checkpoint.py", "pretrained.py"]


def test_a_signal_in_the_middle_of_a_save_is_what_is_raised(tmp_path, monkeypatch):
    """Not what torch's writer makes of it, and the file from before stands."""
    path = tmp_path / "a.pt"
    checkpoint.save(STATE, path)
    before = path.read_bytes()

    class Signal(Exception):
        pass

    class File:
        def __init__(self, file):
            self.file, self.count = file, 0

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            self.count += 1
            if self.count == 4:
                raise Signal
            return self.file.write(data)

    init = checkpoint._Hashed.__init__
    monkeypatch.setattr(checkpoint._Hashed, "__init__", lambda self, file: init(self, File(file)))
    with pytest.raises(Signal):
        checkpoint.save(STATE, path)
    assert path.read_bytes() == before and [x.name for x in tmp_path.iterdir()] == ["a.pt"]


def test_a_checkpoint_of_a_newer_contract_with_plugins_is_refused(tmp_path):
    held = {"model": {}, "config": {}, "class_names": ["cat"], "category_ids": [1], "step": 1}
    for versions in ({}, {"versions": {"torch": "2"}}, {"versions": {"plugins": PLUGINS}}, {"versions": 3}):
        checkpoint.save(held | versions, tmp_path / "a.pt")
        assert checkpoint.load(tmp_path / "a.pt")["step"] == 1
    for newer in (PLUGINS + 1, "2"):
        checkpoint.save(held | {"versions": {"plugins": newer}}, tmp_path / "a.pt")
        with pytest.raises(ValueError, match=rf"a\.pt was written for plug-ins of contract {newer}, and this version"):
            checkpoint.load(tmp_path / "a.pt")
