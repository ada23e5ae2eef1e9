"""The page that explains an evaluation: report/index.html, one file that opens anywhere, and its images as PNG.

`write` is the door. images: truth and detections, image by image; matching: which detection is of which
object; plots, labels: the plots; examples: the best and worst images; sections, figures: the HTML.
"""

from pathlib import Path
from typing import NamedTuple

from cornernet.config import Config
from cornernet.data import Source
from cornernet.drawing import charts, page
from cornernet.evaluation.metrics import thresholds
from cornernet.evaluation.report.examples import COUNT, draw, ranked
from cornernet.evaluation.report.images import by_image
from cornernet.evaluation.report.matching import confusion, match, tally
from cornernet.evaluation.report.sections import Findings, compose
from cornernet.evaluation.scoring import Score
from cornernet.evaluation.truth import Truth
from cornernet.prediction import Found, Least, drawn
from cornernet.system import writing
from cornernet.system.wording import counted

FOOTER = "Written by the CornerNet toolkit. The figures are those of metrics.json; the images lie beside as PNG files."


class Options(NamedTuple):
    """What the page shall show."""

    title: str
    draw_score: float | None = None  # score from which a detection is drawn and enters the confusion matrix
    # None: that of the best F1 of its class


def options(settings: Config, title: str) -> Options | None:
    """Settings of a run and a title -> what its evaluations report, None where test.report is off."""
    return Options(title, settings.test.draw_score) if settings.test.report else None


def write(
    folder: str | Path, source: Source, truth: Truth, found: Found, score: Score, options: Options,
) -> Path:  # fmt: skip
    """Write index.html and its images into a folder, made if need be -> path of index.html.

    truth, found: as they were scored; score: what came of it. Of the source only the images that are
    shown are read; one that cannot be read is named on the page. Images of an earlier report are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    least = drawn(options.draw_score, thresholds(score.metrics))
    parts, files = compose(_findings(source, truth, found, score, least))
    for kind in ("best", "worst"):  # there may have been more of them before
        for k in range(1, COUNT + 1):
            (folder / f"{kind}_{k}.png").unlink(missing_ok=True)
    for name, content in files.items():
        writing.write(folder / name, content)
    html = page.document(options.title, _subtitle(score), parts, FOOTER)
    # A name may hold half of a surrogate pair, which no encoding takes.
    writing.write(folder / "index.html", html.encode("utf-8", "replace"))
    return folder / "index.html"


def _findings(source: Source, truth: Truth, found: Found, score: Score, least: Least) -> Findings:
    metrics, names = score.metrics, charts.plain([c.name for c in score.metrics.per_class])
    each = by_image(truth, found)
    partners = [match(image) for image in each]
    tallies = [tally(image, partner, least) for image, partner in zip(each, partners, strict=True)]
    (best, bad), (worst, worse) = (draw(source, each, partners, order, names, least) for order in ranked(tallies))
    counts = confusion(each, partners, len(names), least)
    return Findings(metrics, score.precision, names, each, partners, counts, best, worst, bad + worse, least)


def _subtitle(score: Score) -> str:
    metrics = score.metrics
    text = ", ".join(counted(getattr(metrics, f"{noun}s"), noun) for noun in ("image", "object", "detection"))
    return text + (f", {metrics.seconds_per_image:.3g} s an image" if metrics.seconds_per_image else "")
