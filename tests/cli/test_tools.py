"""The tools as a user calls them: what they write and print, and one line for every kind of bad input."""

import ast
import json
import logging
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from cornernet.checkpoints import checkpoint
from cornernet.cli import catalogue, console
from cornernet.data.problems import short
from cornernet.losses import ROLES
from cornernet.system.printing import printable

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py"))
KEYLESS = {
    "list",
    "list_losses",
    "document_losses",
    "simulate_boxes",
    "convert",
}  # what they print is set by no key of a config


@pytest.fixture
def call(monkeypatch, capfd):
    """Run a tool in this process as its file would be run -> (exit code, stdout, stderr)."""

    def call(tool, *arguments):
        AcceleratorState._reset_state(reset_partial_state=True)
        monkeypatch.setattr(sys, "argv", [f"{tool}.py", *map(str, arguments)])
        monkeypatch.setattr(logging.getLogger(), "handlers", [])  # else pytest's keep the tool from adding its own
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / "tools" / f"{tool}.py"), run_name="__main__")
            code = 0
        except SystemExit as left:
            code = left.code or 0
        out, err = capfd.readouterr()
        return code, out, err

    yield call
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def images(tmp_path):
    """Folder with two images, one in a folder of its own."""
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    for path in (folder / "a.png", folder / "more" / "b.jpg"):
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8))
    return folder


# -- training and scoring ---------------------------------------------------------------------------------------


def test_train_then_evaluate(call, tiny, tmp_path):
    run = tmp_path / "run"
    code, out, err = call("train", tiny, f"work_dir={run}", "train.steps=1")
    assert code == 0 and "AP50" in out and f"run folder {run}" in err
    code, out, _ = call("evaluate", run / "last.pt", "data.shapes.val_images=3")
    assert code == 0 and "3 images" in out and "AR_large" in out and "triangle" in out
    written = run / "evaluation"
    assert json.loads((written / "metrics.json").read_text())["images"] == 3
    assert isinstance(json.loads((written / "predictions.json").read_text()), list)
    assert "report is" not in out and not (written / "report").exists()  # the run was made with test.report=false
    code, out, _ = call("evaluate", run / "last.pt", "data.shapes.val_images=3", "test.report=true")
    assert code == 0 and f"the report is {written / 'report' / 'index.html'}" in out
    assert "<h1>run/last.pt</h1>" in (written / "report" / "index.html").read_text(encoding="utf-8")


def test_evaluating_without_a_detection(call, tiny_run, tmp_path):
    code, out, _ = call("evaluate", tiny_run / "last.pt", "test.nms.min_score=1", f"work_dir={tmp_path}")
    assert code == 0 and ", 0 detections" in out
    assert json.loads((tmp_path / "predictions.json").read_text()) == []


def coco(folder, categories, images=1):
    """A COCO set of noise with one box an image -> overrides that evaluate on it."""
    annotations = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 70, "height": 50} for i in range(images)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": categories[0]["id"], "bbox": [5, 5, 20, 20], "area": 400,
             "iscrowd": 0} for i in range(images)
        ],
        "categories": categories,
    }  # fmt: skip
    for i in range(images):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((50, 70, 3), 40 * i, np.uint8))
    (folder / "val.json").write_text(json.dumps(annotations))
    return ["data.name=coco", f"data.root={folder}", "data.val.images=.", "data.val.annotations=val.json"]


def test_evaluating_on_anothers_coco_set(call, tiny_run, tmp_path):
    where = coco(tmp_path, [{"id": 2, "name": "rectangle"}], images=2)
    code, out, err = call("evaluate", tiny_run / "last.pt", *where, f"work_dir={tmp_path / 'out'}")
    assert code == 0 and "2 images, 2 objects" in out and "rectangle" in out, err


def test_a_image_that_is_broken_stops_or_is_left_out(call, tiny_run, tmp_path):
    where = [*coco(tmp_path, [{"id": 2, "name": "rectangle"}], images=2), f"work_dir={tmp_path / 'out'}"]
    (tmp_path / "1.png").write_bytes(b"broken")
    code, _, err = call("evaluate", tiny_run / "last.pt", *where)
    assert code == 2 and "1.png" in err and "Traceback" not in err
    code, out, err = call("evaluate", tiny_run / "last.pt", *where, "data.on_error=skip")
    assert code == 0 and "2 images" in out and "1.png" in err


