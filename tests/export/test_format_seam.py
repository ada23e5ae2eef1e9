"""An export format is one file: found by its name and by its dotted path, written, opened and compared."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cornernet import graphs
from cornernet.cli import export as command
from cornernet.export import export
from cornernet.prediction import Predictor
from tests.conftest import SMALL, untrained

FILE = '''"""A program of torch.export that says of itself to be safe."""

import json

import torch

SUFFIX = ".toy"
SAFE = True


def write(program, path, about):
    torch.export.save(program, path, extra_files={"about": json.dumps(about)})


def open(path):
    held = {"about": ""}
    run = torch.export.load(path, extra_files=held).module()
    return run, json.loads(held["about"])
'''


@pytest.fixture(scope="module")
def best(tiny_anchor, tmp_path_factory):
    """An untrained checkpoint of an anchor detector, small enough to be traced in a second."""
    path = tmp_path_factory.mktemp("best") / "best.pt"
    return untrained(path, tiny_anchor, [*SMALL, "model.anchor.last_level=2", "test.nms.min_score=0"])


def test_one_file_writes_by_its_dotted_path(best, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "toy.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    said = command.text(export.export(best, [], format="own.toy", out=tmp_path / "a.toy"))
    assert f"{tmp_path / 'a.toy'}: " in said and "share all but 0; largest difference 0.0e+00 pixels" in said
    with pytest.raises(ValueError, match=r"out must end in \.toy for format=own\.toy, got a\.onnx"):
        export.plan(best, "own.toy", Path("a.onnx"))
    with pytest.raises(ValueError, match=r"precision=int8 needs format=onnx, got format=own\.toy"):
        export.plan(best, "own.toy", precision="int8")
    with pytest.raises(ValueError, match="not a checkpoint"):  # no one has said that such files are safe to open
        Predictor.load(tmp_path / "a.toy")


def test_one_file_goes_in_place_of_a_checkpoint_and_nothing_else_is_touched(best, tmp_path):
    (tmp_path / "mine" / "graphs").mkdir(parents=True)
    (tmp_path / "mine" / "graphs" / "toy.py").write_text(FILE, encoding="utf-8")
    code = (
        "import sys\nfrom cornernet.export.export import export\nfrom cornernet.evaluation import evaluate_checkpoint\n"
        "from cornernet.cli.export import text\nbest, toy = sys.argv[1:]\n"
        "print(text(export(best, format='toy', out=__import__('pathlib').Path(toy))))\n"
        "for path in (best, toy): evaluate_checkpoint(path)\n"
        "from cornernet.checkpoints.checkpoint import load\n"
        "try: load(toy)\nexcept ValueError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(best), str(tmp_path / "a.toy")],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, _, refused = done.stdout.splitlines()
    assert f"{tmp_path / 'a.toy'}: " in said and "share all but 0;" in done.stdout
    assert refused.endswith("a.toy is an exported file, which is not enough here: give the checkpoint it was made from")
    rows = [json.loads((folder / "evaluation/predictions.json").read_text()) for folder in (best.parent, tmp_path)]
    first, second = ([row["score"] for row in each] for each in rows)
    assert first == pytest.approx(second, abs=1e-5) and len(first) > 10


def test_what_a_format_lacks_is_named(tmp_path, monkeypatch):
    assert (
        list(graphs.FORMATS) == ["onnx", "openvino", "torch"]
        and graphs.of_file("best.int8.onnx") is graphs.FORMATS["onnx"]
    )
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "done.py").write_text("SUFFIX = '.x'\nNEEDS = ('sys', 'no_such_package')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"export format half\.done must declare write, open, see cornernet/graphs/"):
        export.plan("best.pt", "half.done")
    half = importlib.import_module("half.done")
    half.write, half.open, half.INSTALL = print, print, "pip install no_such_package"
    with pytest.raises(ValueError, match=r"format=half\.done needs no_such_package: pip install no_such_package"):
        export.plan("best.pt", "half.done")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SUFFIX = '.x'", "export format odd must declare write, open"),
        (FILE.replace(".toy", ".onnx"), "has the ending"),
    ],
)
def test_a_plugin_that_is_no_format_is_named(tmp_path, enter, text, message):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "odd.py").write_text(text)
    with pytest.raises(ImportError, match=message):
        enter(graphs)
