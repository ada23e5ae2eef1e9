"""What `convert` prints and refuses."""

import shlex
import sys

import pytest

from cornernet import config
from cornernet.cli.commandline import call
from cornernet.cli.console import command
from cornernet.data import build_sources


def said(capsys, *arguments, code=0):
    with pytest.raises(SystemExit) as left:
        call(command("convert"), list(map(str, arguments)))
        sys.exit(0)
    out, err = capsys.readouterr()
    assert (left.value.code or 0) == code, err
    return out if code == 0 else err


def test_a_table_of_classes_what_was_done_and_the_command_to_type(shared, tmp_path, capsys):
    out = tmp_path / "my set"
    text = said(capsys, shared / "data/formats/voc", f"out={out}", "format=yolo", "link=false")
    assert text.splitlines()[:5] == [
        "           train  val", "images        20    8", "objects      382  167", "Platelets     28   10",
        "RBC          332  149",
    ]  # fmt: skip
    assert f"written to {out} as yolo; images: 28 copies" in text
    words = shlex.split(text.splitlines()[-1])
    assert words[:3] == ["cornernet", "train", "custom"] and words[3:] == [f"data.train.annotations={out}"]
    assert [len(x) for x in build_sources(config.load("custom", words[3:]).data)] == [20, 8]


def test_the_command_of_a_set_without_validation_holds_some_out(shared, tmp_path, capsys):
    source, out = shared / "data/coco_mini/annotations/instances_train2017.json", tmp_path / "out"
    text = said(capsys, source, f"out={out}", "format=voc")
    assert "not carried over: outlines and areas of 819 objects" in text
    words = shlex.split(text.splitlines()[-1])
    assert words[-1] == "data.val.split=0.2"
    assert sum(len(x) for x in build_sources(config.load("custom", words[3:]).data)) == 92


def test_groups_stay_together(shared, tmp_path, capsys):
    source = shared / "data/formats/csv/train.csv"
    given = [source, f"images={shared / 'data/formats/voc/JPEGImages'}", f"out={tmp_path / 'out'}"]
    said(capsys, *given, "val=0.3", r"split_by=_000(\d)\d")
    train, val = ({x.name[:15] for x in (tmp_path / "out/images" / split).iterdir()} for split in ("train", "val"))
    assert train and val and not train & val


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "out is missing"),
        (["out=x", "val=1"], "val must be a number above 0 and below 1, got '1'"),
        (["out=x", "format=tfrecord"], "format must be coco or csv or voc or yolo, got 'tfrecord'"),
        (["out=x", "link=yes"], "link must be true or false"),
        (["out=x", "val=0.2"], "holds a validation set"),
        (["out=x", "data.root=y"], "unknown key data.root"),
    ],
)
def test_bad_input_is_a_sentence(shared, capsys, given, words):
    assert words in said(capsys, shared / "data/formats/voc", *given, code=2)


def test_a_sentence_has_the_keys_of_the_command():
    from cornernet.cli.convert import in_own_words

    sentences = {
        "x; set data.train.images and data.val.images to their folders": "x; images=DIR names their folder",
        "there is no file X; set data.root (the paths are relative to it), data.train.images": "there is no file X",
        "data.val.split=0.2 holds out 0, which data.split_by=^x keeps": "val=0.2 holds out 0, which split_by=^x keeps",
        "name the file or folder that you mean, or say data.format=coco": "name the file or folder that you mean",
    }
    assert {text: in_own_words(text) for text in sentences} == sentences
