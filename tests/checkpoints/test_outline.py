"""Files that ask for more than they hold are refused before torch reads them: a sentence, in little time and memory."""

import hashlib
import io
import pickle
import re
import struct
import time
import tracemalloc
import zipfile

import pytest
import torch

from cornernet.checkpoints import checkpoint, outline

STATE = {"model": {"w": torch.ones(2)}, "config": {}, "class_names": ["a"], "category_ids": [1], "step": 3}


def sealed(data):
    """An archive with the checksum that the toolkit writes behind it, forged."""
    digest = hashlib.sha256(data).hexdigest().encode()
    return data[:-2] + checkpoint.COMMENT.to_bytes(2, "little") + checkpoint.MARK + digest


def archive(parts, compression=zipfile.ZIP_STORED):
    """Archive of these parts, in the layout of torch, with a checksum."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in parts.items():
            made.writestr(f"x/{name}", data)
    return sealed(file.getvalue())


def described(data, **parts):
    """Archive around a description."""
    return archive({"data.pkl": data, "byteorder": b"little", **parts, "version": b"3\n"})


def tensor(size, stride, length, kind=b"FloatStorage"):
    """Description of {"w": a tensor} over a storage that is said to have `length` numbers."""
    number = b"J" + struct.pack("<i", min(length, 2**31 - 1))
    storage = b"(X\x07\0\0\0storagectorch\n" + kind + b"\nX\x01\0\0\x000X\x03\0\0\0cpu" + number + b"tQ"
    shape = b"(J" + struct.pack("<i", size) + b"t"
    strides = b"(J" + struct.pack("<i", stride) + b"t"
    rest = b"\x89ccollections\nOrderedDict\n)Rt"
    return (
        b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\0"
        + shape
        + strides
        + rest
        + b"Rs."
    )


def aliases(depth, width=10):
    """Lists of which each holds the one before many times."""
    value = ["lol"] * width
    for _ in range(depth):
        value = [value] * width
    return value


def circle():
    """A dict that holds itself."""
    value = {}
    value["a"] = value
    return value


def deep(levels):
    """Lists inside each other."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


def pickled(value):
    return pickle.dumps(value, protocol=2)


def overlapping():
    """An archive whose parts are all the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("x/data.pkl", bytes(10**6))
        first = made.infolist()[0]
        for number in range(200):
            again = zipfile.ZipInfo(f"x/data/{number}")
            again.file_size = again.compress_size = first.file_size
            again.CRC, again.header_offset = first.CRC, first.header_offset
            made.filelist.append(again)
    return sealed(file.getvalue())


def two_lists():
    """An archive with a second list of parts, where torch looks for it and Python's zipfile does not."""
    parts = {"data.pkl": pickled({}), **{f"data/{number}": b"" for number in range(20)}}
    file, shown = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name in parts:
            made.writestr(f"x/{name}", bytes(10**6) if name == "data/0" else b"")
        first = made.start_dir
    with zipfile.ZipFile(shown, "w") as made:
        for name, data in parts.items():
            made.writestr(f"x/{name}", data)
        for part in made.filelist:  # zipfile reckons from the end, torch from the beginning
            part.header_offset += first - made.start_dir
    hidden, seen = file.getvalue(), shown.getvalue()
    return sealed(hidden[:-22] + seen[:-6] + hidden[-6:])


