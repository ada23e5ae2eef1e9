"""What of the page is made of figures: cards and tables."""

from cornernet.drawing import charts, page
from cornernet.evaluation.metrics import FIGURES, Metrics

CARDS = ("AP", "AP50", "AP75", "AR100")
BEST = ("precision", "recall", "F1", "from score")


def figures(metrics: Metrics) -> str:
    """Cards of the most read figures, and all of them as a table."""
    cards = "".join(
        f'<div class="card"><span>{metrics.title(key)}</span><b>{page.number(getattr(metrics, key))}</b>'
        f"<span>{page.text(FIGURES[key].rpartition(', all sizes')[0])}</span></div>"
        for key in CARDS
    )
    rows = [
        (page.text(metrics.title(each.name)), page.number(each.value, each.text), page.text(each.meaning))
        for each in metrics.rows()
    ]
    return f'<div class="cards">{cards}</div>{page.table(("figure", "value", "measured at"), rows, "knt")}'


def classes(metrics: Metrics) -> str:
    """One row a class: its colour and name, objects, detections, AP with a bar, AP50, and what the best F1 takes."""
    rows = [
        (
            str(k + 1),
            page.swatch(charts.hue(k)) + page.name(c.name),
            str(c.objects),
            str(c.detections),
            _bar(c.AP) + page.number(c.AP),
            *map(page.number, (c.AP50, c.best_f1_precision, c.best_f1_recall, c.best_f1, c.best_f1_threshold)),
        )
        for k, c in enumerate(metrics.per_class)
    ]
    heads = "no.", "class", "objects", "detections", metrics.title("AP"), metrics.title("AP50"), *BEST
    return page.table(heads, rows, "nt" + "n" * 8, sortable=True) + _together(metrics)


def _together(metrics: Metrics) -> str:
    """What precision and recall are of, and what they are of all classes."""
    text = (
        "Precision, recall and F1 are those at IoU 0.50 of the detections from the score on with which F1 is largest."
    )
    if metrics.best_f1_threshold >= 0:
        text += (
            f" All classes together have F1 {metrics.best_f1:.3f} from {metrics.best_f1_threshold:.3f} on, precision "
        )
        text += f"{metrics.best_f1_precision:.3f}, recall {metrics.best_f1_recall:.3f}."
    return f'<p class="quiet">{text}</p>'


def _bar(value: float) -> str:
    return f'<span class="bar"><i style="width:{max(0, value):.1%}"></i></span>'
