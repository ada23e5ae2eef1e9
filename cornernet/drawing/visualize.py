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
from cornernet.system import writing
from cornernet.system.printing import printable

LEGIBLE = 400  # pixels, the longest side of a picture on which names can be read
Points = list[tuple[float, float]]  # (step, value)


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
    places, colours = [_pixels(boxes[i], canvas.shape) for i in shown], [colour(labels[i]) for i in shown]
    for (first, last), bgr in zip(places, colours, strict=True):
        cv2.rectangle(canvas, first, last, bgr, _line_width(canvas.shape))
    texts = [(_name(labels[i], names), "" if scores is None else f" {scores[i]:.2f}") for i in shown]
    return _write(canvas, texts, [first for first, _ in places], colours)


def truth_and_predictions(
    image: np.ndarray,
    boxes: Any,
    labels: Any,
    detections: ImageDetections,
    names: Sequence[str] | None = None,
    min_score: float = 0.3,
) -> np.ndarray:
    """Set the annotated picture on the left, the predicted one on the right -> one picture [h, ~2 w, 3] uint8 BGR.

    Arguments as in `draw`; boxes and labels are the annotated ones. Predictions below min_score are left out.
    """
    truth = draw(image, boxes, labels, None, names)
    found = draw(image, detections.boxes, detections.labels, detections.scores, names, min_score)
    return grid([truth, found], columns=2)


def grid(images: Sequence[np.ndarray], columns: int = 3, gap: int = 4, longest_side: int = 1600) -> np.ndarray:
    """Arrange pictures of any sizes in rows of `columns` -> one picture, white between them; each centred in its cell.

    Pictures longer than longest_side are shrunk to it. Raises ValueError without a picture.
    """
    if not images or columns < 1:
        raise ValueError(f"grid needs at least one picture and one column, got {len(images)} and {columns}")
    images = [_shrunk(image, longest_side) for image in images]
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
    """Plot loss terms, learning rate and AP of a run over its steps -> path of curves.png, written into its folder.

    Reads log.csv (step, lr, images_per_s, one column a loss term, perhaps iou) and, if there, eval.csv (step, AP, ...).
    Cells may be empty. Raises FileNotFoundError where the folder has neither.
    """
    folder = Path(folder)
    log, scores = _columns(folder / "log.csv"), _columns(folder / "eval.csv")
    groups = {
        "loss": {name: points for name, points in log.items() if name not in ("lr", "images_per_s", "iou")},
        "mean IoU": {name: points for name, points in log.items() if name == "iou"},
        "learning rate": {name: points for name, points in log.items() if name == "lr"},
        "AP": {name: kept for name, points in scores.items() if name.startswith("AP") and (kept := _measured(points))},
    }
    groups = {title: lines for title, lines in groups.items() if any(lines.values())}
    if not groups:
        raise FileNotFoundError(f"there is neither a log.csv nor an eval.csv with numbers in {folder}")
    _plot(groups, folder / "curves.png")
    return folder / "curves.png"


