"""What a comparison is about, gathered for its outputs: the rows, and what only the folders of the trainings hold."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.data import Source, build_source, typed_data
from cornernet.drawing import Points, columns, comparisons
from cornernet.experiments import grid
from cornernet.experiments.grid import Plan
from cornernet.experiments.outputs import tables
from cornernet.experiments.results import Row
from cornernet.system.wording import counted

Folders = dict[str, list[Path]]


class Subject(NamedTuple):
    """All that the outputs show."""

    title: str
    budget: str  # a sentence: what each member was given
    rows: Sequence[Row]
    courses: dict[str, list[Points]]  # name -> AP over the steps of each of its seeds
    gradients: dict[str, dict[str, Points]]  # name -> loss term -> norm at the shared features, mean over the seeds
    source: Callable[[], Source]  # the validation set; raises OSError or ValueError where it is not here


def gather(found: Plan, rows: Sequence[Row]) -> Subject:
    """A plan and its rows -> what there is to show of them."""
    folders = runs(rows)
    courses = {name: [x for x in map(_ap, held) if len(x) > 1] for name, held in folders.items()}
    gradients = {name: _gradients(held) for name, held in folders.items()}
    return Subject(found.name, budget(found, rows), rows, _filled(courses), _filled(gradients), partial(_source, found))


def _filled(held: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in held.items() if value}


def runs(rows: Sequence[Row]) -> Folders:
    """Name -> folders of its trainings that are here; rows that are scores of the same trainings have one name."""
    held: dict[tuple[Path, ...], str] = {}
    for name, row in zip(tables.names(rows), rows, strict=True):
        if folders := tuple(folder for folder in row.runs if folder):
            held.setdefault(folders, name)
    return {name: list(folders) for folders, name in held.items()}


def budget(found: Plan, rows: Sequence[Row]) -> str:
    """The sentence of what each member was given."""
    steps = sorted({step for row in rows for step in row.steps})
    text = f"Equal steps: {steps[0]} in each training." if steps else "Equal steps."
    if found.minutes is not None:
        text = f"Equal minutes: each member was trained for as many steps as take it {found.minutes:g} minutes."
    elif len(steps) > 1:
        text = f"Unequal steps: {steps[0]} to {steps[-1]}."
    if found.search:
        tried = counted(math.prod(map(len, found.search.values())), "trial")
        text += f" Before, each member had {tried} on training images that were held out; what won is named."
    return text


def _ap(folder: Path) -> Points:
    return columns.measured(columns.read(folder / "eval.csv").get("AP", []))


def _gradients(folders: Sequence[Path]) -> dict[str, Points]:
    """Term -> mean over the seeds at the steps that all have logged."""
    each = [held for folder in folders if (held := columns.read(folder / "gradients.csv"))]
    terms = [term for term in (each[0] if each else ()) if all(term in held for held in each)]
    means = {term: comparisons.spread([held[term] for held in each]) for term in terms}
    return {term: list(zip(steps, mean, strict=True)) for term, (steps, _, mean, _) in means.items() if len(steps)}


def _source(found: Plan) -> Source:
    """The validation set of the first member."""
    settings = grid.settings(found, grid.trainings(found)[0])
    return build_source(settings.data, "val", quiet=True, typed=typed_data(settings))
