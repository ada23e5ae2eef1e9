"""Pictures for people: boxes with names on a photograph, panels of them, and the curves of a run."""

import colorsys
import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cornernet.structures import ImageDetections


def draw(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    scores: Any = None,
    names: Sequence[str] | None = None,
    min_score: float = 0.0,
) -> np.ndarray:
    """Picture with boxes, each with its class name and score -> a new picture; the given one is not changed.

    image [h, w, 3] uint8 BGR; boxes [n, 4] xyxy pixels, labels [n], scores [n] or None: arrays, tensors or lists.
    names: of the classes (None: the label's number). Boxes below min_score are left out; the best is drawn on top.
    """
    canvas = np.ascontiguousarray(image).copy()
    boxes, labels = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(labels, np.int64).reshape(-1)
    scores = None if scores is None else np.asarray(scores, np.float64).reshape(-1)
    order = np.arange(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    shown = [i for i in order if np.isfinite(boxes[i]).all() and (scores is None or scores[i] >= min_score)]
    for i in shown:
        first, last = _pixels(boxes[i], canvas.shape)
        cv2.rectangle(canvas, first, last, colour(labels[i]), _line_width(canvas.shape))
    texts = [_text(labels[i], None if scores is None else scores[i], names) for i in shown]
    return _write(canvas, texts, [_pixels(boxes[i], canvas.shape) for i in shown], [colour(labels[i]) for i in shown])


def truth_and_predictions(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    detections: ImageDetections,
    names: Sequence[str] | None = None,
    min_score: float = 0.3,
) -> np.ndarray:
    """The annotated picture on the left, the predicted one on the right -> one picture [h, ~2 w, 3] uint8 BGR."""
    truth = draw(image, boxes, labels, None, names)
    found = draw(image, detections.boxes, detections.labels, detections.scores, names, min_score)
    return grid([truth, found], columns=2)


def grid(images: Sequence[np.ndarray], columns: int = 3, gap: int = 4) -> np.ndarray:
    """Pictures of any sizes in rows of `columns` -> one picture, white between them; each is centred in its cell.

    Raises ValueError without a picture.
    """
    if not images or columns < 1:
        raise ValueError(f"grid needs at least one picture and one column, got {len(images)} and {columns}")
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    panel = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        y = row * (height + gap) + (height - image.shape[0]) // 2
        x = column * (width + gap) + (width - image.shape[1]) // 2
        panel[y : y + image.shape[0], x : x + image.shape[1]] = image
    return panel


def curves(folder: str | Path) -> Path:
    """Plot the loss terms, the learning rate and the AP of a run over its steps -> path of curves.png in its folder.

    Reads log.csv (step, lr, images_per_s and one column a loss term) and, if there, eval.csv (step, AP, ...).
    Cells may be empty. Raises FileNotFoundError where the folder has neither.
    """
    folder = Path(folder)
    log, scores = _columns(folder / "log.csv"), _columns(folder / "eval.csv")
    if not log and not scores:
        raise FileNotFoundError(f"there is neither a log.csv nor an eval.csv with rows in {folder}")
    aps = {name: points for name, points in scores.items() if name.startswith("AP")}
    terms = {name: points for name, points in log.items() if name not in ("lr", "images_per_s", "epoch", "seconds")}
    panels = [("loss", terms, "log"), ("learning rate", {k: log[k] for k in ("lr",) if k in log}, "linear"), ("AP", aps, "linear")]
    _plot([panel for panel in panels if panel[1]], folder / "curves.png")
    return folder / "curves.png"


@cache
def colour(label: int) -> tuple[int, int, int]:
    """BGR of a class: the same in every picture, neighbouring labels far apart, none too dark."""
    label = int(label)
    hue = (0.58 + label * 0.61803398875) % 1  # steps of the golden ratio never come close to an earlier hue soon
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.85, 0.55, 1.0)[label % 3], (1.0, 0.95, 0.8)[label % 3])
    return round(255 * blue), round(255 * green), round(255 * red)


def _pixels(box: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last pixel that an edge box covers, inside the picture."""
    limit = (shape[1] - 1, shape[0] - 1)
    first = [int(np.clip(np.floor(v), 0, m)) for v, m in zip(box[:2], limit, strict=True)]
    last = [int(np.clip(np.ceil(v) - 1, f, m)) for v, f, m in zip(box[2:], first, limit, strict=True)]
    return (first[0], first[1]), (last[0], last[1])


def _line_width(shape: tuple[int, ...]) -> int:
    return max(1, round(max(shape[:2]) / 320))


def _text(label: int, score: float | None, names: Sequence[str] | None) -> str:
    name = str(names[label]) if names is not None and 0 <= label < len(names) else str(label)
    return name if score is None else f"{name} {score:.2f}"


def _write(canvas: np.ndarray, texts: list[str], places: list, colours: list) -> np.ndarray:
    """Labels on filled boxes, above their box where there is room, never beyond the picture's edge."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(canvas[..., ::-1])
    pen, font = ImageDraw.Draw(picture), _font(max(10, round(max(canvas.shape[:2]) / 45)))
    for text, (first, last), bgr in zip(texts, places, colours, strict=True):
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        width, height = right + 4, bottom + 3
        x = max(0, min(first[0], canvas.shape[1] - width))
        y = first[1] - height if first[1] >= height else min(first[1], max(0, canvas.shape[0] - height))
        pen.rectangle((x, y, x + width - 1, y + height - 1), fill=bgr[::-1])
        ink = (0, 0, 0) if np.dot(bgr, (0.114, 0.587, 0.299)) > 110 else (255, 255, 255)
        pen.text((x + 2, y + 1), text, fill=ink, font=font)
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


@cache
def _font(size: int) -> Any:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic; other letters show as an empty box."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _columns(path: Path) -> dict[str, list[tuple[float, float]]]:
    """CSV with a step column -> for each other column its (step, value) points, empty and non-numeric cells left out."""
    if not path.is_file():
        return {}
    points: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step = _number(row.pop("step", None))
            for name, cell in row.items():
                value = _number(cell)
                if step is not None and value is not None:
                    points.setdefault(name, []).append((step, value))
    return points


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _plot(panels: list[tuple[str, dict[str, list[tuple[float, float]]], str]], path: Path) -> None:
    # The object interface with the Agg canvas needs no display and leaves the caller's pyplot alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, lines, scale) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        for name, points in lines.items():
            axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 30 else None, markersize=3)
        axes.set(ylabel=title, yscale=scale if _positive(lines) else "linear")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    axes.set_xlabel("step")
    figure.savefig(path, dpi=120)


def _positive(lines: dict[str, list[tuple[float, float]]]) -> bool:
    return any(value > 0 for points in lines.values() for _, value in points)