def outlines(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Picture with thin boxes [n, 4], also those that reach beyond it, in the colours of their classes -> a new one."""
    canvas = np.ascontiguousarray(image).copy()
    for box, label in zip(np.asarray(boxes).reshape(-1, 4), labels, strict=True):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour(label), 1)
    return canvas


def heat(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Picture, dimmed and grey, under a map of values [h, w] in [0, 1], each cell a square -> a new picture."""
    size = image.shape[1::-1]
    cells = cv2.resize(np.ascontiguousarray(values, np.float32), size, interpolation=cv2.INTER_NEAREST).clip(0, 1)
    share = np.sqrt(cells)[..., None]  # faint ones are seen as well
    warm = cv2.applyColorMap((cells * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) * 0.5
    return (grey * (1 - share) + warm * share).astype(np.uint8)


def marked(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Picture with a small cross at each of the points [n, 2] (x, y) -> a new picture."""
    canvas = np.ascontiguousarray(image).copy()
    for x, y in np.asarray(points).reshape(-1, 2):
        cv2.drawMarker(canvas, (int(x), int(y)), (255, 220, 60), cv2.MARKER_CROSS, 7, 1)
    return canvas


def enlarged(image: np.ndarray, boxes: np.ndarray, least: int = LEGIBLE) -> tuple[np.ndarray, np.ndarray]:
    """A picture smaller than `least` pixels, or names would hide what is on it, and its boxes, whole times larger."""
    times = max(1, least // max(image.shape[:2]))
    if times == 1:
        return image, boxes
    return cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST), boxes * times


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """Picture below a white strip with a line of text, cut to the width -> a new picture."""
    from PIL import Image, ImageDraw  # it comes with matplotlib

    width, font = image.shape[1], _font(14)
    strip = Image.new("RGB", (width, sum(font.getmetrics()) + 4), "white")
    ImageDraw.Draw(strip).text((2, 1), _shortened(printable(text), "", width - 4, font), fill="black", font=font)
    return np.concatenate([np.asarray(strip), image])


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


def _shrunk(image: np.ndarray, longest_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    zoom = longest_side / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if zoom < 1 else image


def _line_width(shape: tuple[int, ...]) -> int:
    return max(1, round(max(shape[:2]) / 320))


def _name(label: int, names: Sequence[str] | None) -> str:
    named = names is not None and 0 <= label < len(names)
    return printable(" ".join(str(names[label]).split())) if named else str(label)


def _write(canvas: np.ndarray, texts: list[tuple[str, str]], corners: list, colours: list) -> np.ndarray:
    """Labels (name, score) on filled boxes, above their box where there is room, never beyond the picture's edge."""
    from PIL import Image, ImageDraw  # it comes with matplotlib

    picture = Image.fromarray(canvas[..., ::-1])
    pen, font = ImageDraw.Draw(picture), _font(max(10, round(max(canvas.shape[:2]) / 45)))
    room_y, room_x = canvas.shape[:2]
    height = sum(font.getmetrics()) + 1
    for (name, score), (x, y), bgr in zip(texts, corners, colours, strict=True):
        text = _shortened(name, score, room_x - 4, font)
        width = round(font.getlength(text)) + 4
        x = max(0, min(x, room_x - width))
        y = y - height if y >= height else min(y, max(0, room_y - height))
        pen.rectangle((x, y, x + width - 1, y + height - 1), fill=bgr[::-1])
        ink = (0, 0, 0) if np.dot(bgr, (0.114, 0.587, 0.299)) > 110 else (255, 255, 255)
        pen.text((x + 2, y), text, fill=ink, font=font)
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _shortened(name: str, score: str, room: int, font: Any) -> str:
    """Name and score, the name cut until both fit into `room` pixels; the score is never cut."""
    text = name + score
    while name and font.getlength(text) > room:
        name = name[:-1]
        text = f"{name}\N{HORIZONTAL ELLIPSIS}{score}"
    return text


@cache
def _font(size: int) -> Any:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic; other letters show as an empty box."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _columns(path: Path) -> dict[str, Points]:
    """CSV with a step column -> (step, value) points of each other column, empty and non-numeric cells left out."""
    if not path.is_file():
        return {}
    points: dict[str, Points] = {}
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


def _measured(points: Points) -> Points:
    """Leave out the -1 that stands for nothing to measure."""
    return [(step, value) for step, value in points if value >= 0]


def _plot(groups: dict[str, dict[str, Points]], path: Path) -> None:
    """One panel a group, one line a column."""
    # The object interface with the Agg canvas needs no display and leaves the caller's pyplot alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
    for axes, (title, lines) in zip(panels, groups.items(), strict=True):
        for name, points in lines.items():
            look = {"linewidth": 2.2, "color": "black", "zorder": 3} if name in ("total", "AP") else {"linewidth": 1.2}
            axes.plot(*zip(*points, strict=True), label=name, marker="." if len(points) < 30 else None, **look)
        positive = any(value > 0 for points in lines.values() for _, value in points)
        axes.set(ylabel=title, yscale="log" if title.startswith("loss") and positive else "linear")
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    panels[-1].set_xlabel("step")
    with writing.replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def comparison(runs: dict[str, list[Path]], path: Path) -> None:
    """Plot the losses and the AP of several trainings, name -> folders of its seeds: a line a name, the mean of them.

    Reads log.csv and eval.csv. One panel for every loss term that all trainings share, one for AP if it was measured
    more than once. Nothing is written where no training has logged anything.
    """
    logs = {name: [_columns(folder / "log.csv") for folder in folders] for name, folders in runs.items()}
    logs = {name: kept for name, held in logs.items() if (kept := [log for log in held if log])}
    if not logs:
        return
    common = set.intersection(*(set(log) for held in logs.values() for log in held)) - {"lr", "images_per_s"}
    order = [name for name in next(iter(logs.values()))[0] if name in common]
    groups = {term: {name: _mean([log[term] for log in held]) for name, held in logs.items()} for term in order}
    scores = {name: [_columns(folder / "eval.csv") for folder in folders] for name, folders in runs.items()}
    points = {name: _mean([_measured(held["AP"]) for held in each if "AP" in held]) for name, each in scores.items()}
    if any(len(line) > 1 for line in points.values()):
        groups["AP"] = {name: line for name, line in points.items() if line}
    titles = {"AP": "AP", "iou": "mean IoU"}
    _plot({titles.get(term, f"loss: {term}"): lines for term, lines in groups.items()}, path)


def _mean(lines: list[Points]) -> Points:
    """Mean value at every step that any of the lines has."""
    values: dict[float, list[float]] = {}
    for line in lines:
        for step, value in line:
            values.setdefault(step, []).append(value)
    return [(step, sum(held) / len(held)) for step, held in sorted(values.items())]
