"""Images for people: boxes (boxes) in the colours of their classes (colours), maps over images (maps), panels of them
(panels), plots (plots, charts), and the pages of HTML that hold them (page, style, script), with lists of images whose
boxes lie over them (gallery, verdicts).

Images are [h, w, 3] uint8 BGR, and a new one is returned. Every plot of the toolkit is made on a `figure`. Called by
the detectors, prediction, evaluation, training, experiments and the command line.
"""

from cornernet.drawing.boxes import STYLE, Style, draw, outlines
from cornernet.drawing.colours import colour
from cornernet.drawing.columns import Points
from cornernet.drawing.labels import MARK, Labels, placed
from cornernet.drawing.maps import arrows, heat, marked
from cornernet.drawing.page import Section
from cornernet.drawing.panels import captioned, fitted, grid, judged, legible, truth_and_predictions
from cornernet.drawing.plots import curves, figure

__all__ = [
    "MARK", "STYLE", "Labels", "Points", "Section", "Style", "arrows", "captioned", "colour", "curves", "draw",
    "figure", "fitted", "grid", "heat", "judged", "legible", "marked", "outlines", "placed",
    "truth_and_predictions",
]  # fmt: skip
