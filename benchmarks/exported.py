"""The stage on exported files: Hourglass-104 in int8 beside float32. Minutes and 10 GB, so it runs only if named."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import Given, Stage
from benchmarks.tensors import CLASSES
from cornernet import config, detectors
from cornernet.config import Config
from cornernet.export import export
from cornernet.graphs.onnx import quantise, session
from cornernet.prediction import FixedCanvas

CALIBRATED_ON = 2  # images of noise: how long a file takes does not depend on its scales


def int8(given: Given, overrides: Sequence[str] = ()) -> Stage:
    """A batch of one from pixels to decoded rows under onnxruntime; the reference is the float32 file.

    overrides: of the published config, for a smaller network.
    """
    settings = config.load(given.config, overrides)
    height, width = settings.data.input_size
    images = np.random.default_rng(0).integers(0, 256, (CALIBRATED_ON, 1, 3, height, width), np.uint8)
    plain, coarse = given.folder / "float32.onnx", given.folder / "int8.onnx"
    write(settings, plain)
    shutil.copy(plain, coarse)
    quantise(coarse, images)
    runs = {path: session(path) for path in (coarse, plain)}
    ours, reference = (lambda path=path: runs[path].run(None, {"images": images[0]}) for path in runs)
    sizes = " against ".join(f"{path.stat().st_size / 1e6:.0f} MB" for path in runs)
    work = f"exported file, Hourglass-104, {height} pixels, int8 against float32 under onnxruntime"
    return Stage(work, {"": ours}, reference, None, (f"the int8 file has {sizes}",))


def write(settings: Config, path: Path) -> None:
    """Write a detector of random weights as a float32 file for any batch."""
    detector = detectors.build(settings, CLASSES).eval().requires_grad_(False)
    export.write(export.trace(export.Graph(detector), FixedCanvas(settings.data.input_size), None), path, {})
