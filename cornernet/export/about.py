"""What an exported file says of itself."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from cornernet.config import Config, to_dict
from cornernet.detectors import with_colours
from cornernet.export.plan import DYNAMIC, Plan
from cornernet.prediction import FixedCanvas, OpenCanvas, drawn, thresholds
from cornernet.system.printing import printable
from cornernet.system.wording import counted
from cornernet.version import __version__

FEW = 20  # classes that the description names; the others stand under `names`


def metadata(
    settings: Config, held: dict[str, Any], canvas: FixedCanvas | OpenCanvas, wanted: Plan, changed: list[str],
    source: str,
) -> dict[str, Any]:  # fmt: skip
    """What travels in the file, by name; plain values. docs/export.md says what each is for."""
    data = with_colours(settings).data
    fixed = isinstance(canvas, FixedCanvas)
    return {
        "description": describe(settings, held["class_names"], canvas),
        "toolkit": f"cornernet {__version__}",
        "torch": str(torch.__version__),
        "checkpoint": source,
        "step": held["step"],
        "detector": settings.model.detector,
        "names": list(held["class_names"]),
        "category_ids": list(held["category_ids"]),
        "best_f1": held.get("best_f1"),
        "draw_scores": _draw_scores(settings, held, source),
        "input_size": list(canvas.size) if isinstance(canvas, FixedCanvas) else DYNAMIC,
        "sizes": None if fixed else {name: list(sides) for name, sides in canvas._asdict().items()},
        "batch": "dynamic" if wanted.batch is None else wanted.batch,
        "precision": wanted.precision,
        "calibrated_on": wanted.calibrate,
        "colour": "BGR",
        "mean": list(data.mean or ()),
        "std": list(data.std or ()),
        "normalised": "inside",
        "bit_depth": settings.data.bit_depth,
        "longest_side": settings.data.longest_side,
        "resize": "aspect kept; longest side to longest_side, or less where that exceeds the largest canvas; "
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


def describe(settings: Config, names: Sequence[str], canvas: FixedCanvas | OpenCanvas) -> str:
    """What the file is, what goes in and what comes out, for somebody who opens it in a viewer of graphs."""
    named = printable(", ".join(names[:FEW])) + ", ..." * (len(names) > FEW)
    longest = settings.data.longest_side
    zoom = "as it is" if longest is None else f"resized so that its longer side has {longest} pixels, aspect kept"
    return (
        f"Finds objects of {counted(len(names), 'class')}: {named}. A {settings.model.detector} detector of the "
        f"CornerNet toolkit. In: images, uint8 [batch, 3, height, width], blue green red from 0 to 255, normalised "
        f"inside; each image is {zoom}, and put in the middle of a canvas of zeros{_sizes(canvas)} "
        "Out: boxes, x1 y1 x2 y2 in pixels of the canvas, best first; scores from 0 to 1, or -1 for a row that is "
        f"none; labels, positions in the list of classes.{_points(settings)} Overlapping boxes are not suppressed: run "
        "non-maximum suppression class by class. The metadata hold all settings."
    )


def _points(settings: Config) -> str:
    """What comes out of a file that glances beside its boxes, in a sentence; nothing for others."""
    if not settings.test.saccade.sides:
        return ""
    return (
        " The canvas is that of a glance at the whole image, or of a look at a part of it. Of a glance also: points, "
        "x y of places to look at closer; point_scores from 0 to 1; point_levels, 0 for those of large objects, then "
        "smaller ones: test.saccade says what to do with them."
    )


def _sizes(canvas: FixedCanvas | OpenCanvas) -> str:
    if isinstance(canvas, FixedCanvas):
        return " of {} x {} (height x width); a larger image is shrunk into it.".format(*canvas.size)
    sides = [
        f"{side} {least} to {most} in steps of {step}"
        for side, step, _, least, most in zip(("height", "width"), *canvas, strict=True)
    ]
    return f", the smallest that holds it: {', '.join(sides)}; a larger image is shrunk into the largest."
