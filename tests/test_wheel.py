"""The wheel where there is no checkout: what it holds, and that its command trains, scores, predicts and exports."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest

import cornernet

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "cornernet", "configs")
TINY = [
    "data.shapes.size=64", "data.shapes.train_images=8", "data.shapes.val_images=2", "data.input_size=[64,64]",
    "data.transforms.crop.border=16", "data.workers=0", "model.backbone.stacks=1", "model.backbone.stem_channels=8",
    "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]", "model.head.channels=8",
    "model.head.pool_channels=8", "train.batch_size=2", "train.device=cpu", "test.report=false",
]  # fmt: skip


def pip(*arguments, cwd):
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing of an earlier build gets in."""
    if importlib.util.find_spec("setuptools") is None or int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("building without the internet needs setuptools >= 77")
    if importlib.util.find_spec("pip") is None:
        pytest.skip("building needs pip")
    folder = tmp_path_factory.mktemp("built")
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder / "dist", ".", cwd=folder)
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Function that runs the installed command in a folder of its own -> what it printed; and that folder."""
    site, here = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    pip("install", "--target", site, wheel, cwd=here)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*command):
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, cwd=here, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder, run.command = here, [sys.executable, site / "bin" / "cornernet"]
    where = run(sys.executable, "-c", "import cornernet; print(cornernet.__file__)")
    assert Path(where.strip()) == site / "cornernet" / "__init__.py"
    return run


def test_it_holds_configs_types_the_command_and_the_version(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (entries,) = [file.read(name).decode() for name in names if name.endswith("entry_points.txt")]
        (about,) = [file.read(name).decode() for name in names if name.endswith("METADATA")]
    assert {f"cornernet/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")} <= names
    assert "cornernet/py.typed" in names and "cornernet = cornernet.cli:main" in entries
    assert f"\nVersion: {cornernet.__version__}\n" in about and wheel.name.startswith(
        f"cornernet-{cornernet.__version__}-"
    )
    assert {name.split("/")[0] for name in names} == {"cornernet", f"cornernet-{cornernet.__version__}.dist-info"}
    assert "Requires-Dist: Pillow" in about and "Requires-Dist: PyYAML" in about


LAST = "runs/shapes/last.pt"
COMMANDS = f"""import sys, cornernet.cli
for line in ("evaluate {LAST}", "predict {LAST} a.png out=found", "export {LAST} format=torch batch=1"):
    sys.argv = ["cornernet", *line.split()]
    cornernet.cli.main()
"""  # in one process, since the import of torch is most of what they take


@pytest.mark.slow
def test_it_trains_scores_predicts_and_exports(installed):
    run, here = installed, installed.folder
    assert "AP50" in run(*installed.command, "train", "shapes", "train.steps=3", *TINY)
    cv2.imwrite(str(here / "a.png"), np.full((50, 60, 3), 90, np.uint8))
    said = run(sys.executable, "-c", COMMANDS)
    assert all(text in said for text in ("2 images", "1 image with", "rows of boxes, scores, labels")), said
    assert len(json.loads((here / "found" / "predictions.json").read_text())["images"]) == 1
    assert (here / LAST).with_suffix(".pt2").stat().st_size > 1000
