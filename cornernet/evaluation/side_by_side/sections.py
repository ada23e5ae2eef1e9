"""The parts of the page of two runs."""

from collections.abc import Sequence
from statistics import median

from cornernet.config import differences
from cornernet.drawing import Section, columns, page
from cornernet.evaluation.side_by_side import curves, figures, images
from cornernet.evaluation.side_by_side.alike import Alike
from cornernet.evaluation.side_by_side.member import Member
from cornernet.evaluation.side_by_side.standing import Standing
from cornernet.system import invoked

OWN = ("work_dir", "data.val.digest")  # keys that say nothing of what was trained
CAUTION = """One training each: with another seed both figures would be others, so that this is what two networks do,
and not what two settings are worth. For that train several seeds of each with compare_losses."""


def compose(both: Sequence[Standing], shared: Alike) -> list[Section]:
    """Two runs on what both have -> the sections in order."""
    names, (first, second) = [x.member.name for x in both], (x.metrics for x in both)
    found = figures.table(figures.lines(first, second), names)
    unit = f"{page.name(names[1])} minus {page.name(names[0])}, in points of 0.01; the better value is bold."
    return [
        Section("figures", "Figures", f"<p>Differences are {unit} {page.text(CAUTION)}</p>{found}"),
        Section("run", "What was run", _run([x.member for x in both], shared)),
        Section("classes", "Classes", figures.classes(first, second, names)),
        Section("curves", "Curves", curves.html(both)),
        Section("images", "Images on which they differ", images.html(both, shared)),
    ]


def _run(members: Sequence[Member], shared: Alike) -> str:
    """Settings that differ, and how both went, as a table."""
    apart = differences.apart(*(x.settings for x in members))
    changed = {key: values for key, values in apart.items() if key not in OWN}
    rows = [(page.text(key), *(page.name(invoked.cut(x)) for x in values)) for key, values in changed.items()]
    rows += [(title, *cells) for title, cells in _course(members) if any(cell != "-" for cell in cells)]
    rows.append(("detections", *(x.origin for x in members)))
    lead = "" if changed else "<p>No setting differs.</p>"
    if shared.left_out:
        lead += "<p>The validation sets differ; all figures here are of the images that both have, annotated alike:</p>"
        lead += page.listed(shared.left_out)
    return lead + page.table(("", *(x.name for x in members)), rows, "ktt")


def _course(members: Sequence[Member]) -> list[tuple[str, list[str]]]:
    logs = [columns.read(x.folder / "log.csv") for x in members]
    steps = [[step for step, _ in log.get("lr", [])] for log in logs]
    titles = (("images a second, median", "images_per_s", ".1f"), ("memory, MiB", "memory_mib", ".0f"))
    return [
        ("steps", [f"{max(each):.0f}" if each else "-" for each in steps]),
        *((title, [_middle(log.get(key, []), form) for log in logs]) for title, key, form in titles),
    ]


def _middle(points: columns.Points, form: str) -> str:
    return f"{median(value for _, value in points):{form}}" if points else "-"
