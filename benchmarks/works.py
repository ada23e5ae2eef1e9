"""Whole commands in several ways, ours and those of peers: image to boxes, training, evaluation, a cold start."""

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import cv2
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import peers
from benchmarks.files import write_image
from benchmarks.large_set import write
from benchmarks.peers import Peer, command
from cornernet.config import Config
from cornernet.data import build_source
from cornernet.data.loader import train_loader
from cornernet.detectors import Predicting
from cornernet.evaluation.evaluate import evaluate
from cornernet.export.export import export
from cornernet.graphs.onnx import open as opened
from cornernet.precision import HALF, resolve_precision
from cornernet.prediction import FixedCanvas, Predictor, inference
from cornernet.prediction.canvas import fit
from cornernet.prediction.exported_detector import ExportedDetector
from cornernet.profiling.reality import COPIED, bare_convolution, bare_copy
from cornernet.profiling.roofline import Machine, costs, times
from cornernet.profiling.training_step import PARTS, forward, made, one_step
from cornernet.structures import Batch

CPU, TRAINED, CALIBRATED = torch.device("cpu"), 64, 8  # images of a training, and those that int8 is calibrated on
OURS = {"PyTorch fp32": "fp32"}
if resolve_precision("auto", True) == "bf16":  # without it in hardware it takes many times as long
    OURS["PyTorch bf16"] = "bf16"
WAYS = (*OURS, "ONNX fp32", "OpenVINO fp32", "ONNX int8", *peers.NETWORKS, "import torch")  # of some work or other


class Given(NamedTuple):
    """What the works are made of."""

    checkpoint: Path
    folder: Path  # temporary
    predictor: Predictor  # of the checkpoint, on generated images
    images: int  # of an evaluation
    commands: tuple[str, ...] = ()  # of peers


class Work(NamedTuple):
    """One work in several ways; the first is what the others are held against."""

    images: int  # that one call deals with
    ways: dict[str, Callable[[], Any]]
    least: Mapping[str, float] = MappingProxyType({})  # seconds of a call by the roofline, where it is known


def given(checkpoint: str, overrides: list[str], folder: Path, images: int, commands: tuple[str, ...] = ()) -> Given:
    """Checkpoint and overrides -> what the works are made of, with a generated set in the folder."""
    names = Predictor.load(checkpoint, "cpu").class_names
    data = write(folder, max(images, TRAINED), dict(enumerate(names, 1)))
    predictor = Predictor.load(checkpoint, "cpu", [*overrides, *data, f"data.val.limit={images}", "data.workers=0"])
    return Given(Path(checkpoint), folder, predictor, images, commands)


def predicting(given: Given) -> Work:
    """One image of 640 x 480 from its array to boxes."""
    image = cv2.imread(str(write_image(given.folder / "image.jpg")))
    ways = {name: lambda one=one, how=how: inference.detect(one, [image], **how) for name, one, how in _ways(given)}
    return Work(1, ways, _bounds(given, image))


def evaluating(given: Given) -> Work:
    """Images of the validation set to the figures of COCO, from files."""
    settings = given.predictor.settings
    source = build_source(settings.data, "val", given.predictor.category_ids, given.predictor.class_names, typed=True)
    ways = {
        name: lambda one=one, how=how: evaluate(one, source, progress=False, **how) for name, one, how in _ways(given)
    }
    return Work(given.images, ways)


def training(given: Given) -> Work:
    """A step with the loader in the same process, transforms included."""
    settings, classes = given.predictor.settings, len(given.predictor.class_names)
    batches = _batches(settings)
    ways: dict[str, Callable[[], Any]] = {}
    for name, precision in OURS.items():
        own = _with_train(settings, precision=precision)
        detector, optimizer, _ = made(own, classes, 1, CPU)
        taken: dict[str, list[float]] = {part: [] for part in PARTS}
        ways[name] = lambda own=own, d=detector, o=optimizer, t=taken: one_step(d, o, next(batches), own, t)
    for name in peers.NETWORKS:
        peer = Peer(name, tuple(settings.data.input_size), classes).train()
        sgd = torch.optim.SGD(peer.parameters(), 1e-4, momentum=0.9)
        ways[name] = lambda peer=peer, sgd=sgd: _step(peer, sgd, next(batches), settings)
    least = {}
    for name, precision in OURS.items():
        own = _with_train(settings, precision=precision, accumulate=1)
        least[name] = times(costs(own, 1), _machine(precision)).roofline
    return Work(settings.train.batch_size, ways, least)


