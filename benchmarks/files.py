"""Stages on images, annotation files and processes: loader, COCO evaluation, start-up."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from benchmarks.measure import ROOT, Given, Stage, formulation
from cornernet.config import Data
from cornernet.data import pipeline
from cornernet.data.dataset import TrainDataset
from cornernet.data.device import prepare
from cornernet.data.geometry import resize_longest
from cornernet.data.images import read_image
from cornernet.data.loader import collate
from cornernet.data.source import ImageRecord
from cornernet.data.streams import stream
from cornernet.data.transforms import colour, lighting
from cornernet.evaluation.backends import PACKAGES
from cornernet.evaluation.scoring import score
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction import from_results

HEIGHT, WIDTH, INPUT, OBJECTS, BORDER = 480, 640, (511, 511), 20, 128
SCALES = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
MEAN, STD = (0.408, 0.447, 0.470), (0.289, 0.274, 0.278)


class OneImage:
    """A source of one file."""

    def __init__(self, path: Path):
        rng = np.random.default_rng(0)
        start = rng.random((OBJECTS, 2)) * 0.6
        edges = np.concatenate([start, start + 0.02 + rng.random((OBJECTS, 2)) * 0.38], 1)
        self.path, self.found = path, (edges * np.array([WIDTH, HEIGHT] * 2)).astype(np.float32)

    def __len__(self) -> int:
        """One."""
        return 1

    def image(self, i: int) -> np.ndarray:
        """Read it as training does."""
        return read_image(self.path, WIDTH, HEIGHT)

    def boxes(self, i: int) -> np.ndarray:
        """[20, 4], edges in pixels."""
        return self.found.copy()

    def labels(self, i: int) -> np.ndarray:
        """[20], all 0."""
        return np.zeros(OBJECTS, np.int64)

    def record(self, i: int) -> ImageRecord:
        """Its name and size."""
        return ImageRecord(0, self.path.name, WIDTH, HEIGHT)


def loader(given: Given, batch: int = 8) -> Stage:
    """Training samples from a JPEG, device part included, on one core; the floor is the JPEG decoder alone."""
    plain = formulation("sample")
    source = OneImage(write_image(given.folder / "image.jpg"))
    made = pipeline.build(Data(input_size=INPUT))
    dataset = TrainDataset(source, made)
    draws = [draws_of(epoch) for epoch in range(batch)]
    data = np.frombuffer(source.path.read_bytes(), np.uint8)

    def ours() -> None:
        prepare(collate([dataset[epoch, 0] for epoch in range(batch)], 128, made.changes()), MEAN, STD)

    def reference() -> None:
        made = [plain.sample(source.path, source.boxes(0), d, INPUT, BORDER, MEAN, STD)[0] for d in draws]
        torch.from_numpy(np.stack(made))

    def floor() -> None:
        for _ in range(batch):
            cv2.imdecode(data, cv2.IMREAD_COLOR)

    work = f"loader, {batch} JPEGs of {WIDTH}x{HEIGHT} to {INPUT[1]}x{INPUT[0]}, one core"
    return Stage(work, {"": on_one_core(ours)}, on_one_core(reference), on_one_core(floor))


def large(given: Given, longest: int = 384) -> Stage:
    """A JPEG as large as a camera writes it, from the file to data.longest_side; the reference makes all its pixels.

    The floor is the decoder alone, at half of the sides.
    """
    width, height = 4000, 3000
    tile = read_image(write_image(given.folder / "tile.jpg"))
    image = np.tile(tile, (1 + height // HEIGHT, 1 + width // WIDTH, 1))[:height, :width]
    path = given.folder / "large.jpg"
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    data = np.frombuffer(path.read_bytes(), np.uint8)
    return Stage(
        f"reading a JPEG of {width}x{height} at {longest}, one core",
        {"": on_one_core(lambda: read_image(path, width, height, longest_side=longest))},
        on_one_core(lambda: resize_longest(read_image(path, width, height), np.zeros((0, 4)), longest)),
        on_one_core(lambda: cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)),
    )


class Draws(NamedTuple):
    """Every random number of one sample of the published augmentation."""

    scale: float
    centre: tuple[float, float]
    flip: bool
    colour: dict[str, np.ndarray]
    lighting: dict[str, np.ndarray]


def draws_of(epoch: int) -> Draws:
    """The random numbers of the sample of that epoch."""
    crop, flip, colours, light = (
        stream(f"data.transforms.{name}", 0, epoch, 0) for name in ("crop", "flip", "colour", "lighting")
    )
    scale = SCALES[int(crop.integers(len(SCALES)))]
    x, y = crop.random(2).tolist()
    return Draws(scale, (x, y), flip.random() < 0.5, colour.colour(colours), lighting.lighting(light))


def write_image(path: Path, seed: int = 0) -> Path:
    """Write a JPEG as large and as detailed as a photograph of COCO: blobs and edges with grain on them."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for x, y, radius, *paint in rng.integers(0, 256, (60, 6)).tolist():
        cv2.circle(coarse, (x * WIDTH // 256, y * HEIGHT // 256), 4 + radius // 5, paint, -1)
    image = coarse + rng.normal(0, 12, coarse.shape)
    cv2.imwrite(str(path), image.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def on_one_core(call: Callable[[], Any]) -> Callable[[], Any]:
    """Call as a loader worker would make it, without threads of OpenCV and torch."""

    def alone() -> None:
        before = cv2.getNumThreads(), torch.get_num_threads()
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        try:
            call()
        finally:
            cv2.setNumThreads(before[0])
            torch.set_num_threads(before[1])

    return alone


def evaluation(given: Given) -> Stage:
    """All figures from arrays by the back-ends that are installed beside pycocotools, the reference.

    Raises ValueError where they do not agree.
    """
    content, results = dataset(given.images)
    truth = from_coco(content)
    found = placed(from_results(results), truth)
    names = [name for name in PACKAGES if importlib.util.find_spec(name)]
    figures = [np.array([*score(truth, found, name).metrics.figures().values()]) for name in names]
    apart = max(float(np.abs(each - figures[-1]).max()) for each in figures)
    if apart > 1e-12:
        raise ValueError(f"the back-ends of the COCO evaluation differ by {apart:.2g} in one of the figures")
    calls = {name: partial(score, truth, found, name) for name in names}
    reference = calls.pop("pycocotools")
    work = f"COCO evaluation, {given.images} images of 100 detections, from arrays to all figures"
    note = f"the figures of {', '.join(names)} differ by {apart:.1g} at most; AP {figures[0][0]:.3f}"
    return Stage(work, calls, reference, None, (note,))


def dataset(images: int, found: int = 100, objects: int = 7, classes: int = 80) -> tuple[dict, list[dict]]:
    """Random ground truth and results: of every image some detections near its objects, the rest anywhere."""
    rng = np.random.default_rng(0)
    start = rng.random((images, objects, 2)) * 400
    true = np.concatenate([start, 8 + rng.random((images, objects, 2)) ** 2 * 200], -1)
    kinds = rng.integers(1, classes + 1, (images, objects))
    guesses = true[:, rng.integers(0, objects, found)] * rng.normal(1, 0.06, (images, found, 4)).clip(0.5, 1.5)
    labels = kinds[:, rng.integers(0, objects, found)]
    annotations = [
        {"id": i * objects + k + 1, "image_id": i, "category_id": int(kinds[i, k]), "bbox": true[i, k].tolist()}
        for i in range(images) for k in range(objects)
    ]  # fmt: skip
    scores = rng.random((images, found))
    results = [
        {"image_id": i, "category_id": int(labels[i, k]), "bbox": guesses[i, k].tolist(), "score": float(scores[i, k])}
        for i in range(images) for k in range(found)
    ]  # fmt: skip
    truth = {
        "images": [{"id": i, "width": 640, "height": 640} for i in range(images)],
        "annotations": annotations,
        "categories": [{"id": k, "name": str(k)} for k in range(1, classes + 1)],
    }
    return truth, results


def startup(given: Given) -> Stage:
    """Start of a tool until its help is printed; the floor is the interpreter alone."""
    tool = ROOT / "tools" / "train.py"

    def start(*arguments: str | Path) -> None:
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)

    return Stage("start-up, tools/train.py --help", {"": lambda: start(tool, "--help")}, None, lambda: start("-c", ""))
