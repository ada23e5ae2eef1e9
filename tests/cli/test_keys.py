"""The one reader of `key=value`."""

from pathlib import Path

import pytest

from cornernet.cli import keys
from cornernet.cli.keys import OUT, Reader, read

KEYS = {"images": Reader(keys.whole(1)), "deep": Reader(keys.switch), "rule": Reader(keys.choice("a", "b")),
        "loss": Reader(keys.yaml, "losses"), **OUT}  # fmt: skip


def test_own_keys_are_typed_and_the_rest_stays_in_order():
    given = ["images=3", "train.lr=1", "deep=true", "rule=b", "loss=[x,{name: y}]", "seed=1", "out=a=b", "x.y=z"]
    own, rest = read(given, KEYS)
    assert own == {"images": 3, "deep": True, "rule": "b", "losses": ["x", {"name": "y"}], "out": Path("a=b")}
    assert rest == ["train.lr=1", "seed=1", "x.y=z"]
    assert read([], KEYS) == ({}, [])


def test_of_several_the_last_holds_whatever_it_is_called():
    assert read(["out=a", "work_dir=b", "images=1", "images=2"], KEYS)[0] == {"out": Path("b"), "images": 2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            (f"images={x}", "images must be a whole number of at least 1, got")
            for x in ("0", "-1", "1.5", "a", "[1]", "")
        ),
        ("images=" + "9" * 19, "images must be a whole number"),
        ("deep=yes", "deep must be true or false, got 'yes'"),
        ("rule=c", "rule must be a or b, got 'c'"),
        ("loss=[x", "loss is not readable as YAML, got '[x'"),
        ("out=", "out must name a file or folder, got nothing"),
        ("work_dir=", "work_dir must name a file or folder, got nothing"),
        (
            "imges=3",
            "unknown key imges, did you mean images? the command takes images, deep, rule, loss, out and the keys",
        ),
        ("[=3", "unknown key [;"),
        ("zzz=3", "unknown key zzz; the command takes images"),
        ("tran={}", "unknown key tran, did you mean train?"),
    ],
)
def test_anything_else_is_one_sentence(given, message):
    with pytest.raises(ValueError) as error:
        read([given], KEYS)
    assert str(error.value).startswith(message)


def test_a_config_says_itself_what_is_wrong_in_its_sections():
    assert read(["train.lrr=1", "data={}"], KEYS)[1] == ["train.lrr=1", "data={}"]
    assert read(["nonsense=1"], {})[1] == ["nonsense=1"]


@pytest.mark.parametrize("key", ["train.lr", "seed", "points"])
def test_without_a_config_there_are_no_other_keys(key):
    with pytest.raises(ValueError, match=f"unknown key {key}"):
        read([f"{key}=1"], KEYS, overrides=False)