# -- predicting -------------------------------------------------------------------------------------------------


def test_predicting_a_folder_with_a_broken_image(call, tiny_run, images, tmp_path):
    (images / "broken.jpg").write_bytes(b"\xff\xd8 not an image")
    (images / "notes.txt").write_text("not an image either")
    (images / "still.webp").write_bytes(cv2.imencode(".webp", np.zeros((40, 40, 3), np.uint8))[1].tobytes())
    (images / "still.png").write_bytes(cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes())
    out_dir = tmp_path / "out"
    code, out, err = call("predict", tiny_run / "best.pt", images, f"out={out_dir}", "test.draw_score=0.1")
    assert code == 0 and "broken.jpg" in err
    assert "4 images with" in out and "1 unreadable image skipped" in out and str(out_dir) in out
    written = {str(path.relative_to(out_dir)) for path in out_dir.rglob("*") if path.is_file()}
    assert written == {"a.png", "more/b.jpg", "still.webp.png", "still.png", "predictions.json"}
    assert cv2.imread(str(out_dir / "a.png")).shape == (50, 70, 3)
    content = json.loads((out_dir / "predictions.json").read_text())
    assert {image["file_name"] for image in content["images"]} == {"a.png", "more/b.jpg", "still.webp", "still.png"}


def test_predicting_one_image_beside_the_checkpoint(call, tiny_run, images, tmp_path):
    path = tmp_path / "lr=1" / "best.pt"
    path.parent.mkdir()
    path.write_bytes((tiny_run / "best.pt").read_bytes())
    code, out, _ = call("predict", path, images / "a.png")
    assert code == 0 and "1 image with" in out and (path.parent / "predictions" / "a.png").exists()


def test_predicting_a_image_without_an_ending(call, tiny_run, images, tmp_path):
    (images / "a.png").rename(images / "noext")
    code, out, err = call("predict", tiny_run / "best.pt", images / "noext", f"out={tmp_path / 'out'}")
    assert code == 0 and "1 image with" in out and (tmp_path / "out" / "noext.png").exists(), err


def test_predicting_again_into_a_folder_inside_sees_the_same_images(call, tiny_run, images):
    for _ in range(2):
        code, out, err = call("predict", tiny_run / "best.pt", images, f"out={images / 'out'}")
        assert code == 0 and "2 images with" in out, err


def test_images_are_never_overwritten(call, tiny_run, images):
    before = (images / "more" / "b.jpg").read_bytes()
    code, _, err = call("predict", tiny_run / "best.pt", images, f"out={images}")
    assert code == 2 and "would be overwritten by its drawing" in err
    assert (images / "more" / "b.jpg").read_bytes() == before and not (images / "predictions.json").exists()


def test_a_folder_of_broken_images_alone_is_bad_input(call, tiny_run, tmp_path):
    (tmp_path / "x.png").write_bytes(b"broken")
    code, _, err = call("predict", tiny_run / "best.pt", tmp_path, f"out={tmp_path / 'out'}")
    assert code == 2 and "could be read, 1 tried" in err and "Traceback" not in err


# -- diagnosing -------------------------------------------------------------------------------------------------


def test_diagnosing_prints_tables_and_writes_beside_the_checkpoint(call, tiny_run, tmp_path):
    path = tmp_path / "run" / "best.pt"
    path.parent.mkdir()
    path.write_bytes((tiny_run / "best.pt").read_bytes())
    code, out, err = call("diagnose", path, "images=1")
    assert code == 0, err
    assert "heatmaps, offsets, grouping" in out and "missed at IoU 0.5 and score 0.3" in out and "rectangle" in out
    written = {file.name for file in (path.parent / "diagnosis").iterdir()}
    assert written == {"diagnosis.json", "missed.csv", "worst-01.png"}


