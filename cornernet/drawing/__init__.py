"""Images for people: boxes on images (boxes), maps over them (maps), panels of them (panels), plots (plots, charts),
and the pages of HTML that hold them (page, style, script), with lists of images whose boxes lie over them (gallery,
verdicts).

Images are [h, w, 3] uint8 BGR, and a new one is returned. Every plot of the toolkit is made on a `figure`. Called by
the detectors, prediction, evaluation, training, experiments and the command line.
"""

from cornernet.drawing.boxes import colour, draw, outlines
from cornernet.drawing.columns import Points
from cornernet.drawing.maps import heat, marked
from cornernet.drawing.page import Section
from cornernet.drawing.panels import MARK, captioned, enlarged, fitted, grid, judged, truth_and_predictions
from cornernet.drawing.plots import curves, figure

__all__ = [
    "MARK", "Points", "Section", "captioned", "colour", "curves", "draw", "enlarged", "figure", "fitted", "grid",
    "heat", "judged", "marked", "outlines", "truth_and_predictions",
]  # fmt: skip
