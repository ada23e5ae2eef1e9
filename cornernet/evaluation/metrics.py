"""The COCO figures of an evaluation, as numbers, as a table and as files."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cornernet.evaluation.measure import Figure, three_decimals
from cornernet.evaluation.measures import any_class, ap90, coco
from cornernet.prediction import Thresholds
from cornernet.system import writing
from cornernet.system.printing import printable
from cornernet.system.wording import counted

FIGURES = coco.FIGURES  # name in Metrics -> what it measures
USUAL = 100  # detections of a class in an image that COCO's figures look at
NONE = -1.0  # a figure where there is nothing to measure with
FEW = ("AR1", "AR10", "AR100")  # figures of so many detections, whatever the limit is


@dataclass(frozen=True)
class ClassMetrics:
    """Figures of one category, each in [0, 1], or -1 where there is no object to measure with."""

    name: str
    AP: float
    AP50: float
    objects: int  # annotated ones, crowds not counted
    detections: int
    category_id: Any = None  # as the annotation file has it
    best_f1: float = -1.0  # largest F1 at IoU 0.50 of the detections from some score on
    best_f1_threshold: float = -1.0  # that score; -1 too where nothing was found
    best_f1_precision: float = -1.0  # of the detections from that score on
    best_f1_recall: float = -1.0  # of the objects, by them


@dataclass(frozen=True)
class Metrics:
    """The twelve COCO figures under the names in FIGURES, AP at IoU 0.90, and counts; -1 where there is no object."""

    AP: float
    AP50: float
    AP75: float
    AP_small: float
    AP_medium: float
    AP_large: float
    AR1: float
    AR10: float
    AR100: float
    AR_small: float
    AR_medium: float
    AR_large: float
    AP90: float
    images: int
    objects: int  # annotated ones, crowds not counted
    detections: int
    seconds_per_image: float = 0.0  # of prediction, without reading the image; 0: not measured
    per_class: list[ClassMetrics] = field(default_factory=list)
    unreadable: int = 0  # images that could not be read, whose objects count as missed
    best_f1: float = -1.0  # largest F1 at IoU 0.50 of the detections of all classes from some score on
    best_f1_threshold: float = -1.0  # that score
    best_f1_precision: float = -1.0  # of them
    best_f1_recall: float = -1.0
    own: list[Figure] = field(default_factory=list)  # of the other metrics
    max_per_image: int = USUAL  # detections of a class in an image that the figures look at
    image_f1: dict[Any, float] = field(default_factory=dict)  # by image id, see image_f1; in no file

    def figures(self) -> dict[str, float]:
        """Return all figures by name, the twelve first, for a log."""
        return {figure.name: figure.value for figure in self.rows()}

    def rows(self) -> list[Figure]:
        """Return the same with how they are shown."""
        named = {name: getattr(self, name) for name in (*FIGURES, *ap90.FIGURES)}
        return [*(Figure(name, value, self.meaning(name), _cell(value)) for name, value in named.items()), *self.own]

    def title(self, name: str) -> str:
        """Name of a figure -> the one under which it is shown: AP@300 where the figures look at 300 detections."""
        limited = name in (*FIGURES, *ap90.FIGURES, *any_class.FIGURES) and name not in FEW
        return f"{name}@{self.max_per_image}" if limited and self.max_per_image != USUAL else name

    def meaning(self, name: str) -> str:
        """Name of a figure of COCO -> what it measures."""
        text = (FIGURES | ap90.FIGURES)[name]
        return text if name in FEW else text.replace(f"{USUAL} detections", counted(self.max_per_image, "detection"))


def recall_at(limit: int, value: float) -> Figure:
    """AR of more detections than COCO's."""
    return Figure(f"AR{limit}", value, FIGURES["AR100"].replace(str(USUAL), str(limit)), _cell(value))


def table(metrics: Metrics) -> str:
    """Format all figures, F1 and one row a class as aligned text; '-' where there is nothing to measure.

    F1 is the best at IoU 0.50, and stands beside the score from which on detections have to be kept for it.
    """
    rows = [(metrics.title(figure.name), figure.text, figure.meaning) for figure in metrics.rows()]
    least = metrics.best_f1_threshold
    rows.append(("F1", _cell(metrics.best_f1), f"IoU 0.50, at score >= {least:.3f}" if least >= 0 else "IoU 0.50"))
    classes = [
        (c.name, str(c.objects), str(c.detections), *map(_cell, (c.AP, c.AP50, c.best_f1, c.best_f1_threshold)))
        for c in metrics.per_class
    ]
    head = ", ".join(counted(getattr(metrics, f"{noun}s"), noun) for noun in ("image", "object", "detection"))
    if metrics.unreadable:
        head += f", {counted(metrics.unreadable, 'image')} unreadable (their objects count as missed)"
    if metrics.seconds_per_image:
        head += f", {metrics.seconds_per_image:.3g} s/image"
    titles = ("class", "objects", "detections", metrics.title("AP"), metrics.title("AP50"), "F1", "at score")
    return "\n".join([head, "", *aligned(rows, "<><"), "", *aligned([titles, *classes], "<>>>>>>")])


class Unwritten(OSError):
    """The figures could not be written; they are in `.metrics`, so that a run need not lose them too."""

    def __init__(self, error: OSError, path: str | Path, metrics: "Metrics"):
        super().__init__(error.errno, error.strerror, str(path))
        self.metrics = metrics


def write(metrics: Metrics, results: list[dict[str, Any]], folder: str | Path) -> None:
    """Write metrics.json and predictions.json (COCO results format, original ids) into a folder, made if need be.

    Raises Unwritten where the disk does not take them.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = {name: value for name, value in asdict(metrics).items() if name not in ("own", "image_f1")}
    figures = held | metrics.figures()
    for name, content, indent in (("metrics", figures, 2), ("predictions", results, None)):
        text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
        try:
            writing.write(folder / f"{name}.json", text + "\n")
        except OSError as error:
            raise Unwritten(error, folder / f"{name}.json", metrics) from error


def _cell(value: float) -> str:
    return "-" if value < 0 else three_decimals(value)


def aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Columns two spaces apart, by the width that a terminal gives each character."""
    rows = [[printable(text) for text in row] for row in rows]  # a class name must not make a row of its own
    widths = [max(_width(row[k]) for row in rows) for k in range(len(sides))]
    return ["  ".join(map(_pad, row, widths, sides)).rstrip() for row in rows]


def _pad(text: str, width: int, side: str) -> str:
    space = " " * (width - _width(text))
    return text + space if side == "<" else space + text


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def thresholds(metrics: Metrics, category_ids: Sequence[int] | None = None) -> Thresholds:
    """Metrics -> their scores of the best F1; those of a detector's labels in its order, or of all classes."""
    known = {one.category_id: one.best_f1_threshold for one in metrics.per_class}
    ids = known if category_ids is None else category_ids
    return Thresholds(metrics.best_f1_threshold, [known.get(i, NONE) for i in ids])
