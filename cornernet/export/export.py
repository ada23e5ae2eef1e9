"""From a checkpoint to one file that other programs run: an image goes in, boxes come out, decoded inside.

The graph is the detector's `predict`: normalisation, network, decoding with a static number of rows. What depends on
the image's size or on what was found stays outside, where a few lines of any language do it: fitting the image onto
the canvas, mapping boxes back, and suppression, whose soft forms no graph format has and which pools what several
scales and flips found. The file's metadata say how.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cornernet import graphs
from cornernet.checkpoints import load_detector
from cornernet.config import Config, to_dict
from cornernet.data import read_image, typed_data
from cornernet.detectors import Detector, with_colours
from cornernet.export import check
from cornernet.export.int8 import calibration
from cornernet.export.plan import Plan, plan
from cornernet.graphs import Rows
from cornernet.prediction import DRAWN, Fits, FixedCanvas, drawn, fit, thresholds
from cornernet.system import writing
from cornernet.version import __version__

log = logging.getLogger("cornernet")


class Graph(nn.Module):
    """What is traced: images [B, 3, H, W] uint8 BGR -> Rows, best first."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Rows:
        """Predict, without what a suppression that merges would need."""
        found = self.detector.predict(images)
        return found.boxes, found.scores, found.labels


class Exported(NamedTuple):
    """What was written."""

    plan: Plan
    size: tuple[int, int]  # (height, width) of the images that go in
    rows: int  # that come out for an image
    bytes: int
    seconds: float
    compared: check.Exact | check.Quantised | None  # with PyTorch; None where the file could not be run


def export(checkpoint: str | Path, overrides: Sequence[str] = (), **how: Any) -> Exported:
    """Write a checkpoint in a format of cornernet.graphs and run the file.

    overrides: those of the checkpoint's config; how: what `plan` takes. Raises FileNotFoundError, or ValueError, one
    sentence, for a file that is no checkpoint, settings that are wrong, a package that is missing and training images
    that int8 lacks.
    """
    wanted = plan(checkpoint, **how)
    detector, settings, held, changed = traceable(checkpoint, overrides)
    size = check_size(detector, wanted.size or settings.data.input_size)
    about = metadata(settings, held, size, wanted, changed, Path(checkpoint).name)
    images = samples(wanted, size, settings.data.longest_side, settings.data.bit_depth)
    many, batch = wanted.calibrate, wanted.batch or 1
    batches = calibration(settings.data, size, many, batch, typed_data(settings)) if many else []
    start = time.perf_counter()
    program = trace(Graph(detector), images, wanted.batch)
    write(program, wanted.out, about, batches, wanted.form)
    seconds = time.perf_counter() - start
    rows = program.graph.output_node().args[0][1].meta["val"].shape[1]
    least = DRAWN if settings.test.draw_score is None else settings.test.draw_score
    compared = check.check(wanted, Graph(detector), images, batches, least)
    return Exported(wanted, size, rows, wanted.out.stat().st_size, seconds, compared)


def traceable(checkpoint: str | Path, overrides: Sequence[str]) -> tuple[Detector, Config, dict[str, Any], list[str]]:
    """Checkpoint and overrides -> (detector that can be traced, its config, the checkpoint, what had to change).

    Raises ValueError where what has to change was asked for.
    """
    detector, settings, held = load_detector(checkpoint, list(overrides))
    changed = detector.graph_overrides()
    for text in changed:
        key = text.partition("=")[0]
        if asked := [given for given in overrides if given.startswith(f"{key}=")]:
            raise ValueError(f"{asked[-1]} cannot be part of a graph; {text} can")
        log.info("%s in place of the checkpoint's own, which cannot be part of a graph; evaluate it with that", text)
    if changed:
        detector, settings, held = load_detector(checkpoint, [*overrides, *changed])
    # files hold weights in the layout of other programs
    return detector.requires_grad_(False).to(memory_format=torch.contiguous_format), settings, held, changed


