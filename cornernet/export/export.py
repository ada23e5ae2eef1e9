"""From a checkpoint to one file that other programs run: an image goes in, boxes come out, decoded inside.

The graph is the detector's `predict`: normalisation, network, decoding with a static number of rows. What depends on
the image's size or on what was found stays outside, where a few lines of any language do it: fitting the image onto
the canvas, mapping boxes back, and suppression, whose soft forms no graph format has and which pools what several
scales and flips found. The file's metadata say how.
"""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cornernet import graphs
from cornernet.checkpoints import load_detector
from cornernet.config import Config
from cornernet.data import read_image, typed_data
from cornernet.detectors import Detector, tell_unused
from cornernet.export import check
from cornernet.export.about import metadata
from cornernet.export.half import halved
from cornernet.export.int8 import calibration
from cornernet.export.plan import Plan, plan
from cornernet.export.sizes import canvas_of, example, open_sides, traced
from cornernet.prediction import DRAWN, FixedCanvas, OpenCanvas, fit
from cornernet.system import writing

log = logging.getLogger("cornernet")


class Graph(nn.Module):
    """What is traced: images [B, 3, H, W] uint8 BGR -> Rows, best first, and of glances where attention points."""

    def __init__(self, detector: Detector, glances: bool = False):
        super().__init__()
        self.detector, self.glances = detector, glances

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Predict, without what a suppression that merges would need."""
        found, points = self.detector.glance(images) if self.glances else (self.detector.predict(images), ())
        return found.boxes, found.scores, found.labels, *points


class Exported(NamedTuple):
    """What was written."""

    plan: Plan
    canvas: FixedCanvas | OpenCanvas  # of the images that go in
    rows: int | None  # that come out for an image, None: as many as its size gives
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
    glances = bool(settings.test.saccade.sides)
    if glances and wanted.size is not None:
        raise ValueError("size is that of a look, data.input_size, where test.saccade.sides are given: leave it out")
    canvas = canvas_of(detector, wanted.size or settings.data.input_size)
    data, many = settings.data, wanted.calibrate
    shown = read_image(wanted.image, depth=data.bit_depth) if wanted.image else None
    batches = calibration(data, example(canvas), many, wanted.batch or 1, typed_data(settings)) if many else []
    start = time.perf_counter()
    graph = Graph(halved(detector) if wanted.precision == "fp16" else detector, glances)
    program = trace(graph, canvas, wanted.batch)
    canvas = traced(canvas, program)
    about = metadata(settings, held, canvas, wanted, changed, Path(checkpoint).name)
    length = write(program, wanted.out, about, batches, wanted.form)
    seconds = time.perf_counter() - start
    rows = program.graph.output_node().args[0][1].meta["val"].shape[1]
    least = DRAWN if settings.test.draw_score is None else settings.test.draw_score
    images = samples(wanted, canvas, shown, data.longest_side)
    compared = check.check(wanted, Graph(detector, glances), images, batches, least)
    return Exported(wanted, canvas, rows if isinstance(rows, int) else None, length, seconds, compared)


def traceable(checkpoint: str | Path, overrides: Sequence[str]) -> tuple[Detector, Config, dict[str, Any], list[str]]:
    """Checkpoint and overrides -> (detector that can be traced, its config, the checkpoint, what had to change).

    Raises ValueError where what has to change was asked for.
    """
    detector, settings, held = load_detector(checkpoint, list(overrides))
    tell_unused(settings)
    changed = detector.graph_overrides()
    if asked := [given for given in overrides if given.startswith("test.precision=")]:
        raise ValueError(
            f"{asked[-1]} is of checkpoints; a file computes as it is written: precision=fp32, fp16 or int8"
        )
    for text in changed:
        key = text.partition("=")[0]
        if asked := [given for given in overrides if given.startswith(f"{key}=")]:
            raise ValueError(f"{asked[-1]} cannot be part of a graph; {text} can")
        log.info("%s in place of the checkpoint's own, which cannot be part of a graph; evaluate it with that", text)
    if changed:
        detector, settings, held = load_detector(checkpoint, [*overrides, *changed])
    settings = replace(settings, test=replace(settings.test, precision="fp32"))
    # files hold weights in the layout of other programs
    return detector.requires_grad_(False).to(memory_format=torch.contiguous_format), settings, held, changed


def samples(
    wanted: Plan, canvas: FixedCanvas | OpenCanvas, image: np.ndarray | None, longest_side: int | None
) -> list[Tensor]:
    """Plan, canvas and the image asked for -> images uint8 [B, 3, H, W], B = 2 for any batch, to check a file on.

    Of a fixed canvas one batch, the image asked for in front of noise; of open ones the image by itself, noise on the
    smallest canvas, and on one that is wider than high.
    """
    sizes = [example(canvas)] if isinstance(canvas, FixedCanvas) else [canvas.least, example(canvas)]
    random = np.random.default_rng(0)
    made = [random.integers(0, 256, (wanted.batch or 2, *size, 3), np.uint8) for size in sizes]
    if image is not None:
        shown = fit(canvas, image, longest_side=longest_side).canvas[None]
        made = [np.concatenate([shown, made[0][1:]])] if isinstance(canvas, FixedCanvas) else [shown, *made]
    return [torch.from_numpy(images).permute(0, 3, 1, 2).contiguous() for images in made]


@torch.no_grad()
def trace(graph: nn.Module, canvas: FixedCanvas | OpenCanvas, batch: int | None) -> ExportedProgram:
    """Module in eval mode -> program for the sizes of a canvas; of any batch size if batch is None."""
    # the example of a dynamic batch has two images: a size of one would be taken for a constant
    images = torch.zeros(batch or 2, 3, *example(canvas), dtype=torch.uint8)
    axes = ({0: Dim("batch")} if batch is None else {}) | open_sides(canvas)
    return torch.export.export(graph, (images,), dynamic_shapes=(axes,) if axes else None)


def write(
    program: ExportedProgram, path: Path, about: dict[str, Any], batches: Sequence[np.ndarray] = (), form: Any = None
) -> int:
    """Write a program with its metadata -> bytes; what stands there stays whole until it is replaced.

    batches: [B, 3, H, W] uint8 on which an int8 file is calibrated; without them it is float32. form: the format, None:
    the one of the ending of path.
    """
    form = form or graphs.of_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing.replacing(path) as part:
        beside = {part.with_suffix(ending): path.with_suffix(ending) for ending in getattr(form, "BESIDE", ())}
        try:
            form.write(program, part, about)
            if len(batches):
                form.quantise(part, batches)
            for written, place in beside.items():
                os.replace(written, place)
        finally:
            for written in beside:
                written.unlink(missing_ok=True)
    return sum(file.stat().st_size for file in (path, *beside.values()))
