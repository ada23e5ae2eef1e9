"""The worst images of a diagnosis: objects by what became of them, detections, and the scores over the image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.drawing import charts, figure
from cornernet.evaluation.diagnosis.found import Seen
from cornernet.system.wording import counted

FOUND, STRAY, LINK = "#3ddc67", "#ff3b30", "#35c9ff"  # objects and detections that match, detections that do not, pairs
HUES = ("#ffd60a", "#ff4fc3", "#2f62ff", "#ff8c00", "#b14dff", "#ffffff", "#00c7b0", "#b8f000")  # none like these
STROKES = ("solid", (0, (3, 1.5)), (0, (1, 1)))  # which tell reasons of one hue apart
PANEL = 5.5  # inches, its longest side
Look = tuple[str, Any]  # colour and stroke
Panel = Callable[[Any, Seen, dict[str, Look]], None]


def draw(seen: Seen, looks: dict[str, Look], path: Path, min_score: float) -> None:
    """Write an image as PNG: the objects by reason, the detections shown, and each of its heats, with a legend."""
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
        panel(axes, seen, looks)
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


def _objects(axes: Any, seen: Seen, looks: dict[str, Look]) -> None:
    axes.imshow(seen.image[..., ::-1], extent=_whole(seen))
    for box, reason in sorted(zip(seen.boxes.tolist(), seen.reasons, strict=True), key=lambda x: x[1] != ""):
        _box(axes, box, looks[reason] if reason else (FOUND, "solid"), 2 if reason else 0.9)


def _detections(axes: Any, seen: Seen, looks: dict[str, Look]) -> None:
    axes.imshow(seen.image[..., ::-1], extent=_whole(seen))
    for box, matched in zip(seen.shown.boxes.tolist(), (seen.objects >= 0).tolist(), strict=True):
        _box(axes, box, (FOUND if matched else STRAY, "solid"), 1.2)


def _heat(title: str) -> Panel:
    """Panel of a heat over the grey image, with the pairs of the detections shown and the objects missed."""

    def panel(axes: Any, seen: Seen, looks: dict[str, Look]) -> None:
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

    plain = {"found": FOUND, "matches no object": STRAY} | ({"pair of corners": LINK} if len(seen.links) else {})
    entries: dict[str, Look] = {text: (colour, "solid") for text, colour in plain.items()}
    entries |= {f"missed: {reason}": look for reason, look in looks.items() if reason in seen.reasons}
    lines = [Line2D([], [], color=colour, linestyle=stroke, linewidth=2) for colour, stroke in entries.values()]
    for line in lines:
        line.set_path_effects([withStroke(linewidth=3.2, foreground="black")])
    drawn.legend(lines, list(entries), loc="outside lower center", ncols=min(4, len(lines)), fontsize="small")


def _whole(seen: Seen) -> tuple[float, float, float, float]:
    height, width = seen.image.shape[:2]
    return (0, width, height, 0)
