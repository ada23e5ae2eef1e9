"""What a comparison trains, in three stages: short runs that are timed, trials of a search, and the table's trainings.

What a stage depends on it reads from the rows of those before it, so that every machine comes to the same trainings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from cornernet.evaluation import chosen
from cornernet.experiments import grid, rows
from cornernet.experiments.grid import Choice, Plan
from cornernet.experiments.rows import Key, Record

TIMED, WARM = 40, 20  # steps of a run that is timed, and those of them that do not count
SHORT = [
    "test.report=false", "train.eval_every=0", "train.callbacks=[]", "train.save_every=0", "data.val.limit=2",
    "train.val_loss_images=0", "train.warmup_steps=0", "train.log_every=10", f"train.steps={TIMED}",
]  # fmt: skip
Held = Mapping[Key, Record]


class Test(NamedTuple):
    """A way in which a training is scored."""

    label: dict[str, str]
    settings: dict[str, Any]  # under test
    digest: str


class Point(NamedTuple):
    """One training."""

    kind: str  # of its rows
    name: str  # for people
    label: dict[str, str]
    seed: int
    folder: Path
    settings: list[str]  # overrides
    digest: str
    tests: list[Test]  # a row each
    searched: str = ""  # what of the settings a search tries, or has found

    def keys(self) -> list[Key]:
        """Of its rows."""
        return [(self.kind, self.digest, test.digest, str(self.seed)) for test in self.tests]


def held(found: Plan) -> dict[Key, Record]:
    """The rows that are there."""
    return {rows.key(record): record for record in rows.read(found.rows)}


def timings(found: Plan, there: Held) -> list[Point]:
    """The runs that are timed, one for each member, with the config's seed, where the budget is in minutes."""
    return [_timing(found, choice) for choice in grid.trainings(found)] if found.minutes is not None else []


def _timing(found: Plan, choice: Choice) -> Point:
    seed = found.first
    digest = grid.digest({"settings": grid.training_digest(found, choice), "minutes": found.minutes}, 12)
    settings = [*found.fixed, *choice.overrides, *SHORT, f"seed={seed}"]
    folder = grid.run_folder(found, ["timing", *choice.label.values()], seed, digest)
    test = Test(choice.label, {}, "")
    return Point("timing", f"timing {choice.name}".strip(), choice.label, seed, folder, settings, digest, [test])


def trials(found: Plan, there: Held) -> list[Point]:
    """The trials of the search, as many for each member, with the config's seed; none of one that has no steps yet.

    They train on a part of the training images and are scored on the others; the validation set is not read.
    """
    choices = grid.trainings(found) if found.search else []
    return [
        point for choice in choices if (budget := _budget(found, choice, there)) is not None
        for point in _trials(found, choice, budget)
    ]  # fmt: skip


def _trials(found: Plan, choice: Choice, budget: list[str]) -> Iterator[Point]:
    for tried in grid.combinations(found.search):
        more = [*tried.overrides, *budget, f"data.val.search={found.share:g}"]
        yield from _points(found, "trial", choice, [found.first], more, tried.overrides)


def points(found: Plan, there: Held) -> list[Point]:
    """The trainings of the table, all with the first seed, then all with the next, so that a part is of use early.

    Those of members whose steps or best values are not known yet are left out.
    """
    settled = [(choice, more) for choice in grid.trainings(found) if (more := _settled(found, choice, there))]
    each = [_points(found, "point", x, found.seeds, [*best, *budget], best) for x, (best, budget) in settled]
    return [point for seed in zip(*each, strict=True) for point in seed]


def _points(
    found: Plan, kind: str, choice: Choice, seeds: Sequence[int], more: list[str], searched: list[str]
) -> Iterator[Point]:
    """The trainings of a combination; all but a trial are scored in every way that is asked for."""
    ways = grid.tests(found, choice) if kind == "point" else [choice]
    digest = grid.training_digest(found, choice, *more)
    tests = [_test(found, way) for way in ways]
    named = [] if kind == "point" else [kind]
    for seed in seeds:
        folder = grid.run_folder(found, [*named, *choice.label.values()], seed, digest)
        settings = [*found.fixed, *choice.overrides, *more, f"seed={seed}"]
        name = " ".join([*named, *choice.label.values(), *(searched if named else []), f"seed {seed}"])
        yield Point(kind, name, choice.label, seed, folder, settings, digest, tests, " ".join(searched))


def _test(found: Plan, way: Choice) -> Test:
    values = asdict(grid.settings(found, way).test)
    return Test(way.label, values, grid.test_digest(values))


def _settled(found: Plan, choice: Choice, there: Held) -> tuple[list[str], list[str]] | None:
    """The overrides that a search has found for a combination, and those of its budget; None where one is missing."""
    budget = _budget(found, choice, there)
    best = None if budget is None else _best(found, choice, budget, there)
    return None if best is None or budget is None else (best, budget)


def _budget(found: Plan, choice: Choice, there: Held) -> list[str] | None:
    """The override that gives a combination its steps; None where it has not been timed yet."""
    if found.minutes is None:
        return []
    (key,) = _timing(found, choice).keys()
    return [f"train.steps={there[key]['steps']}"] if key in there else None


def _best(found: Plan, choice: Choice, budget: list[str], there: Held) -> list[str] | None:
    """The overrides of the best trial by train.metric, of equal ones the first; None before any has come to its end."""
    if not found.search:
        return []
    metric = chosen(grid.settings(found, choice).train.metric, typed=True)
    tried = zip(_trials(found, choice, budget), grid.combinations(found.search), strict=True)
    done = [(there[key], tried.overrides) for point, tried in tried for key in point.keys() if key in there]
    return max(done, key=lambda pair: metric.rank(rows.figures(pair[0])))[1] if done else None
