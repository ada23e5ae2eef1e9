"""Fixtures shared by all tests: the folder of goldens and photographs, and quiet, seeded torch."""

import inspect
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

# oneDNN of torch 2.14 writes beyond the weights' gradient of a 1x1 convolution of fewer than 8 channels with AVX2
# (jit_avx2_1x1_convolution_bwd_weights, channels last), which the networks of tests have; here and in their processes
CPU = Path("/proc/cpuinfo")
if CPU.is_file() and "avx512f" not in CPU.read_text():
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from tests.browsing import browse  # noqa: E402
from tests.driving import driven  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with golden/ and data/; CORNERNET_SHARED names it, beside the checkout is where it is looked for."""
    folder = Path(os.environ.get("CORNERNET_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the reference data; set CORNERNET_SHARED (looked for {folder})")
    return folder


@pytest.fixture(scope="session")
def golden(shared):
    """Golden arrays by file name without its ending; the test is skipped where that file is absent."""

    def load(name: str) -> np.lib.npyio.NpzFile:
        path = shared / "golden" / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"golden {path.name} is not in the reference data")
        return np.load(path)

    return load


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random state."""
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session", autouse=True)
def undrawn():
    """No training draws its curves, which takes longer than its steps; `drawn` has them drawn."""
    from cornernet import drawing

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawing, "curves", lambda folder, *texts: None)
        yield


@pytest.fixture(scope="session")
def drawn():
    """Context in which trainings draw their curves after all."""
    from cornernet import drawing

    @contextmanager
    def drawn():
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(drawing, "curves", drawing.plots.curves)
            yield

    return drawn


@pytest.fixture
def enter(tmp_path, monkeypatch):
    """Function that runs the door of a room anew, as a process would that has tmp_path as its folder of plug-ins."""

    def enter(room):
        before, path = set(sys.modules), [*room.__path__]
        monkeypatch.setenv("CORNERNET_PLUGINS", str(tmp_path))
        monkeypatch.setattr(room, "__path__", path)
        try:
            exec(inspect.getsource(room), {"__name__": room.__name__, "__path__": path, "__file__": room.__file__})
        finally:
            for name in set(sys.modules) - before:
                del sys.modules[name]

    return enter


@pytest.fixture
def one_stream(monkeypatch):
    """All transforms of a sample draw from one stream, one after the other, as before each had its own."""
    from cornernet.data import pipeline, streams

    held = {}
    shared = lambda purpose, *numbers: held.setdefault(numbers, streams.stream("augment", *numbers))  # noqa: E731
    monkeypatch.setattr(pipeline, "stream", shared)


@pytest.fixture
def full_disk(monkeypatch):
    """Context in which the disk is full for files of these names: their bytes go to /dev/full."""
    from cornernet.system import writing

    @contextmanager
    def full(*names):
        temporary = writing._temporary

        def onto_full(path):
            found = temporary(path)
            if path.name in names:
                found.symlink_to("/dev/full")
            return found

        with monkeypatch.context() as patched:
            patched.setattr(writing, "_temporary", onto_full)
            yield

    return full


TINY = """
data:
  name: shapes
  shapes: {size: 64, train_images: 10, val_images: 2, max_objects: 3}
  input_size: [64, 64]
  max_objects: 8
  workers: 0
  transforms: {crop: {border: 16, scales: [0.9, 1.0]}}
model:
  backbone: {stacks: 2, stem_channels: 8, channels: [8, 8, 8], blocks: [1, 1, 1]}
  head: {channels: 8, pool_channels: 8}
loss: {grouping: {args: {chunk_size: 4}}}
train: {steps: 4, batch_size: 4, lr: 1.0e-3, eval_every: 2, log_every: 1, save_every: 3, ema: 0.9, device: cpu}
test: {flip: false, top_k: 20, num_dets: 50, report: false}
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """Config file of a run that takes a second."""
    path = tmp_path_factory.mktemp("configs") / "tiny.yaml"
    path.write_text(TINY)
    return path


TINY_ANCHOR = """
base: tiny.yaml
model:
  detector: anchor
  anchor: {channels: 8, depth: 1, first_level: 2, last_level: 4, side: 5, scales: [1], ratios: [1], assign: atss}
loss: {box: {name: giou}}
"""


@pytest.fixture(scope="session")
def tiny_anchor(tiny) -> Path:
    """The same with anchors."""
    path = tiny.with_name("tiny_anchor.yaml")
    path.write_text(TINY_ANCHOR)
    return path


TINY_LITE = """
base: tiny.yaml
model:
  backbone: {name: efficientnet_lite0, args: {levels: 2}}
  region:
    {name: cpn, class_corners: false, top_k: 10, min_pair: 0.01, args: {pair_channels: 4, class_channels: 8, bins: 3}}
loss: {grouping: {name: none}}
train: {ema: null, optimizer: sgd}  # where the others average, and have adam
"""
TINY_POINTS = """
base: tiny.yaml
model: {detector: points, min_overlap: 0.7, radius_roots: old}
loss: {offset: {name: l1}, size: {name: l1}}
"""
TINY_TRIPLETS = """
base: tiny.yaml
model:
  backbone: {name: squeeze, stride: 8, stacks: 1, channels: [8, 8], blocks: [1, 1]}
  head: {kernel: 1, pooling: cascade, centre: true}