BOMBS = {
    "two lists of parts": two_lists,
    "names but for case": lambda: described(pickled({}), **{"DATA.PKL": tensor(10**9, 0, 1), "data/0": bytes(4)}),
    "one name twice": lambda: described(tensor(2, 1, 2), **{"data/0": bytes(8), "DATA/0": bytes(4)}),
    "compressed": lambda: archive({"data.pkl": pickled({}), "data/0": bytes(10**8)}, zipfile.ZIP_DEFLATED),
    "overlapping": overlapping,
    "parts": lambda: archive({f"data/{i}": b"" for i in range(40_000)}),
    "hole": lambda: described(pickled({})) [:4] + bytes(10**7) + described(pickled({})),
    "a storage longer than it is": lambda: described(tensor(10**9, 1, 10**9), **{"data/0": bytes(8)}),
    "a storage that is not there": lambda: described(tensor(2, 1, 2)),
    "a tensor longer than its storage": lambda: described(tensor(2**31 - 1, 0, 2), **{"data/0": bytes(8)}),
    "bytearray": lambda: described(b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R."),
    "tensor by its class": lambda: described(b"\x80\x02ctorch\nFloatTensor\nJ\xff\xff\xff\x7f\x85R."),
    "aliases": lambda: described(pickled({"config": aliases(12)})),
    "circle": lambda: described(pickled(circle())),
    "deep": lambda: described(b"\x80\x02" + b"]" * 900 + b"a" * 899 + b"."),
    "very deep": lambda: described(b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b"."),
    "keys": lambda: described(pickled(dict.fromkeys(range(300_000)))),
    "lists": lambda: described(b"\x80\x02" + b"]" * (4 * 2**20 - 10) + b"."),
    "long": lambda: described(pickled("x" * (5 * 2**20))),
    "memo": lambda: described(b"\x80\x02]r\xff\xff\xff\x7f."),
    "legacy": lambda: b"".join(pickled(x) for x in (119547037146038801333356, 1001, {}, aliases(12), [])),
    "legacy storage": lambda: b"".join(
        [*(pickled(x) for x in (119547037146038801333356, 1001, {})), tensor(10**9, 1, 10**9), pickled(["0"])]
    ),
    "zeros": lambda: bytes(10**7),
    "extension": lambda: described(b"\x80\x02\x82\x01."),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_sentence_at_once_and_in_little_memory(tmp_path, name, monkeypatch):
    path = tmp_path / "x.pt"
    path.write_bytes(BOMBS[name]())
    if name not in ("memo", "zeros"):
        monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("torch reads it"))
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ValueError, match=r"x\.pt (is damaged or not a checkpoint|asks to run code|is not a)") as error:
        checkpoint.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6 and time.process_time() - start < 10  # tracing takes ten times as long
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)


def test_a_sparse_file_is_not_read_through(tmp_path):
    path = tmp_path / "x.pt"
    for head in (b"", b"PK\x03\x04", described(pickled({}))):
        path.write_bytes(head)
        with path.open("r+b") as file:
            file.truncate(10**11)
        start = time.process_time()
        with pytest.raises(ValueError, match="is damaged or not a checkpoint"):
            checkpoint.load(path)
        assert time.process_time() - start < 1


@pytest.mark.parametrize("legacy", [False, True])
def test_what_torch_writes_passes(tmp_path, legacy):
    shared = torch.arange(12.0).reshape(3, 4)
    model = {
        "w": shared,
        "t": shared.T,
        "row": shared[1],
        "n": torch.tensor(3),
        "h": torch.ones(2, dtype=torch.bfloat16),
    }
    model |= {"p": torch.nn.Parameter(torch.ones(2)), "none": torch.zeros(0), "last": torch.ones(2, 3, 4, 5)}
    model["last"] = model["last"].to(memory_format=torch.channels_last)
    torch.save({**STATE, "model": model}, tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    held = checkpoint.load(tmp_path / "x.pt")
    assert all(torch.equal(held["model"][key], value) for key, value in model.items())
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "y.pt", _use_new_zipfile_serialization=not legacy)
    assert checkpoint.read_tensors(tmp_path / "y.pt").keys() == {"weight", "bias"}


def test_the_largest_checkpoints_are_far_from_the_limits(tmp_path):
    """As many tensors as a training of Hourglass-104 with averaged weights keeps, three times."""
    torch.save({**STATE, "model": {f"network.{i}": torch.zeros(1) for i in range(12_000)}}, tmp_path / "x.pt")
    assert len(checkpoint.load(tmp_path / "x.pt")["model"]) == 12_000


def test_nothing_is_made_of_what_a_description_names():
    made = outline._Outline(io.BytesIO(tensor(2, 1, 2)), {"0": 8}, 8).load()["w"]
    assert made.name == "torch._utils._rebuild_tensor_v2" and made.args[0] == ("0", 2)
    for name in ("os.system", "builtins.eval", "torch.load", "torch.FloatTensor", "torch.hub.load"):
        with pytest.raises(outline.Foreign, match=re.escape(name)):
            outline._Outline(io.BytesIO(), {}, 0).find_class(*name.rsplit(".", 1))