def check_size(detector: Fits, size: Sequence[int]) -> tuple[int, int]:
    """(height, width) if the detector takes such a canvas; raises ValueError naming the nearest that it takes."""
    height, width = size
    if min(size) >= 1 and detector.fit_size(height, width) == (height, width):
        return height, width
    nearest = [_near(n, lambda m, i=i: detector.fit_size(m, m)[i]) for i, n in enumerate(size)]
    raise ValueError(
        f"size {height},{width} does not suit this network; nearest: height {' or '.join(map(str, nearest[0]))}, "
        f"width {' or '.join(map(str, nearest[1]))}"
    )


def _near(length: int, fitted) -> list[int]:
    """The lengths around one that a network takes, `fitted(n)` being the smallest that holds n."""
    below = next((n for n in range(length, 0, -1) if fitted(n) == n), None)
    return sorted({n for n in (below, fitted(max(length, 1))) if n})


def metadata(
    settings: Config, held: dict[str, Any], size: tuple[int, int], wanted: Plan, changed: list[str], source: str
) -> dict[str, Any]:
    """What travels in the file, by name; plain values. docs/export.md says what each is for."""
    data = with_colours(settings).data
    return {
        "toolkit": f"cornernet {__version__}",
        "torch": str(torch.__version__),
        "checkpoint": source,
        "step": held["step"],
        "detector": settings.model.detector,
        "names": list(held["class_names"]),
        "category_ids": list(held["category_ids"]),
        "best_f1": held.get("best_f1"),
        "draw_scores": _draw_scores(settings, held, source),
        "input_size": list(size),
        "batch": "dynamic" if wanted.batch is None else wanted.batch,
        "precision": wanted.precision,
        "calibrated_on": wanted.calibrate,
        "colour": "BGR",
        "mean": list(data.mean or ()),
        "std": list(data.std or ()),
        "normalised": "inside",
        "bit_depth": settings.data.bit_depth,
        "longest_side": settings.data.longest_side,
        "resize": "aspect kept; longest side to longest_side, or less where that exceeds input_size; "
        "by area where both sides shrink to less than 4/5, else linear",
        "padding": "image in the middle, zeros around it",
        "boxes": "x1, y1, x2, y2 in pixels of the input; rows of score -1 are none",
        "test": asdict(settings.test),
        "changed": changed,
        "config": to_dict(settings),
    }


def _draw_scores(settings: Config, held: dict[str, Any], source: str) -> list[float]:
    """Score from which a detection of each class is drawn."""
    classes = len(held["class_names"])
    least = drawn(settings.test.draw_score, thresholds.held(held.get("best_f1"), classes, source))
    return np.broadcast_to(least, classes).tolist()


def samples(wanted: Plan, size: tuple[int, int], longest_side: int | None, depth: int | str = "auto") -> Tensor:
    """Images uint8 [B, 3, H, W], B = 2 for any batch, on which a file is checked: the image asked for, then noise."""
    images = np.random.default_rng(0).integers(0, 256, (wanted.batch or 2, *size, 3), np.uint8)
    if wanted.image:
        fixed = FixedCanvas(size)
        image = read_image(wanted.image, depth=depth)
        images[0] = fit(fixed, image, longest_side=longest_side).canvas
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def trace(graph: nn.Module, images: Tensor, batch: int | None) -> ExportedProgram:
    """Module in eval mode and an example -> program; of any batch size if batch is None."""
    # the example of a dynamic batch has two images: a size of one would be taken for a constant
    shapes = ({0: Dim("batch")},) if batch is None else None
    return torch.export.export(graph, (images,), dynamic_shapes=shapes)


def write(
    program: ExportedProgram, path: Path, about: dict[str, Any], batches: Sequence[np.ndarray] = (), form: Any = None
) -> None:
    """Write a program with its metadata; what stands there stays whole until it is replaced.

    batches: [B, 3, H, W] uint8 on which an int8 file is calibrated; without them it is float32. form: the format, None:
    the one of the ending of path.
    """
    form = form or graphs.of_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing.replacing(path) as part:
        form.write(program, part, about)
        if len(batches):
            form.quantise(part, batches)
