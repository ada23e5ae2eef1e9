"""The page that explains an evaluation: report/index.html, one file that opens anywhere, and its pictures as PNG.

`write` is the door. pictures: ground truth and results, picture by picture; matching: which detection is of which
object; plots, labels, drawing: the plots; examples: the best and worst pictures; sections, page, style: the HTML.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.config import Config
from cornernet.data.sources.source import Source
from cornernet.evaluation.report.drawing import plain
from cornernet.evaluation.report.examples import COUNT, draw, ranked
from cornernet.evaluation.report.matching import confusion, match, tally
from cornernet.evaluation.report.page import document
from cornernet.evaluation.report.pictures import by_picture
from cornernet.evaluation.report.sections import Findings, compose
from cornernet.evaluation.scoring import Score
from cornernet.system import writing


class Wanted(NamedTuple):
    """What the page shall show."""

    title: str
    draw_score: float = 0.3  # score from which a detection is drawn and enters the confusion matrix


def wanted(settings: Config, title: str) -> Wanted | None:
    """Settings of a run and a title -> what its evaluations report, None where test.report is off."""
    return Wanted(title, settings.test.draw_score) if settings.test.report else None


def write(
    folder: str | Path, source: Source, truth: dict[str, Any], results: Sequence[dict[str, Any]], score: Score,
    wanted: Wanted,
) -> Path:  # fmt: skip
    """Write index.html and its pictures into a folder, made if need be -> path of index.html.

    truth, results: COCO dicts as they were scored; score: what came of it. Of the source only the pictures that are
    shown are read; one that cannot be read is named on the page. Pictures of an earlier report are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts, files = compose(_findings(source, truth, results, score, wanted.draw_score))
    for kind in ("best", "worst"):  # there may have been more of them before
        for k in range(1, COUNT + 1):
            (folder / f"{kind}_{k}.png").unlink(missing_ok=True)
    for name, content in files.items():
        writing.write(folder / name, content)
    html = document(wanted.title, _subtitle(score), parts)
    # A name may hold half of a surrogate pair, which no encoding takes.
    writing.write(folder / "index.html", html.encode("utf-8", "replace"))
    return folder / "index.html"


def _findings(source: Source, truth: dict, results: Sequence[dict], score: Score, least: float) -> Findings:
    metrics, names = score.metrics, plain([c.name for c in score.metrics.per_class])
    each = by_picture(truth, results, score.category_ids)
    partners = [match(picture) for picture in each]
    tallies = [tally(picture, partner, least) for picture, partner in zip(each, partners, strict=True)]
    (best, bad), (worst, worse) = (draw(source, each, partners, order, names, least) for order in ranked(tallies))
    counts = confusion(each, partners, len(names), least)
    return Findings(metrics, score.precision, names, each, partners, counts, best, worst, bad + worse, least)


def _subtitle(score: Score) -> str:
    metrics = score.metrics
    text = f"{metrics.images} pictures, {metrics.objects} objects, {metrics.detections} detections"
    return text + (f", {metrics.seconds_per_image:.3g} s a picture" if metrics.seconds_per_image else "")
