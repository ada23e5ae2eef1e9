"""Exported files against PyTorch, for both detectors and formats: rows, metadata, the example, and what is refused."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cornernet import Predictor, __version__, config, detectors, graphs
from cornernet.checkpoints.load import load_detector
from cornernet.cli import export as command
from cornernet.cli.keys import read
from cornernet.data.images import read_image
from cornernet.export import check, export
from cornernet.prediction import FixedCanvas, fit, inference
from cornernet.prediction.exported import difference
from tests.conftest import DETECTORS, KINDS, SMALL, untrained

pytest.importorskip("onnxscript", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"
EXAMPLE = PAGE.with_name("onnx_example.py")
NAMES = ["ellipse", "été", "triangle"]
SIZE = (48, 80)
KEYS = ["data.longest_side=80", "test.num_dets=40", "test.top_k=60", "test.ae_threshold=9"]
FORMATS = ["onnx", "torch"]
ONE_LEVEL = ["model.anchor.last_level=2", "model.anchor.depth=0"]


@pytest.fixture(scope="module")
def checkpoints(kinds, tmp_path_factory):
    """Checkpoints of untrained detectors, by name."""
    folder = tmp_path_factory.mktemp("export")
    keys = [*SMALL, *ONE_LEVEL, "test.saccade.sides=[]"]  # glances and looks have a size: test_saccade_export.py
    return {x: untrained(folder / f"{x}.pt", path, keys, NAMES, (3, 7, 9)) for x, path in kinds.items()}


@pytest.fixture(scope="module")
def files(checkpoints):
    """Files for any batch, traced when they are first asked for: (detector, format) -> path."""
    made = {}

    def file(name, kind):
        if name not in made:
            detector, settings, held, changed = export.traceable(checkpoints[name], KEYS)
            made[name] = export.trace(export.Graph(detector), FixedCanvas(SIZE), None)
            about = export.metadata(settings, held, FixedCanvas(SIZE), export.plan("best.pt"), changed, "best.pt")
            for suffix in (".onnx", ".pt2"):
                export.write(made[name], checkpoints[name].with_suffix(suffix), about)
        return checkpoints[name].with_suffix(".onnx" if kind == "onnx" else ".pt2")

    return file


def runner(path):
    return graphs.of_file(path).open(path)[0]


def read_metadata(path):
    return graphs.of_file(path).open(path)[1]


def exported(path, *settings):
    """What the command says of its export."""
    own, overrides = read(settings, command.KEYS)
    return command.text(export.export(path, overrides, **own))


def expected(path, images, overrides=tuple(KEYS)):
    with torch.no_grad():
        return export.Graph(load_detector(path, list(overrides))[0])(images)


def noise(count, size=SIZE):
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))


# -- equal to PyTorch ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", KINDS)
def test_one_file_takes_any_batch_and_answers_as_pytorch_does(files, checkpoints, name, kind):
    run = runner(files(name, kind))
    for count in (1, 2, 3):
        images = noise(count)
        found = run(images)
        rows = 60 if name == "points" else 40  # of which test.num_dets keeps none back
        assert [list(x.shape) for x in found] == [[count, rows, 4], [count, rows], [count, rows]]
        assert [x.dtype for x in found] == [torch.float32, torch.float32, torch.int64]
        apart = difference(found, expected(checkpoints[name], images))
        fewest = 1 if name in ("triplets", "centripetal") else 10  # few pairs of corners pass their tests
        assert apart.rows > fewest and apart.lost == 0 and max(apart.boxes, apart.scores) <= 1e-4, apart


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("photographs", ["coco_mini/images/*/*.jpg", "bccd/images/*"])
def test_photographs(files, checkpoints, shared, name, photographs):
    run = runner(files(name, "onnx"))
    paths = sorted((shared / "data").glob(photographs))[:12]
    fitted = [fit(FixedCanvas(SIZE), read_image(path), longest_side=80).canvas for path in paths]
    images = torch.from_numpy(np.stack(fitted)).permute(0, 3, 1, 2).contiguous()
    apart = difference(run(images), expected(checkpoints[name], images))
    assert len(paths) == 12 and apart.rows > 400 and max(apart.boxes, apart.scores) <= 1e-4, apart
    # Padding makes plateaus, in which an untrained network's maxima stand out by no more than rounding.
    assert apart.lost <= apart.rows / 100, apart


def test_a_fixed_batch(checkpoints, tmp_path):
    out = tmp_path / "new" / "two.pt2"
    said = exported(checkpoints["anchor"], "format=torch", "batch=2", f"out={out}")
    assert (
        f"{out}: " in said
        and "[2, 3, 64, 64] (larger images are shrunk into it) BGR -> 20 rows of boxes, scores, labels each" in said
    )
    assert "run on 2 images of noise: " in said and "share all but 0;" in said and read_metadata(out)["batch"] == 2
    images = noise(2, (64, 64))
    assert difference(runner(out)(images), expected(checkpoints["anchor"], images, ())).lost == 0
    with pytest.raises(Exception, match="2"):
        runner(out)(noise(3, (64, 64)))
    assert [path.name for path in out.parent.iterdir()] == ["two.pt2"]


@pytest.mark.slow
def test_onnx_stands_beside_the_checkpoint_and_is_run_on_the_image(checkpoints, tmp_path):
    path = tmp_path / "best.pt"
    path.write_bytes(checkpoints["anchor"].read_bytes())
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(1).integers(0, 255, (90, 70, 3), np.uint8))
    said = exported(path, "batch=1", f"image={tmp_path / 'a.png'}")
    assert str(tmp_path / "best.onnx") in said and f"run on {tmp_path / 'a.png'}: " in said and "noise" not in said
    with pytest.raises(Exception, match="1"):
        runner(tmp_path / "best.onnx")(noise(2, (64, 64)))


# -- metadata -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", DETECTORS)
def test_metadata_come_back_as_they_were(files, name, kind):
    about = read_metadata(files(name, kind))
    assert about["names"] == NAMES and about["category_ids"] == [3, 7, 9] and about["step"] == 5
    assert about["toolkit"] == f"cornernet {__version__}" and about["detector"] == name
    assert about["input_size"] == [48, 80] and about["batch"] == "dynamic" and about["longest_side"] == 80
    data = detectors.with_colours(config.Config()).data
    assert about["mean"] == list(data.mean) and about["std"] == list(data.std)
    assert about["test"]["top_k"] == 60 and about["test"]["nms"]["name"] == "soft_gaussian" and about["changed"] == []


@pytest.mark.parametrize("source", ["tiny", "tiny_anchor"])
def test_an_assignment_on_the_cpu_gives_way_to_one_in_the_graph(request, source, tmp_path, caplog):
    path = untrained(tmp_path / "best.pt", request.getfixturevalue(source), ["test.grouping=hungarian"])
    with caplog.at_level("INFO", "cornernet"):
        _, settings, _, changed = export.traceable(path, ["test.top_k=6"])
    corner = source == "tiny"
    assert changed == (["test.grouping=sinkhorn"] if corner else [])
    assert settings.test.grouping == ("sinkhorn" if corner else "hungarian") and settings.test.top_k == 6
    assert ("test.grouping=sinkhorn in place of" in caplog.text) == corner
    if corner:
        with pytest.raises(ValueError, match=r"=hungarian cannot be part of a graph; test\.grouping=sinkhorn can"):
            export.traceable(path, ["test.grouping=hungarian"])


def test_a_file_computes_in_the_precision_it_is_written_in(tiny, tmp_path):
    path = untrained(tmp_path / "best.pt", tiny, ["test.precision=bf16"])
    _, settings, _, changed = export.traceable(path, [])
    assert settings.test.precision == "fp32" and changed == []
    with pytest.raises(ValueError, match=r"test\.precision=auto is of checkpoints; a file computes as it is written"):
        export.traceable(path, ["test.precision=auto"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_sinkhorn_in_the_graph(tiny, tmp_path, kind):
    path = untrained(tmp_path / "best.pt", tiny, [*SMALL, "test.grouping=hungarian"])
    said = exported(path, f"format={kind}", "test.ae_threshold=9", "test.top_k=60")
    assert "share all but 0;" in said and " 0 rows" not in said
    assert read_metadata(tmp_path / f"best.{'onnx' if kind == 'onnx' else 'pt2'}")["changed"] == [
        "test.grouping=sinkhorn"
    ]


# -- without the toolkit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height", [60, 200])  # shrinks to 80 pixels of width, to 48 of height
@pytest.mark.parametrize("name", DETECTORS)
def test_the_example_needs_neither_torch_nor_the_toolkit(files, checkpoints, tmp_path, name, height):
    image = np.random.default_rng(0).integers(0, 255, (height, 100, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    code = "import runpy, sys\nsys.modules.update(torch=None, cornernet=None)\nrunpy.run_path(sys.argv.pop(1))"
    command = [sys.executable, "-c", code, EXAMPLE, files(name, "onnx"), tmp_path / "a.png", tmp_path / "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.rsplit(maxsplit=5) for line in done.stdout.splitlines()]
    assert rows[0][0] in NAMES and cv2.imread(str(tmp_path / "out.png")).shape == image.shape

    keys = [*KEYS, "test.nms.name=hard"]
    predictor = Predictor.load(checkpoints[name], device="cpu", overrides=keys)
    predictor.detector.fit_size = FixedCanvas(SIZE).fit_size
    found = inference.detect(predictor.detector, [image], **inference.settings(predictor.settings))[0]
    assert len(found.scores) == len(rows) > 5
    for box, score, label, row in zip(*found, rows, strict=True):
        assert row[0] == NAMES[label] and abs(float(row[1]) - score) < 2e-4
        assert np.allclose([float(x) for x in row[2:]], box, atol=0.02)


def test_the_example_is_short():
    code = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(code) <= 50 and not any("torch" in line or "cornernet" in line for line in code[1:])


@pytest.mark.parametrize("shape", [(48, 80), (30, 200), (400, 100), (1, 500), (20, 20)])
def test_a_image_is_fitted_as_for_prediction_where_it_has_room(checkpoints, shape):
    detector, settings, _ = load_detector(checkpoints["corner"], ["data.longest_side=80"])
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    mine = fit(FixedCanvas(SIZE), image, longest_side=80)
    assert mine.canvas.shape == (*SIZE, 3)
    usual = fit(detector, image, longest_side=settings.data.longest_side)
    if usual.canvas.shape == mine.canvas.shape:
        assert (usual.canvas == mine.canvas).all() and usual[1:] == mine[1:]
    box = np.array([0, 0, shape[1], shape[0]]) * (mine.factor * 2) + (mine.pad * 2)
    assert (box >= 0).all() and (box <= [80, 48] * 2).all()
    assert max(box[2] - box[0], box[3] - box[1]) == 80 or box[3] - box[1] == 48


# -- the page -----------------------------------------------------------------------------------------------------


def test_the_commands_of_the_page_are_right(monkeypatch):
    monkeypatch.setattr(graphs, "missing", lambda form, packages: [])
    commands = re.findall(r"^tools/export\.py (\S+)(.*?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 15
    for path, rest in commands:
        own, overrides = read(rest.split(), command.KEYS)
        export.plan(path, **own)
        config.override(config.Config(), overrides)


def test_the_program_of_the_page_runs(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.pt2").write_bytes(files("anchor", "torch").read_bytes())
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {"images": noise(2)}
    exec(code, names)
    assert names["boxes"].shape == (2, 40, 4) and json.loads(names["about"]["metadata.json"])["names"] == NAMES


def test_the_page_tells_of_all_metadata(files):
    table = PAGE.read_text().partition("## Metadata")[2].partition("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(read_metadata(files("corner", "onnx")))


# -- the comparison -----------------------------------------------------------------------------------------------

BOXES = torch.tensor([[[0.0, 0, 9, 9], [1, 1, 5, 5], [0, 0, 0, 0]]])
ROWS = BOXES, torch.tensor([[0.9, 0.5, -1.0]]), torch.tensor([[1, 0, 2]])


def test_equal_answers_do_not_differ_in_whatever_order():
    assert difference(ROWS, ROWS) == (2, 0, 0, 0)
    turned = tuple(x.flip(1) for x in ROWS)
    assert difference(turned, ROWS) == (2, 0, 0, 0)


def test_differences_are_found():
    boxes = BOXES.clone()
    boxes[0, 1, 2] += 0.001
    assert difference((boxes, *ROWS[1:]), ROWS) == pytest.approx((2, 0.001, 0, 0), rel=1e-3)
    scores = torch.tensor([[0.9, 0.502, -1.0]])
    assert difference((BOXES, scores, ROWS[2]), ROWS) == pytest.approx((2, 0, 0.002, 0), rel=1e-3)
    assert difference((BOXES, ROWS[1], torch.tensor([[1, 1, 2]])), ROWS).lost == 2  # each has one the other has not
    assert difference((BOXES + 1, *ROWS[1:]), ROWS).lost == 4
    none = (BOXES, torch.full((1, 3), -1.0), ROWS[2])
    assert difference(none, ROWS).lost == 2 and difference(none, none) == (0, 0, 0, 0)


def test_only_a_row_that_had_no_room_may_be_missing():
    boxes, scores, labels = (x[:, :2] for x in ROWS)
    other = boxes.clone()
    other[0, 1] += 50
    assert difference((other, scores, labels), (boxes, scores, labels)).lost == 0  # the last of all: a tie at the cut
    other[0, 0] += 50
    assert difference((other, scores, labels), (boxes, scores, labels)).lost == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((BOXES + 0.005, *ROWS[1:]), "2 rows, of which PyTorch's answer and the file's share all but 0; largest diff"),
        ((BOXES + 0.005, *ROWS[1:]), "difference 5.0e-03 pixels, 0.0e+00 score"),
        ((BOXES, ROWS[1], ROWS[2] + 1), "2 rows, of which PyTorch's answer and the file's share all but 4; "),
        (ROWS, "share all but 0; largest difference 0.0e+00 pixels, 0.0e+00 score"),
    ],
)
def test_an_answer_that_differs_is_reported(monkeypatch, caplog, answer, said):
    monkeypatch.setattr(graphs.FORMATS["torch"], "open", lambda path: (lambda images: answer, {}))
    text = command._exact(check.check(export.plan("best.pt", "torch"), lambda images: ROWS, [noise(1)], [], 0.3), None)
    assert text.startswith("run on 1 image of noise: 2 rows") and said in text
    assert ("the file's answer is not PyTorch's" in caplog.text) == (answer is not ROWS)


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["format=tensorrt"],
            "unknown export format 'tensorrt'. Choose from onnx, openvino, torch, or give the dotted path",
        ),
        (
            ["formatt=onnx"],
            "unknown key formatt, did you mean format? the command takes format, out, batch, size, image",
        ),
        (["test.topk=3"], "did you mean test.top_k"),
        (["batch=0"], "batch must be dynamic or a number of images from 1 up, got '0'"),
        (["batch=many"], "batch must be dynamic"),
        (["size=64"], "size must be dynamic or height,width such as 288,384, got '64'"),
        (["size=65,64"], "size 65,64 does not suit this network; nearest: height 64 or 72, width 64"),
        (["size=[0,90]"], "nearest: height 8, width 88 or 96"),
        (["out=model.pt"], "out must end in .onnx for format=onnx, got model.pt"),
        (["format=torch", "out=model.onnx"], "out must end in .pt2 for format=torch"),
        (["test.top_k=0"], "test.top_k must be at least 1"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(checkpoints, overrides, message):
    with pytest.raises(ValueError) as caught:
        exported(checkpoints["corner"], *overrides)
    assert message in str(caught.value)
    assert not list(checkpoints["corner"].parent.glob(".*part*"))


def test_missing_files_are_named(checkpoints, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint none\.pt"):
        export.export("none.pt")
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        exported(checkpoints["corner"], "image=none.png", f"out={tmp_path / 'a.onnx'}")
    assert not (tmp_path / "a.onnx").exists()  # said before anything is exported


def test_without_the_extra_a_sentence_says_how_to_get_it(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    wanted = export.plan(checkpoints["corner"])
    assert check.check(wanted, None, [noise(1)], [], 0.3) is None
    said = command.text(export.Exported(wanted, FixedCanvas((64, 64)), 9, 10**6, 1.0, None))
    assert said.endswith("\nnot run, for want of onnxruntime: pip install onnx onnxscript onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ValueError, match=r"^format=onnx needs onnxscript: pip install onnx onnxscript onnxruntime$"):
        export.plan("best.pt")
    assert export.plan("best.pt", "torch").out == Path("best.pt2")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.pt2").write_text("old")

    def fail(program, path, about):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(graphs.FORMATS["torch"], "write", fail)
    with pytest.raises(OSError, match="disk full"):
        export.write(None, tmp_path / "a.pt2", {})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.pt2": "old"}