# -- an output that takes nothing --------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("tool", ["check_data", pytest.param("evaluate", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("> /dev/full", "No space left on device"),
        *(pytest.param(way, "", marks=pytest.mark.slow) for way in (">&-", "| true")),
    ],
)
def test_what_cannot_be_printed_is_said_and_the_work_is_done(tiny, tiny_run, tmp_path, tool, target, said):
    given = [tiny] if tool == "check_data" else [tiny_run / "best.pt", f"out={tmp_path}"]
    command = [sys.executable, ROOT / "tools" / f"{tool}.py", *given]
    shell = ["bash", "-c", f'set -o pipefail; "$@" {target}', "bash", *map(str, command)]
    done = subprocess.run(shell, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and said in done.stderr and "rror" not in done.stderr, done.stderr
    assert tool == "check_data" or (tmp_path / "predictions.json").exists()


# -- names that a terminal would obey -------------------------------------------------------------------------------


EVIL = "a\x1b[31m\n\u202eb  1  1  0.999  0.999\x9b"


@pytest.fixture(scope="module")
def evil(tiny_run, tmp_path_factory):
    """A checkpoint with such class names, and overrides for a set with such classes and files."""
    folder = tmp_path_factory.mktemp("evil")
    held = checkpoint.load(tiny_run / "last.pt")
    checkpoint.save({**held, "class_names": [EVIL, "b", "c"]}, folder / "evil.pt")
    checkpoint.save({**held, "class_names": [short(EVIL), "b", "c"]}, folder / "good.pt")  # as a training writes it
    for i in range(2):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((50, 70, 3), 40 * i, np.uint8))
        (folder / f"{i}.png").rename(folder / f"{i}\x1b[31m\n\u202e.png")
    (folder / "0\x1b[31m\n\u202e.png").write_bytes(b"broken")
    content = {
        "images": [{"id": i, "file_name": f"{i}\x1b[31m\n\u202e.png", "width": 70, "height": 50} for i in range(2)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0}
            for i in range(2)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate((EVIL, "b", "c"), 1)],
    }
    (folder / "a.json").write_text(json.dumps(content))
    data = ["data.name=coco", f"data.root={folder}", "data.on_error=skip"]
    splits = [f"data.{split}.{key}" for split in ("train", "val") for key in ("images=.", "annotations=a.json")]
    return folder, [*data, *splits]


def test_every_tool_shows_names_of_a_file_as_escapes(evil, tiny, call):
    folder, data = evil
    few = ["train.steps=1", "train.eval_every=1", f"work_dir={folder / 'run'}"]
    calls = {
        "check_data": [tiny, *data], "train": [tiny, *data, *few],
        "evaluate": [folder / "good.pt", *data], "diagnose": [folder / "good.pt", *data, "images=1"],
        "audit": [folder / "good.pt", *data, "least=0.01"],
        "predict": [folder / "evil.pt", folder, f"out={folder / 'out'}"],
        "show_data": [tiny, *data, "images=1", f"out={folder / 'shown'}"],
    }  # fmt: skip
    for tool, arguments in calls.items():
        code, out, err = call(tool, *arguments)
        assert code == 0, (tool, err)
        shown = out + err.replace("\r", "").replace("\x1b[A", "")  # of the bar
        assert not [c for c in shown if c != "\n" and printable(c) != c], tool
        assert r"\x1b[31m" in shown or tool == "show_data", tool
        assert not [line for line in shown.splitlines() if line.startswith(("b  1", "\\u202eb"))], tool
    code, _, err = call("evaluate", folder / "evil.pt", *data)
    assert code == 2 and printable(err) == err.replace("\n", r"\n") and "here and" in err
    assert printable((folder / "diagnosis" / "missed.csv").read_text().replace("\n", "")).isascii()


# -- the other tools --------------------------------------------------------------------------------------------


def test_shapes_are_written_as_a_set_that_can_be_trained_on(call, tmp_path):
    keys = ["data.shapes.size=48", "data.shapes.train_images=3", "data.shapes.val_images=2"]
    code, out, _ = call("make_shapes", tmp_path / "set", *keys)
    assert code == 0 and f"3 and 2 images written to {tmp_path / 'set'}" in out
    content = json.loads((tmp_path / "set" / "annotations" / "train.json").read_text())
    assert len(content["images"]) == 3 and len(list((tmp_path / "set" / "images" / "val").iterdir())) == 2


