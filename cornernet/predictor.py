"""From a checkpoint to answers: predictions for pictures, and the score on a validation split."""

import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from cornernet import check_data, checks, evaluate, inference, visualize
from cornernet.config import Config
from cornernet.data.images import read_image
from cornernet.data.sources import build_source
from cornernet.metrics import table
from cornernet.state import load_detector
from cornernet.structures import ImageDetections

log = logging.getLogger("cornernet")
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
WRITTEN = SUFFIXES - {".gif", ".webp"}  # endings that a drawing keeps
PICTURE = (str, os.PathLike, np.ndarray)


class Predictor:
    """A trained detector with its classes, ready for pictures: `Predictor.load("best.pt")("street.jpg")`."""

    def __init__(self, detector: nn.Module, settings: Config, class_names: Sequence[str], category_ids: Sequence[int]):
        self.detector, self.settings = detector, settings
        self.class_names, self.category_ids = list(class_names), list(category_ids)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", overrides: Sequence[str] = ()) -> "Predictor":
        """Checkpoint, device (auto: a GPU if there is one) and `a.b=c` overrides of its config -> Predictor.

        Raises FileNotFoundError, or ValueError for a file that is not a checkpoint, an override that is wrong or a
        device that this machine does not have.
        """
        detector, settings, held = load_detector(path, list(overrides))
        checks.ranges(settings, checks.TEST_RANGES)
        chosen = _device(str(device), settings)
        return cls(detector.to(chosen), settings, held["class_names"], held["category_ids"])

    def __call__(self, images: str | Path | np.ndarray | Sequence[str | Path | np.ndarray]) -> list[ImageDetections]:
        """A picture or a list of them, as paths or uint8 BGR arrays [h, w, 3] -> detections of each, in order.

        Raises FileNotFoundError or ValueError naming a file that cannot be read, TypeError for anything else.
        """
        alone = not isinstance(images, Iterable) or isinstance(images, (*PICTURE, bytes, Tensor))
        several = [images] if alone else list(images)
        if wrong := [type(x).__name__ for x in several if not isinstance(x, PICTURE)]:
            raise TypeError(f"a picture must be a path or a uint8 BGR array [h, w, 3] of NumPy, got {wrong[0]}")
        arrays = [x if isinstance(x, np.ndarray) else read_image(x) for x in several]
        return inference.detect(self.detector, arrays, **inference.settings(self.settings))

    def draw(self, image: np.ndarray, found: ImageDetections) -> np.ndarray:
        """Picture uint8 BGR with the detections that reach test.draw_score -> a new picture."""
        return visualize.draw(
            image, found.boxes, found.labels, found.scores, self.class_names, self.settings.test.draw_score
        )


def _device(name: str, settings: Config) -> torch.device:
    """auto or a name of torch's -> device; raises ValueError for one that this machine does not have."""
    if name == "auto":
        return torch.device("cuda" if settings.train.device == "auto" and torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # the latter from a torch without CUDA
        here = "auto, cpu" + (", cuda or cuda:N" if torch.cuda.is_available() else " (there is no CUDA GPU here)")
        raise ValueError(f"device must be one that torch finds on this machine: {here}; got {name!r}") from error


def predict_files(checkpoint: str, pictures: str, overrides: Sequence[str] = ()) -> str:
    """Predict a picture or every picture of a folder, write drawings and predictions.json -> what was done.

    Unreadable pictures are named, skipped and counted. Raises FileNotFoundError without pictures, ValueError if none
    could be read.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    folder = _folder(checkpoint, overrides, predictor.settings, "predictions")
    files = find_pictures(Path(pictures), folder)
    root = Path(pictures) if Path(pictures).is_dir() else Path(pictures).parent
    if taken := [file for file in files if _drawing(folder, file.relative_to(root)).resolve() == file.resolve()]:
        raise ValueError(f"{taken[0]} would be overwritten by its drawing; give another folder with work_dir=")
    results, skipped = [], 0
    for file in tqdm(files, desc="predict", unit="image"):
        try:
            image = read_image(file)
        except (OSError, ValueError) as error:
            log.warning("skipped: %s", error)
            skipped += 1
            continue
        found = predictor(image)[0]
        name = file.relative_to(root)
        results += evaluate.to_results([found], [str(name)], predictor.category_ids)
        _write_picture(_drawing(folder, name), predictor.draw(image, found))
    if skipped == len(files):
        raise ValueError(f"none of the {skipped} pictures in {pictures} could be read")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "predictions.json").write_text(json.dumps(results, ensure_ascii=False) + "\n", encoding="utf-8")
    shown = sum(row["score"] >= predictor.settings.test.draw_score for row in results)
    text = f"{len(files) - skipped} pictures with {shown} boxes of score >= {predictor.settings.test.draw_score:g}"
    return f"{text} written to {folder}" + (f"; {skipped} unreadable pictures skipped" if skipped else "")


def _drawing(folder: Path, name: Path) -> Path:
    """Where the drawing of a picture goes; the ending is kept where OpenCV writes it as it is, else .png is added."""
    return folder / (name if name.suffix.lower() in WRITTEN else f"{name}.png")


def _write_picture(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path} could not be written")


def find_pictures(path: Path, output: Path | None = None) -> list[Path]:
    """A file, or all pictures below a folder by name, but for those below an output folder that lies in it.

    Raises FileNotFoundError if there are none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"there is no picture or folder {path}")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if output is not None and path.resolve() in output.resolve().parents:
        found = [p for p in found if output.resolve() not in p.resolve().parents]
    if not found:
        raise FileNotFoundError(f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def evaluate_checkpoint(checkpoint: str, overrides: Sequence[str] = ()) -> str:
    """Score a checkpoint on its validation split, write metrics.json and predictions.json -> the table.

    Raises as Predictor.load does, and for data that cannot be read or whose classes the checkpoint does not know.
    """
    predictor = Predictor.load(checkpoint, overrides=overrides)
    source = build_source(predictor.settings.data, "val", predictor.category_ids, predictor.class_names)
    folder = _folder(checkpoint, overrides, predictor.settings, "evaluation")
    metrics = evaluate.evaluate(
        predictor.detector, source, category_ids=predictor.category_ids, folder=folder,
        backend=predictor.settings.test.backend,
        on_error=predictor.settings.data.on_error, **inference.settings(predictor.settings),
    )  # fmt: skip
    lines = [table(metrics), "", *check_data.summary([source])]
    return "\n".join([*lines, f"metrics.json and predictions.json written to {folder}"])


def _folder(checkpoint: str, overrides: Sequence[str], settings: Config, name: str) -> Path:
    """work_dir if this call sets it (the checkpoint's own names the training run), else a folder by the checkpoint."""
    named = any(text.startswith("work_dir=") for text in overrides)
    return Path(settings.work_dir) if named else Path(checkpoint).parent / name
