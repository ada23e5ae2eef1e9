"""The worst images of a diagnosis: objects by what became of them, detections, and the scores over the image."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.drawing import Labels, charts, figure, placed
from cornernet.evaluation.diagnosis.found import Seen
from cornernet.system.wording import counted

# Objects and detections that match, detections that do not, pairs; told apart with any colour vision, from the hues too
# by their strokes and the circles at both ends of a pair
FOUND, STRAY, LINK = "#56b4e9", "#d55e00", "#b8f000"
HUES = ("#f0e442", "#cc79a7", "#009e73", "#e69f00", "#0072b2")  # of the reasons
STROKES = ("solid", (0, (3, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))  # reasons of one hue
DARK = ("#0072b2",)  # grounds on which letters are white
WRONG = (0, (2, 1))  # stroke of what matches nothing
PANEL = 5.5  # inches, its longest side
LETTERS = 7.5  # points, of the names of classes
Look = tuple[str, Any]  # colour and stroke
Panel = Callable[[Any, Seen, dict[str, Look], Labels], None]


def draw(seen: Seen, looks: dict[str, Look], path: Path, min_score: float, labels: Labels = "auto") -> None:
    """Write an image as PNG: the objects by reason, the detections shown, and each of its heats, with a legend.

    labels: which boxes have the names of their classes, as in `drawing.draw`.
    """
    panels: list[tuple[Panel, str]] = [
        (_objects, "objects"),
        (_detections, f"detections with a score of {min_score:g} or more"),
    ]
    panels += [(_heat(title), title) for title in seen.heat]
    columns, (height, width) = 3 if len(panels) % 3 == 0 else 2, seen.image.shape[:2]
    rows, scale = -(-len(panels) // columns), PANEL / max(height, width)
    drawn = figure(columns * max(width * scale, 2.5) + 0.3, rows * (height * scale + 0.4) + 1.1)
    places = drawn.subplots(rows, columns, squeeze=False).flatten()
    for axes, (panel, title) in zip(places, panels, strict=False):
        panel(axes, seen, looks, labels)
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_title(title, fontsize="small")
    for axes in places:
        axes.set_axis_off()
    drawn.suptitle(_title(seen), fontsize="medium", parse_math=False)
    _legend(drawn, seen, looks)
    drawn.savefig(path, dpi=110)


def palette(vocabulary: dict[str, str]) -> dict[str, Look]:
    """A colour and a stroke for every reason, the same in all images of a diagnosis."""
    rounds = ((hue, stroke) for stroke in STROKES for hue in HUES)
    return dict(zip(vocabulary, rounds, strict=False))


def _title(seen: Seen) -> str:
    missed, stray = sum(map(bool, seen.reasons)), int((seen.objects < 0).sum())
    text = f"{missed} of {counted(len(seen.reasons), 'object')} missed, detections that match none: {stray}"
    return f"{charts.writable(seen.file_name)}: {text}"


def _objects(axes: Any, seen: Seen, looks: dict[str, Look], labels: Labels) -> None:
    axes.imshow(seen.image[..., ::-1], extent=_whole(seen))
    boxes, found = seen.boxes.tolist(), (FOUND, "solid")
    for box, reason in sorted(zip(boxes, seen.reasons, strict=True), key=lambda x: x[1] != ""):
        _box(axes, box, looks[reason] if reason else found, 2 if reason else 0.9)
    missed_first = sorted(range(len(seen.names)), key=lambda m: not seen.reasons[m])
    colours = [looks[seen.reasons[m]][0] if seen.reasons[m] else FOUND for m in missed_first]
    _names(axes, seen, [seen.names[m] for m in missed_first], [boxes[m] for m in missed_first], colours, labels)


def _detections(axes: Any, seen: Seen, looks: dict[str, Look], labels: Labels) -> None:
    axes.imshow(seen.image[..., ::-1], extent=_whole(seen))
    boxes, looks_of = seen.shown.boxes.tolist(), [(FOUND, "solid") if m >= 0 else (STRAY, WRONG) for m in seen.objects]
    for box, look in zip(boxes, looks_of, strict=True):
        _box(axes, box, look, 1.2)
    _names(axes, seen, seen.found_as, boxes[: len(seen.found_as)], [colour for colour, _ in looks_of], labels)


def _names(
    axes: Any, seen: Seen, names: Sequence[str], boxes: list[list[float]], colours: list[str], labels: Labels
) -> None:
    """Write the names of boxes, the first having the choice of places, on grounds of these colours."""
    if labels == "none" or not names:
        return
    texts = [charts.writable(name) for name in names]
    shape = seen.image.shape[:2]
    letter = LETTERS / 72 / PANEL * max(shape)  # height of one in pixels of the image
    sizes = [(ceil(0.62 * letter * len(text)), ceil(1.35 * letter)) for text in texts]
    held = np.array(boxes).round().astype(np.int64) - [0, 0, 1, 1]
    for text, place, colour in zip(texts, placed(sizes, held, shape, labels == "all"), colours, strict=False):
        if place is not None:
            ground = {"facecolor": colour, "edgecolor": "none", "pad": 0.6}
            ink = "white" if colour in DARK else charts.INK
            axes.text(*place, text, fontsize=LETTERS, va="top", parse_math=False, bbox=ground, color=ink)


def _heat(title: str) -> Panel:
    """Panel of a heat over the grey image, with the pairs of the detections shown and the objects missed."""

    def panel(axes: Any, seen: Seen, looks: dict[str, Look], labels: Labels) -> None:
        grey = seen.image.mean(-1) * 0.6
        heat = np.sqrt(seen.heat[title].astype(np.float32))  # a faint score must be seen too
        axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=_whole(seen))
        axes.imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=heat, extent=seen.extent)
        for (x1, y1), (x2, y2) in seen.links.tolist():
            axes.plot([x1, x2], [y1, y2], color=LINK, linewidth=0.8, marker="o", markersize=5, markerfacecolor="none")
        for box, reason in zip(seen.boxes.tolist(), seen.reasons, strict=True):
            if reason:
                _box(axes, box, looks[reason], 1.2)

    return panel


def _box(axes: Any, box: list[float], look: Look, width: float) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    (x1, y1, x2, y2), (colour, stroke) = box, look
    patch = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linestyle=stroke, linewidth=width)
    patch.set_path_effects([withStroke(linewidth=width + 1.2, foreground="black")])  # seen on any ground
    axes.add_patch(patch)


def _legend(drawn: Any, seen: Seen, looks: dict[str, Look]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    entries: dict[str, Look] = {"found": (FOUND, "solid"), "matches no object": (STRAY, WRONG)}
    entries |= {"pair of corners": (LINK, "solid")} if len(seen.links) else {}
    entries |= {f"missed: {reason}": look for reason, look in looks.items() if reason in seen.reasons}
    lines = [Line2D([], [], color=colour, linestyle=stroke, linewidth=2) for colour, stroke in entries.values()]
    for line in lines:
        line.set_path_effects([withStroke(linewidth=3.2, foreground="black")])
    drawn.legend(lines, list(entries), loc="outside lower center", ncols=min(4, len(lines)), fontsize="small")


def _whole(seen: Seen) -> tuple[float, float, float, float]:
    height, width = seen.image.shape[:2]
    return (0, width, height, 0)
