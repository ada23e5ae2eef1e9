"""comparison/index.html: one page, offline, with all that a comparison shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornernet.drawing import MARK, Section, comparisons, page, script
from cornernet.experiments import matches
from cornernet.experiments.matches import Matches
from cornernet.experiments.outputs import images, markdown, panels, tables
from cornernet.experiments.outputs.images import Apart, Images
from cornernet.experiments.outputs.subject import Subject
from cornernet.experiments.outputs.tables import Cell, Table
from cornernet.experiments.results import Row
from cornernet.system.wording import counted, plural

FOOTER = "Written by the CornerNet toolkit. The same figures lie beside this page's folder as Markdown, CSV and LaTeX."
FOREST = (
    "Filled and coloured: told apart, p below 0.05, corrected for all pairs of the table by Holm. Each interval holds "
    "for itself. {best} is the best of these very figures, so that its lead is flattered a little."
)
IMAGES = "Images on which two differ"
SHORT = 40  # letters of a cell that is not broken into lines


def plots(shown: Subject) -> dict[str, Any]:
    """What there is to draw -> name of its file and the figure."""
    found = {"forest": _forest(shown.rows)} if len(shown.rows) > 1 else {}
    if shown.courses:
        found["comparison"] = comparisons.courses(shown.courses, "AP")
    if shown.gradients:
        found["gradients"] = comparisons.gradients(shown.gradients, "gradient norm at the shared features")
    return found


def _forest(rows: Sequence[Row]) -> Any:
    """Every other row minus the best one."""
    best, lines = tables.names(rows)[tables.best(rows)], []
    for one in tables.pairs(rows):
        if best in (one.first, one.second):
            turned = one if one.first == best else one.turned()
            interval = f"  [{tables.between(turned)}]" if one.seeds > 1 else ""
            text = f"{tables.points(turned.mean)}{interval}  n {one.seeds}"
            mean, low, high = (x * tables.POINTS for x in (turned.mean, turned.low, turned.high))
            lines.append(comparisons.Line(turned.second, mean, low, high, one.told, text))
    return comparisons.forest(lines, f"AP minus that of {best}", "points of AP, 95 % interval over the seeds")


def document(shown: Subject, drawn: Mapping[str, bytes]) -> str:
    """What there is to show, and its plots as PNG -> the page."""
    sections = [
        Section("figures", "Figures", _figures(shown)), *_differences(shown.rows, drawn), *_parts(shown.rows),
        *_courses(drawn), *_images(shown),
    ]  # fmt: skip
    number = sorted({len(row.seeds) for row in shown.rows})
    subtitle = f"{counted(len(shown.rows), 'member')}, {' or '.join(map(str, number))} {plural(number[-1], 'seed')}"
    return page.document(shown.title, subtitle, sections, FOOTER, script.SORT)


def _figures(shown: Subject) -> str:
    text = f"<p>{page.text(shown.budget)} {page.text(markdown.UNIT)}. A click on a head sorts.</p>"
    return text + _table(tables.figures(shown.rows))


def _differences(rows: Sequence[Row], drawn: Mapping[str, bytes]) -> list[Section]:
    if len(rows) < 2:
        return []
    best = page.name(tables.names(rows)[tables.best(rows)])
    plot = page.plot(drawn["forest"], "Differences in AP with their intervals", FOREST.format(best=best))
    rule = (
        "Points of AP (of 100), paired over the seeds: two trainings of one seed see the same images in one order. "
        "Interval and p by Student's t over the seeds, p corrected for all pairs by Holm."
    )
    return [
        Section("differences", "Differences", f"{plot}<p>{rule}</p>{_table(tables.differences(tables.pairs(rows)))}")
    ]


def _parts(rows: Sequence[Row]) -> list[Section]:
    """By size, by class, where there is anything to show."""
    found = []
    for key, title, table, rule in (
        (
            "sizes",
            "By size",
            tables.sizes(rows),
            "AP of objects below 32 x 32 pixels, above 96 x 96, and between them.",
        ),
        ("classes", "By class", tables.classes(rows), "AP of each class, and the highest minus the lowest mean."),
    ):
        if any(cell.value is not None for line in table.rows for cell in line):
            found.append(Section(key, title, f"<p>{rule} No difference here is tested.</p>{_table(table)}"))
    return found


def _courses(drawn: Mapping[str, bytes]) -> list[Section]:
    captions = {
        "comparison": "AP on the validation images: mean, and shaded from the lowest seed to the highest.",
        "gradients": "Norm of the gradient of each weighted loss term at the features that all heads share, mean over "
        "the seeds. A term far below the others hardly trains the backbone.",
    }
    parts = [page.plot(drawn[name], name, text) for name, text in captions.items() if name in drawn]
    return [Section("courses", "During training", "".join(parts))] if parts else []


def _images(shown: Subject) -> list[Section]:
    """Where the first member of the table and the best other one differ most."""
    rows = shown.rows
    if len(rows) < 2:
        return []
    other = 1 + tables.best(rows[1:])
    (first, broken), (second, damaged) = (_matches(rows[i]) for i in (0, other))
    found, hindered = images.apart(first, second), broken + damaged
    if not found:
        return [Section("images", IMAGES, _why(hindered))] if hindered else []
    names = tables.names(rows)[0], tables.names(rows)[other]
    seed = found.seeds[0]
    wanted = [image.name for image in (*found.better, *found.worse)]
    sides = list(zip(names, (first[seed], second[seed]), strict=True))
    drawn, absent = panels.draw(shown.source, sides, wanted)
    parts = [_group(names, names[1], found.better, drawn), _group(names, names[0], found.worse, drawn)]
    return [Section("images", IMAGES, _rule(names, found, bool(drawn)) + "".join(parts) + _why(hindered + absent))]


def _matches(row: Row) -> tuple[dict[int, Matches], list[str]]:
    """Seed -> its matches, and what is wrong with files that cannot be read."""
    held: dict[int, Matches] = {}
    damaged: list[str] = []
    for seed, file in zip(row.seeds, row.matches, strict=False):
        try:
            held |= {seed: matches.load(file)} if file else {}
        except (OSError, ValueError) as error:
            damaged.append(str(error))
    return held, damaged


def _why(hindered: Sequence[str]) -> str:
    return f"<p>Why images are not shown:</p>{page.listed(dict.fromkeys(hindered))}" if hindered else ""


def _rule(names: Sequence[str], found: Images, drawn: bool) -> str:
    first, second = map(page.name, names)
    better, equal, worse = found.counts
    text = (
        f"The first member, {first}, and the best other one, {second}: F1 at IoU 0.5 of each image, of the detections "
        f"from a training's own best score on, mean over {counted(len(found.seeds), 'seed')}. {second} is better on "
        f"{better}, {first} on {worse}, and they are equal on {equal}. Chosen because they differ, these images show "
        "what kinds of errors there are, not which member is better."
    )
    if drawn:
        text += f" Drawn are the detections of seed {found.seeds[0]}; {MARK} marks wrong ones."
    return f"<p>{text}</p>"


def _group(names: Sequence[str], better: str, found: Sequence[Apart], drawn: Mapping[str, np.ndarray]) -> str:
    """Images on which one is better: those that are drawn, and a table of the others."""
    if not found:
        return ""
    shots = [_photograph(image, names, drawn[image.name]) for image in found if image.name in drawn]
    rows = [
        [Cell(image.name), Cell(f"{image.first:.2f}", image.first), Cell(f"{image.second:.2f}", image.second)]
        for image in found if image.name not in drawn
    ]  # fmt: skip
    table = _table(Table(["image", *(f"F1 {name}" for name in names)], rows)) if rows else ""
    return f"<h3>{page.name(better)} is better</h3>{''.join(shots)}{table}"


def _photograph(image: Apart, names: Sequence[str], drawing: np.ndarray) -> str:
    scores = ", ".join(
        f"{page.name(name)} {score:.2f}" for name, score in zip(names, (image.first, image.second), strict=True)
    )
    alt = f"{image.name}: annotated, {names[0]}, {names[1]}"
    return page.photograph(drawing, alt, f"<b>{page.name(image.name)}</b> F1: {scores}")


def _table(found: Table) -> str:
    """Table -> HTML that can be sorted."""
    cells = [[_cell(cell) for cell in row] for row in found.rows]
    return page.table(found.head, cells, [_side([row[k] for row in found.rows]) for k in range(len(found.head))], True)


def _side(cells: Sequence[Cell]) -> str:
    """How a column is written: numbers, short texts, texts."""
    if all(cell.value is not None or cell.text == "-" for cell in cells):
        return "n"
    return "k" if max(len(cell.text) for cell in cells) <= SHORT else "t"


def _cell(cell: Cell) -> str:
    return page.name(cell.text) if cell.value is None else f'<data value="{cell.value!r}">{page.text(cell.text)}</data>'