@pytest.mark.parametrize("tool", TOOLS)
def test_help_names_the_tool_and_every_key(call, tool):
    code, out, err = call(tool, "--help")
    assert code == 0 and not err and out.startswith(f"tools/{tool}.py ") and "for example" in out
    brief = bool(console.command(tool).shown)
    assert ("train.lr" in out) == (tool not in KEYLESS and not brief) and ("--help all prints" in out) == brief
    assert "train.lr" in call(tool, "--help", "all")[1] or tool in KEYLESS


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_is_its_command_and_nothing_else(tool):
    source = (ROOT / "tools" / f"{tool}.py").read_text()
    doc = ast.get_docstring(ast.parse(source))
    assert len(source.splitlines()) <= 25 and f'    run("{tool}")\n' in source
    line = console.command(tool).usage.splitlines()[0]
    assert doc.partition(": ")[0].lower().startswith(console.COMMANDS[tool].partition(" ")[0])
    shown = doc.partition(": ")[2].partition(" ...")[0]
    assert line.startswith(shown), (line, shown)


# -- bad input --------------------------------------------------------------------------------------------------


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.system, (f"touch {self.folder}/executed",)


@pytest.fixture
def files(tiny, tiny_run, tmp_path):
    """Names for the bad files of the table below."""
    held = checkpoint.load(tiny_run / "last.pt")
    checkpoint.save({**held, "model": {}, "averaged": None}, tmp_path / "other.pt")
    torch.save({"w": torch.ones(1)}, tmp_path / "foreign.pt")
    torch.save({"state_dict": Malicious(tmp_path)}, tmp_path / "malicious.pkl", _use_new_zipfile_serialization=False)
    (tmp_path / "broken.pt").write_bytes((tiny_run / "last.pt").read_bytes()[:2000])
    (tmp_path / "notcoco.json").write_text('{"hello": 1}')
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "bad.yaml").write_text("train: {lrr: 1}")
    (tmp_path / "empty").mkdir()
    return {"tiny": tiny, "run": tiny_run, "here": tmp_path}


def on(json_file):
    return f"data.name=coco data.root={{here}} data.val.images=. data.val.annotations={json_file} " + (
        f"data.train.images=. data.train.annotations={json_file}"
    )