"""
TINY_CENTRIPETAL = """
base: tiny.yaml
model: {pairing: {name: centripetal}}
"""
TINY_SACCADE = """
base: tiny.yaml
data: {transforms: {crop: null, focus: {sizes: [6, 12, 30, 60]}}}
model: {attention: {sizes: [20], least: 6}}
test: {saccade: {sides: [24, 32], zooms: [1, 2], targets: [40, 12], crops: 3}}
"""
TINY_VERIFY = """
base: tiny_anchor.yaml
model: {min_overlap: 0.7, anchor: {verify: true, verify_channels: 8}}
"""
# on an hourglass without a neck, with one, on EfficientNet-Lite0 with its own and a region stage behind corners without
# a class, triplets on CornerNet-Squeeze's backbone, corners that point at centres, anchors whose corners are verified,
# corners with attention maps
SLOW_KINDS = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("triplets", "centripetal", "verify", "saccade")]
KINDS = ("corner", "anchor", "corner_lite0", "points", *SLOW_KINDS)


@pytest.fixture(scope="session")
def kinds(tiny, tiny_anchor) -> dict[str, Path]:
    """Config files of all KINDS, by name."""
    more = {"corner_lite0": TINY_LITE, "points": TINY_POINTS}
    more |= {"triplets": TINY_TRIPLETS, "centripetal": TINY_CENTRIPETAL, "verify": TINY_VERIFY, "saccade": TINY_SACCADE}
    for name, text in more.items():
        tiny.with_name(f"{name}.yaml").write_text(text)
    return {"corner": tiny, "anchor": tiny_anchor, **{name: tiny.with_name(f"{name}.yaml") for name in more}}


@pytest.fixture(scope="session", params=KINDS)
def any_tiny(request, kinds) -> Path:
    """Each of these in turn."""
    return kinds[request.param]


@pytest.fixture(scope="session")
def tiny_run(tiny, tmp_path_factory, drawn) -> Path:
    """Folder of a finished run of `tiny`; to be read, not written."""
    from cornernet import config
    from cornernet.training import engine

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    with drawn():
        engine.train(config.load(tiny, [f"work_dir={folder}"]), "tiny")
    return folder


SMALL = ["model.backbone.stacks=1", "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]"]
ONE_LEVEL = ["model.anchor.last_level=2", "model.anchor.depth=1"]


DETECTORS = ["corner", "anchor", pytest.param("points", marks=pytest.mark.slow)]  # every one there is


@pytest.fixture(scope="session")
def exports(kinds, tmp_path_factory) -> dict[str, Path]:
    """Folders by detector: best.pt of random weights, scores apart, best.onnx and, on 6 images, best.int8.onnx.

    Each is made when it is first asked for.
    """

    class Exports(dict):
        def __missing__(self, name):
            self[name] = export_tiny(kinds[name], tmp_path_factory.mktemp(name))
            return self[name]

    return Exports()


def spread(detector: torch.nn.Module) -> None:
    """Random weights of the heads so large that scores are apart, and boxes of a detector of points that have sides."""
    for name, module in detector.named_modules():
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None and "fpn" not in name:
            torch.nn.init.normal_(module.weight, std=2 * module.weight[0].numel() ** -0.5)
            if name.endswith(".size.2"):
                torch.nn.init.constant_(module.bias, 4)


SHAPES = ("ellipse", "rectangle", "triangle")


def untrained(path: Path, source: Path, overrides=(), names=SHAPES, ids=(1, 2, 3)) -> Path:
    """Write a checkpoint of random weights with which scores are apart, of a config file and overrides -> its path."""
    from cornernet import config, detectors
    from cornernet.checkpoints import checkpoint

    torch.manual_seed(7)
    settings = config.load(source, list(overrides))
    detector = detectors.build(settings, len(names))
    spread(detector)
    held = {"model": detector.state_dict(), "config": config.to_dict(settings), "step": 5}
    checkpoint.save(held | {"class_names": list(names), "category_ids": list(ids)}, path)
    return path


def export_tiny(source: Path, folder: Path) -> Path:
    """Config file -> the folder, with what `exports` says in it."""
    from cornernet.export import export
    from cornernet.export.int8 import calibration
    from cornernet.prediction import FixedCanvas

    decoding = ["test.ae_threshold=99", "test.top_k=60", "test.draw_score=0.05"]
    path = untrained(folder / "best.pt", source, [*SMALL, *ONE_LEVEL, *decoding])
    detector, settings, held, changed = export.traceable(path, [])
    canvas = FixedCanvas((64, 64))
    program = export.trace(export.Graph(detector, bool(settings.test.saccade.sides)), canvas, None)
    for how in ({"precision": "fp32"}, {"precision": "int8", "calibrate": 6}):
        wanted = export.plan(path, **how)
        about = export.metadata(settings, held, canvas, wanted, changed, path.name)
        images = calibration(settings.data, (64, 64), 6, 1) if wanted.calibrate else []
        export.write(program, wanted.out, about, images)
    return folder


@pytest.fixture
def browser():
    """Function (page, *options) that opens a file in chromium."""
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium on the PATH")
    return browse


@pytest.fixture(scope="session")
def driver():
    """Chromium that opens a page, presses keys and tells what the page said."""
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium on the PATH")
    with driven() as found:
        yield found
