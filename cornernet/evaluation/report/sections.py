"""The parts of the page, each with its plots, and the rules by which they were made."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cornernet.drawing import Section, charts, gallery, page
from cornernet.evaluation.metrics import Metrics
from cornernet.evaluation.report import figures, labels, listed, plots, run
from cornernet.evaluation.report.images import Image, objects
from cornernet.evaluation.report.matching import condensed
from cornernet.prediction import DRAWN, Least, in_words
from cornernet.system.wording import counted

KEPT = 20  # classes with a row of their own in the confusion matrix
MIXED = 10  # rows of the table of confusions
UNREAD = 20  # images that are named
SMALL, LARGE = 32**2, 96**2  # square pixels


class Findings(NamedTuple):
    """All that the page is made of."""

    metrics: Metrics
    precision: np.ndarray  # [T, R, K, A, M]
    names: list[str]  # of the classes, for plots
    images: list[Image]
    confusion: np.ndarray  # [K + 1, K + 1]
    cards: list[gallery.Card]  # the images of the list
    unreadable: list[str]  # what hindered reading others
    scored: tuple[np.ndarray, np.ndarray]  # scores of all detections, descending, and whether each is right, [D]
    least: Least  # score, of all or of each class, from which a detection is drawn and enters the confusions


def compose(found: Findings, told: run.Run | None = None) -> tuple[list[Section], dict[str, bytes]]:
    """The sections in order, and every plot in them as an SVG file by its name; told: what was run."""
    counts = [c.objects for c in found.metrics.per_class]
    order = sorted((k for k, count in enumerate(counts) if count), key=lambda k: -counts[k])
    files: dict[str, bytes] = {}
    parts = [
        *(_run(told, found, files) if told else ()),
        Section("figures", "COCO figures", _quiet(found) + figures.figures(found.metrics)),
        Section("classes", "Classes", figures.classes(found.metrics) + _note(found.names)),
        _precision_recall(found, order, files),
        _confusion(found, order, files),
        _sizes(found, files),
        _scores(found, files),
        _labels(found, counts, order, files),
        _images(found),
    ]
    return parts, files


def _run(told: run.Run, found: Findings, files: dict[str, bytes]) -> list[Section]:
    html, drawn = run.section(told, found.metrics)
    files |= {"training.svg": drawn} if drawn else {}
    return [Section("run", "What was run", html)]


def _quiet(found: Findings) -> str:
    """What to do where the detector is sure of nothing."""
    best = max((image.scores.max() for image in found.images if len(image.scores)), default=0.0)
    if best >= DRAWN or not found.metrics.objects:
        return ""
    return (
        f'<p class="note">No detection has a score of {DRAWN} or more, the best has {best:.2f}: this detector has not '
        "learnt its classes yet. Train longer; train.lr may be too low or too high as well.</p>"
    )


def _note(names: Sequence[str]) -> str:
    """What the numbers in the plots mean, where a name could not be written there."""
    if not any(name == charts.numbered(k) for k, name in enumerate(names, 1)):
        return ""
    return '<p class="quiet">Plots give a class by its number where their font cannot write its name.</p>'


def _precision_recall(found: Findings, order: Sequence[int], files: dict[str, bytes]) -> Section:
    files["precision_recall.svg"] = plots.precision_recall(found.precision, found.metrics, found.names, order)
    alt = "Precision over recall at IoU 0.50, 0.75 and on average; beside it a curve for each of the frequent classes"
    caption = "Precision as COCO has it: the best at this recall or a higher one. The number is the area, the AP."
    return Section("curves", "Precision and recall", page.plot(files["precision_recall.svg"], alt, caption))


def _confusion(found: Findings, order: Sequence[int], files: dict[str, bytes]) -> Section:
    unseen = [k for k in np.argsort(-found.confusion[:-1].sum(1) - found.confusion[:, :-1].sum(0)) if k not in order]
    keep = sorted([*order, *unseen][: KEPT if len(found.names) > KEPT + 1 else len(found.names)])
    rest = len(found.names) - len(keep)
    small = condensed(found.confusion, keep)
    names = [found.names[k] for k in keep]
    if rest:
        names.append(f"{counted(rest, 'other')}")
    else:
        small = np.delete(np.delete(small, len(keep), 0), len(keep), 1)
    files["confusion.svg"] = plots.confusion(small, names)
    rule = (
        f"Detections with {in_words(found.least)}; each, the best first, takes the free object that it overlaps most "
        "with an IoU of 0.5 or more, whatever the class. Detections in crowds of their class are left out. "
        "The row <em>nothing</em> is of detections without an object, the column <em>missed</em> of objects without a "
        "detection. The colour is the share of the row."
    )
    if rest:
        rule += f" The {len(keep)} classes with the most objects have a row; "
        rule += f"the {counted(rest, 'other')} {'is' if rest == 1 else 'are'} added up in one."
    matrix = page.plot(files["confusion.svg"], "Confusion matrix: annotated class by class found")
    return Section("confusion", "Confusions", f"<p>{rule}</p>{matrix}{_mixed(found)}")


def _mixed(found: Findings) -> str:
    """Table of the classes that were most often taken for another one."""
    counts = found.confusion[:-1, :-1].copy()
    np.fill_diagonal(counts, 0)
    rows, names = [], [c.name for c in found.metrics.per_class]
    for at in np.argsort(-counts, axis=None, kind="stable")[:MIXED]:
        true, taken = np.unravel_index(at, counts.shape)
        if count := int(counts[true, taken]):
            share = count / found.confusion[true].sum()
            rows.append((page.name(names[true]), page.name(names[taken]), str(count), f"{share:.1%}"))
    if not rows:
        return "<p>No object was found under another class.</p>"
    return "<h3>Most frequent</h3>" + page.table(("annotated", "found as", "objects", "of its class"), rows, "ttnn")


def _sizes(found: Findings, files: dict[str, bytes]) -> Section:
    areas = np.concatenate([np.zeros(0), *(image.areas[objects(image)] for image in found.images)])
    small, large = int((areas < SMALL).sum()), int((areas > LARGE).sum())
    files["sizes.svg"] = plots.sizes(found.metrics, (small, len(areas) - small - large, large))
    values = ", ".join(f"{size} {page.rounded(getattr(found.metrics, f'AP_{size}'))}" for size in plots.SIZES)
    caption = "Small is an area below 32 x 32 pixels, large one above 96 x 96, as annotated."
    return Section("sizes", "Object sizes", page.plot(files["sizes.svg"], f"AP by object size: {values}", caption))


def _scores(found: Findings, files: dict[str, bytes]) -> Section:
    values, right = found.scored
    number = found.metrics.objects
    line, meaning = _line(found)
    files["scores.svg"] = plots.scores(values, right, number, line)
    caption = (
        "Right is a detection that takes an object of its class at IoU 0.5, as in the table of classes. The dashed "
        f"line is {meaning}, {line:.3g}."
    )
    if found.metrics.best_f1_threshold >= 0:
        best, least = found.metrics.best_f1, found.metrics.best_f1_threshold
        caption += f" The best F1, {best:.3f}, is reached from {least:.3f} on."
    alt = "Histogram of the scores of right and wrong detections; precision, recall and F1 over the lowest score kept"
    return Section("scores", "Scores", page.plot(files["scores.svg"], alt, caption))


def _line(found: Findings) -> tuple[float, str]:
    """Score at which the plot has its line, and what it is."""
    if not isinstance(found.least, Sequence):
        return found.least, "test.draw_score"
    known = found.metrics.best_f1_threshold >= 0
    return found.metrics.best_f1_threshold if known else DRAWN, "the score of the best F1 of all classes together"


def _images(found: Findings) -> Section:
    rule = (
        f"By the F1 of the detections with {in_words(found.least)}, matched as in the confusion matrix; among "
        "equals the most errors first. A click or Enter enlarges an image, with the classes of its boxes; there the "
        "arrow keys turn pages and Escape closes."
    )
    left = len(found.images) - len(found.cards)
    if left:
        rule += f" {len(found.cards)} of {counted(len(found.images), 'image')} are listed, evenly spread over the set; "
        rule += f"test.report_images={len(found.images)} lists all."
    cards = sorted(found.cards, key=lambda card: (card.keys["f1"], -card.keys["errors"]))
    html = f"<p>{rule}</p>"
    if found.unreadable:
        first = found.unreadable[:UNREAD]
        more = f"<p>and {len(found.unreadable) - UNREAD} more.</p>" if len(found.unreadable) > UNREAD else ""
        html += "<p>These could not be read, and only their boxes are shown:</p>" + page.listed(first) + more
    names = [one.name for one in found.metrics.per_class]
    return Section("images", "Images", html + gallery.html(cards, names, listed.ORDERS))


def _labels(found: Findings, counts: Sequence[int], order: Sequence[int], files: dict[str, bytes]) -> Section:
    crowds = sum(int(image.crowd.sum()) for image in found.images)
    empty = sum(not len(objects(image)) for image in found.images)
    absent = len(counts) - len(order)
    lead = f"{counted(len(found.images), 'image')}, {empty} of them without objects; {counted(sum(counts), 'object')}"
    lead += f" and {counted(crowds, 'crowd')}, which are not counted below" if crowds else ""
    lead += f"; without an object: {absent} of {counted(len(counts), 'class')}" if absent else ""
    files["classes.svg"] = labels.per_class(counts, found.names, order)
    files["boxes.svg"] = labels.boxes(found.images)
    some = f"The {labels.MOST} most frequent classes." if len(order) > labels.MOST else ""
    first = page.plot(files["classes.svg"], "Number of objects of each class", some)
    alt = "Histograms of the size of the boxes, of their aspect ratio and of the number of objects an image"
    caption = "The dashed lines are 32 and 96 pixels, the bounds of the COCO sizes for full boxes, and a square."
    second = page.plot(files["boxes.svg"], alt, caption)
    return Section("labels", "The data", f"<p>{lead}.</p>{first}{second}")
