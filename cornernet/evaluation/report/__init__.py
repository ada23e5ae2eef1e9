"""The page that explains an evaluation: report/index.html, one file that opens anywhere, and its plots as SVG.

`write` is the door. images: truth and detections, image by image; matching: which detection is of which
object; plots, labels: the plots; listed: the list of images; run: what was run; sections, figures: the HTML.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.config import Config
from cornernet.data import Source
from cornernet.drawing import charts, gallery, page, script
from cornernet.evaluation.best_f1 import judged
from cornernet.evaluation.matching import overlapping
from cornernet.evaluation.metrics import thresholds
from cornernet.evaluation.report import listed
from cornernet.evaluation.report.images import by_image
from cornernet.evaluation.report.matching import confusion, match
from cornernet.evaluation.report.run import Run
from cornernet.evaluation.report.sections import Findings, compose
from cornernet.evaluation.scoring import Score
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found, drawn
from cornernet.system import writing
from cornernet.system.wording import counted

FOOTER = "Written by the CornerNet toolkit. The figures are those of metrics.json; the plots lie beside as SVG files."
NOTHING: Mapping[int, gallery.Picture] = {}


class Options(NamedTuple):
    """What the page shall show."""

    title: str
    draw_score: float | None = None  # score from which a detection is drawn and enters the confusion matrix
    # None: that of the best F1 of its class
    images: int = 5000  # that are listed at most
    run: Run | None = None  # what was run, where that is known

    def places(self, count: int) -> list[int]:
        """Places of the images of a set of `count` that are listed."""
        return listed.chosen(count, self.images)


def options(settings: Config, title: str, folder: str | Path = "", step: int | None = None) -> Options | None:
    """Settings of a run, a title, its folder and step -> what its evaluations report, None where test.report is off."""
    test, run = settings.test, Run(settings, Path(folder), step) if folder else None
    return Options(title, test.draw_score, test.report_images, run) if test.report else None


def write(
    folder: str | Path, source: Source, truth: Truth, found: Found, score: Score, options: Options,
    pictures: Mapping[int, gallery.Picture] = NOTHING,
) -> Path:  # fmt: skip
    """Write index.html and its plots into a folder, made if need be -> path of index.html.

    truth, found: as they were scored; score: what came of it. pictures: of images by their place, those at hand; of the
    source only images that are listed and not at hand are read. One that cannot be read is named on the page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts, files = compose(_findings(source, truth, found, score, options, pictures), options.run)
    for name, content in files.items():
        writing.write(folder / name, content)
    html = page.document(options.title, _subtitle(score), parts, FOOTER, script.SORT + script.GALLERY)
    # A name may hold half of a surrogate pair, which no encoding takes.
    writing.write(folder / "index.html", html.encode("utf-8", "replace"))
    return folder / "index.html"


def _findings(
    source: Source, truth: Truth, found: Found, score: Score, options: Options, held: Mapping[int, gallery.Picture]
) -> Findings:
    names, least = charts.plain(truth.class_names), drawn(options.draw_score, thresholds(score.metrics))
    each = by_image(truth, found)
    partners = [match(image) for image in each]
    places = options.places(len(each))
    pictures, unreadable = listed.read(source, places, held)
    cards = [listed.card(each[i], partners[i], least, truth.class_names, pictures.get(i), i) for i in places]
    counts, scored = confusion(each, partners, len(names), least), _scored(truth, found)
    return Findings(score.metrics, score.precision, names, each, counts, cards, unreadable, scored, least)


def _scored(truth: Truth, found: Found) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the detections that count, descending, and whether each is right."""
    near = overlapping(truth, found)
    right, counts = judged(truth, found, near)
    order = near.order[counts[near.order]]
    return found.scores[order], right[order]


def _subtitle(score: Score) -> str:
    metrics = score.metrics
    text = ", ".join(counted(getattr(metrics, f"{noun}s"), noun) for noun in ("image", "object", "detection"))
    return text + (f", {metrics.seconds_per_image:.3g} s an image" if metrics.seconds_per_image else "")