BAD = {
    "no argument": ("train", "", r"0 paths given; usage: tools/train.py CONFIG"),
    "flag": ("train", "{tiny} --lr=1", "where an override key=value was expected"),
    "unknown key": ("train", "{tiny} train.lrr=1", "did you mean train.lr?"),
    "unknown key in the file": ("train", "{here}/bad.yaml", "bad.yaml: unknown key train.lrr"),
    "wrong type": ("train", "{tiny} train.steps=many", "train.steps must be a whole number, got many"),
    "missing config": ("train", "none.yaml", "there is no config file"),
    "config is a folder": ("train", "{here}", "there is no config file"),
    "taken folder": ("train", "{tiny} work_dir={run}", "already holds a run"),
    "folder below a file": ("train", "{tiny} train.steps=1 work_dir={tiny}/x", "is a file"),
    "folder is a file": ("train", "{tiny} train.steps=1 work_dir={tiny}", "is a file"),
    "missing json": ("train", "{tiny} work_dir={here}/w " + on("none.json"), "there is no file"),
    "json of another kind": ("train", "{tiny} work_dir={here}/w " + on("notcoco.json"), "is not in COCO format"),
    "not json": ("train", "{tiny} work_dir={here}/w " + on("text.json"), "is not JSON"),
    "impossible size": ("train", "{tiny} data.input_size=[65,64]", "nearest: height 64 or 80, width 64 or 80"),
    "number out of range": (
        "train",
        "{tiny} model.head.tag_dim=0",
        "model.head.tag_dim must be at least 1 and at most 65536, got 0",
    ),
    "image too large": ("train", "{tiny} data.shapes.size=1000000", "must be at least 32 and at most 4096"),
    "loss for another role": ("train", "{tiny} loss.grouping.name=torch.nn.L1Loss", "called as the grouping loss is"),
    "evaluate: number out of range": ("evaluate", "{run}/last.pt test.nms.sigma=0", "test.nms.sigma must be above 0"),
    "unknown loss": ("train", "{tiny} loss.heatmap.name=nag", "did you mean neg?"),
    "wrong argument of a loss": ("train", "{tiny} loss.grouping.args.marge=1", "has no argument 'marge'"),
    "resume from another model": ("train", "{tiny} work_dir={here}/w train.resume={here}/other.pt", "missing"),
    "init from a foreign file": (
        "train",
        "{tiny} work_dir={here}/w train.init={here}/foreign.pt",
        "holds another model than the config describes: 0 of",
    ),
    "evaluate: missing": ("evaluate", "none.pt", "there is no checkpoint none.pt"),
    "evaluate: broken": ("evaluate", "{here}/broken.pt", "is damaged or not a checkpoint"),
    "evaluate: foreign": ("evaluate", "{here}/foreign.pt", "is not a checkpoint of this toolkit"),
    "evaluate: another model": ("evaluate", "{here}/other.pt", "holds another model than the config describes"),
    "evaluate: override changes it": ("evaluate", "{run}/last.pt model.head.channels=4", "of another shape"),
    "evaluate: unknown key": ("evaluate", "{run}/last.pt test.flipp=true", "did you mean test.flip?"),
    "evaluate: missing json": ("evaluate", "{run}/last.pt " + on("none.json"), "there is no file"),
    "evaluate: impossible size": ("evaluate", "{run}/last.pt data.input_size=[9,64]", "nearest: height 16, width"),
    "predict: no image": ("predict", "{run}/last.pt none.png", "there is no image, video or folder none.png"),
    "predict: empty folder": ("predict", "{run}/last.pt {here}/empty", "holds no images"),
    "predict: not an image": ("predict", "{run}/last.pt {here}/text.json out={here}/w", "could be read"),
    "predict: one path": ("predict", "{run}/last.pt", "1 path given; usage: tools/predict.py"),
    "diagnose: missing": ("diagnose", "none.pt", "there is no checkpoint none.pt"),
    "diagnose: images": ("diagnose", "{run}/last.pt images=some", "images must be a whole number of at least 0"),
    "diagnose: unknown key": ("diagnose", "{run}/last.pt image=3", "unknown key image, did you mean images?"),
    "diagnose: missing json": ("diagnose", "{run}/last.pt " + on("none.json"), "there is no file"),
    "diagnose: no path": ("diagnose", "", "0 paths given; usage: tools/diagnose.py"),
    "audit: missing": ("audit", "none.pt", "there is no checkpoint none.pt"),
    "audit: split": ("audit", "{run}/last.pt split=test", "split must be val or train, got 'test'"),
    "audit: least": ("audit", "{run}/last.pt least=2", "least must be a number above 0 and below 1, got '2'"),
    "audit: unknown key": ("audit", "{run}/last.pt leest=0.3", "unknown key leest, did you mean least?"),
    "audit: missing json": ("audit", "{run}/last.pt " + on("none.json"), "there is no file"),
    "convert: missing": ("convert_checkpoint", "none.pkl {here}/out.pt", "there is no checkpoint none.pkl"),
    "convert: foreign": ("convert_checkpoint", "{here}/text.json {here}/out.pt", "damaged or not a checkpoint"),
    "convert: malicious": ("convert_checkpoint", "{here}/malicious.pkl {here}/out.pt", "asks to run code while it is"),
    "evaluate: malicious": ("evaluate", "{here}/malicious.pkl", "asks to run code while it is read, which is refused"),
    "init from a malicious file": ("train", "{tiny} work_dir={here}/w train.init={here}/malicious.pkl", "to run code"),
    "report: one run": ("report", "{run}", "{run} is one run, and two are needed"),
    "report: one and the same": ("report", "{run} {run}/", "are one and the same; two runs can be compared"),
    "report: no run": ("report", "{run} {here}", "has no config.yaml and no predictions.json: expected the folder of"),
    "report: saved": (
        "report",
        "{run} {here} test.flip=true",
        "test.flip=true cannot change detections that are",
    ),
    "convert: taken": ("convert_checkpoint", "{run}/last.pt {here}/other.pt", "exists already"),
    "replay: nothing": ("replay_batch", "{run}", "there is no checkpoint {run}/bad_batch.pt"),
    "replay: no bad batch": ("replay_batch", "{run}/last.pt", "last.pt holds no bad batch; bad_batch.pt does"),
    "replay: broken": ("replay_batch", "{here}/broken.pt", "is damaged or not a checkpoint"),
    "shapes: size": ("make_shapes", "{here}/s data.shapes.size=1", "shapes need a size of at least"),
    "shapes: key": ("make_shapes", "{here}/s data.shapes.seze=48", "did you mean data.shapes.size?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_code_2(call, files, case):
    tool, arguments, message = BAD[case]
    code, out, err = call(tool, *arguments.format(**files).split())
    lines = [line for line in err.splitlines() if not line.startswith(("skipped: ", "predict: ")) and line.strip("\r ")]
    assert code == 2 and not out, (code, err)
    assert len(lines) == 1 and lines[0].startswith("error: ") and message.format(**files) in lines[0], err
    assert "Traceback" not in err and not (files["here"] / "executed").exists()


def test_too_many_bad_steps_end_with_code_1_and_are_replayed(call, tiny, tmp_path):
    wild = [
        "train.optimizer=sgd",
        "train.lr=1000",
        "train.eval_every=0",
        "train.steps=9",
        "train.max_nonfinite_steps=2",
    ]
    code, _, err = call("train", tiny, f"work_dir={tmp_path / 'x'}", *wild)
    assert code == 1 and "error: 2 steps in a row not finite and skipped; at step" in err and "heatmap=" in err
    assert "Traceback" not in err
    code, out, err = call("replay_batch", tmp_path / "x")
    assert code == 0 and re.search("total=(nan|inf)", out), err
    assert "gradients: " in out and "are not finite: network." in out


def test_a_state_that_is_not_saved_ends_with_code_1(call, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "cornernet.checkpoints.checkpoint._keep", lambda path: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    code, _, err = call("train", tiny, f"work_dir={tmp_path / 'x'}", "train.steps=1")
    assert code == 1 and "error: the run came to step 1, but could not save last.pt (No space left)" in err


def test_exit_codes_are_in_the_help(call):
    assert "130, 143, 138 and 129 stopped and saved" in call("train", "--help")[1]


def test_as_a_program_it_is_the_same(tiny, tmp_path):
    command = [sys.executable, ROOT / "tools" / "train.py", tiny, "train.lrr=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "did you mean train.lr?" in done.stderr


def test_make_alone_prints_help():
    done = subprocess.run(["make"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0
    for target in ("help", "install", "demo", "test", "lint", "bench", "clean"):
        assert f"make {target} " in done.stdout


# -- losses ------------------------------------------------------------------------------------------------------


def test_losses_are_listed_and_documented(call, tmp_path, monkeypatch):
    """One curve stands for all, drawn once: that every loss has one is seen by tests/losses/test_catalogue.py."""
    drawn, draw, curve = [], catalogue.draw, catalogue.curves.curve("offset", "smooth_l1")
    monkeypatch.setattr(catalogue, "draw", lambda *what: drawn.append(what[1]) or (drawn[1:] or draw(*what)))
    monkeypatch.setattr(catalogue.curves, "curve", lambda *_: curve)
    code, out, _ = call("list_losses", "offset", "smooth_l1")
    assert code == 0 and out.startswith("offset.smooth_l1") and "beta: float, 1.0" in out
    code, out, _ = call("document_losses", tmp_path / "docs")
    assert code == 0 and "losses written to" in out and (tmp_path / "docs" / "losses.md").stat().st_size > 50_000
    assert len(drawn) == sum(map(len, ROLES.values())) and {path.parent for path in drawn} == {drawn[0].parent}
    assert drawn[0].parent == tmp_path / "docs" / "losses" and drawn[0].stat().st_size > 1000


@pytest.mark.parametrize(
    ("tool", "given", "message"),
    [
        ("list_losses", ["boxes"], "there is no role 'boxes' for a loss"),
        ("list_losses", ["box", "eps=1"], "got 'eps=1', but nothing can be set here; usage: tools/list_losses.py"),
        ("compare_losses", ["{tiny}"], "nothing to compare: give a key a list"),
        ("compare_losses", ["{tiny}", "loss.heatmap.name=[neg,nag]"], "unknown heatmap loss 'nag', did you mean neg?"),
        ("simulate_boxes", ["loss=[cuio]"], "did you mean ciou"),
    ],
)
def test_tools_of_losses_refuse_with_a_sentence(call, tiny, tool, given, message):
    code, _, err = call(tool, *(text.format(tiny=tiny) for text in given))
    assert code == 2 and message in err and "Traceback" not in err
