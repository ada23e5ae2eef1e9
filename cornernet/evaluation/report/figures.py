"""What of the page is made of figures: cards, tables, the caption of an image."""

from cornernet.drawing import page
from cornernet.evaluation.metrics import FIGURES, Metrics
from cornernet.evaluation.report.examples import Example
from cornernet.system.wording import counted

CARDS = ("AP", "AP50", "AP75", "AR100")


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
    """One row a class: number, name, objects, detections, AP with a bar, AP50."""
    rows = [
        (
            str(k),
            page.name(c.name),
            str(c.objects),
            str(c.detections),
            _bar(c.AP) + page.number(c.AP),
            page.number(c.AP50),
        )
        for k, c in enumerate(metrics.per_class, 1)
    ]
    shown = metrics.title("AP"), metrics.title("AP50")
    return page.table(("no.", "class", "objects", "detections", *shown), rows, "ntnnnn")


def _bar(value: float) -> str:
    return f'<span class="bar"><i style="width:{max(0, value):.1%}"></i></span>'


def described(found: Example) -> str:
    """Caption of an image: its name, and what was found."""
    right, wrong, missed = found.tally
    counts = f"{right} of {counted(right + missed, 'object')} found, {counted(wrong, 'wrong detection')}"
    return f"<b>{page.name(found.name)}</b> F1 {found.tally.f1:.2f}: {counts}"