def cold(given: Given) -> Work:
    """A process that predicts one image, beside the start of one that imports torch alone."""
    image, python = str(write_image(given.folder / "cold.jpg")), [sys.executable, "-W", "ignore"]
    out = [f"out={given.folder / 'found'}"]
    ways = {"import torch": command([*python, "-c", "import torch"])}
    for name, file in {"PyTorch fp32": given.checkpoint, **_exported(given)}.items():
        ways[name] = command([*python, "-m", "cornernet", "predict", str(file), image, *out])
    return Work(1, ways | {text: command(text) for text in given.commands})


WORKS: dict[str, Callable[[Given], Work]] = {
    "predict": predicting, "train": training, "evaluate": evaluating, "cold": cold,
}  # fmt: skip


def _ways(given: Given) -> Iterator[tuple[str, Predicting, dict[str, Any]]]:
    """Name, detector and how it predicts: ours, exported files and peers, without flip."""
    settings, how = given.predictor.settings, inference.settings(given.predictor.settings) | {"flip": False}
    for name, precision in OURS.items():
        yield name, given.predictor.detector, how | {"precision": precision}
    how["precision"] = "fp32"
    for name, file in _exported(given).items():
        yield name, Predictor.load(file, overrides=["test.flip=false"]).detector, how
        if name == "ONNX fp32" and importlib.util.find_spec("openvino"):
            yield "OpenVINO fp32", _openvino(file), how
    bare = how | {"nms": replace(settings.test.nms, name="none")}
    for name in peers.NETWORKS:
        peer = Peer(name, tuple(settings.data.input_size), len(given.predictor.class_names)).eval()
        yield name, peer, bare


def _exported(given: Given) -> dict[str, Path]:
    """The checkpoint as .onnx in both precisions, written where they are not there yet; none without the extra."""
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        return {}
    files = {f"ONNX {precision}": given.folder / f"{precision}.onnx" for precision in ("fp32", "int8")}
    places = [f"data.train.{key}={value}" for key, value in vars(given.predictor.settings.data.train).items()
              if key in ("images", "annotations")]  # fmt: skip
    for file, more in zip(files.values(), ({}, {"precision": "int8", "calibrate": CALIBRATED}), strict=True):
        if not file.exists():
            export(given.checkpoint, ["data.name=coco", f"data.root={given.folder}", *places], out=file, **more)
    return files


def _openvino(file: Path) -> ExportedDetector:
    """An exported .onnx, run by OpenVINO with as many threads as torch has."""
    import openvino

    about = opened(file)[1]
    threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
    program = openvino.compile_model(openvino.Core().read_model(file), "CPU", threads)

    def run(images: Tensor) -> tuple[Tensor, ...]:
        found = program({"images": images.numpy()})
        return tuple(torch.from_numpy(found[output].copy()) for output in program.outputs)

    return ExportedDetector(run, FixedCanvas(tuple(about["input_size"])), None, len(about["names"]), file).eval()


def _batches(settings: Config) -> Iterator[Batch]:
    source = build_source(settings.data, "train", typed=True)
    return iter(train_loader(settings.data, source, settings.train.batch_size, steps=10**6, typed=True))


def _step(peer: Peer, optimizer: torch.optim.Optimizer, batch: Batch, settings: Config) -> None:
    forward(peer, batch, settings)["total"].backward()
    optimizer.step()
    optimizer.zero_grad()


def _with_train(settings: Config, **changed: Any) -> Config:
    return replace(settings, train=replace(settings.train, **changed))


def _bounds(given: Given, image: Any) -> dict[str, float]:
    """Seconds of an image by the roofline: all multiply-adds of the network at the peak, or all weights read."""
    detector, longest = given.predictor.detector, given.predictor.settings.data.longest_side
    canvas = torch.from_numpy(fit(detector, image, 1.0, longest).canvas).permute(2, 0, 1)[None].float()
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        detector.network(canvas)
    weights = sum(p.nbytes for p in detector.parameters())
    found = {}
    for name, precision in OURS.items():
        machine = _machine(precision)
        found[name] = max(counted.get_total_flops() / machine.flops, (weights + canvas.nbytes) / machine.bandwidth)
    return found


def _machine(precision: str) -> Machine:
    """Measure this machine as it is now."""
    dtype = HALF.get(precision, torch.float32)
    convolve, flops = bare_convolution(dtype, CPU)
    return Machine(flops / _alone(convolve), 2 * COPIED / _alone(bare_copy(CPU)), 0, 1)


def _alone(run: Callable[[], Any], calls: int = 5) -> float:
    """Seconds of a call on cores of its own: those of the processor, which other programs do not change."""
    taken = []
    for _ in range(calls + 1):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken[1:]) / torch.get_num_threads()
