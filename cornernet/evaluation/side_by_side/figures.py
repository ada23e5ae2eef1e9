"""Figures of two runs beside one another, and the second minus the first."""

from collections.abc import Sequence
from typing import NamedTuple

from cornernet.drawing import page
from cornernet.evaluation.measures import FIGURES
from cornernet.evaluation.metrics import Metrics

POINTS = 100  # of a figure of 1


class Line(NamedTuple):
    """A figure of both, -1 where there is nothing to measure."""

    name: str
    values: tuple[float, float]
    texts: tuple[str, str]
    meaning: str
    higher: bool = True  # whether more is better

    @property
    def difference(self) -> float | None:
        """The second minus the first; None where one of them is not measured."""
        return None if min(self.values) < 0 else self.values[1] - self.values[0]


def lines(first: Metrics, second: Metrics) -> list[Line]:
    """All figures of both, the twelve of COCO first, the best F1 last."""
    others = {figure.name: figure for figure in second.rows()}
    found = [
        Line(
            first.title(one.name), (one.value, other.value), (one.text, other.text), one.meaning,
            one.name not in FIGURES or FIGURES[one.name].higher,
        )
        for one in first.rows()
        if (other := others.get(one.name))
    ]  # fmt: skip
    best = (first.best_f1, second.best_f1)
    return [*found, Line("F1", best, (page.rounded(best[0]), page.rounded(best[1])), "best F1 at IoU 0.50")]


def points(difference: float | None) -> str:
    """Difference -> hundredths with a sign; a dash for none."""
    return "-" if difference is None else f"{difference * POINTS:+.1f}"


def table(found: Sequence[Line], names: Sequence[str]) -> str:
    """Lines -> a table that can be sorted; of each two the better value is bold."""
    rows = [[page.name(x.name), *cells(x), page.text(x.meaning)] for x in found]
    return page.table(("figure", *names, "points", "measured at"), rows, "knnnt", sortable=True)


def classes(first: Metrics, second: Metrics, names: Sequence[str]) -> str:
    """AP, AP50 and best F1 of every class of both, and the difference in AP."""
    rows = []
    for one, other in zip(first.per_class, second.per_class, strict=True):
        line, *rest = (_line((getattr(one, key), getattr(other, key))) for key in ("AP", "AP50", "best_f1"))
        rows.append([page.name(one.name), page.number(one.objects, str(one.objects)), *cells(line)])
        rows[-1] += [cell for each in rest for cell in cells(each)[:2]]
    heads = [f"{figure} {name}" for figure in (first.title("AP50"), "F1") for name in names]
    heads = ["class", "objects", *(f"{first.title('AP')} {name}" for name in names), "points", *heads]
    return page.table(heads, rows, "k" + "n" * (len(heads) - 1), sortable=True)


def cells(line: Line) -> list[str]:
    """Both values, the better one bold, and their difference, as HTML."""
    shown = [page.number(value, text) for value, text in zip(line.values, line.texts, strict=True)]
    change = line.difference
    if change:
        better = int((change > 0) == line.higher)
        shown[better] = f"<b>{shown[better]}</b>"
    return [*shown, page.rounded(-1) if change is None else f'<data value="{change!r}">{points(change)}</data>']


def _line(values: tuple[float, float]) -> Line:
    return Line("", values, (page.rounded(values[0]), page.rounded(values[1])), "")
