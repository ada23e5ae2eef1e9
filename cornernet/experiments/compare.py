"""Trainings that differ in one thing or a few, side by side: run what is missing, score all, print and draw."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cornernet import config
from cornernet.errors import Interrupted
from cornernet.evaluation import evaluate_checkpoint
from cornernet.experiments import grid
from cornernet.experiments.evaluations import evaluations
from cornernet.experiments.grid import Choice, Plan
from cornernet.experiments.results import Row, finished, markdown, score_folder, write
from cornernet.system import locking
from cornernet.system.interruption import REQUESTS, heeded
from cornernet.system.locking import InUse, Lock
from cornernet.training import preflight, resumable

log = logging.getLogger("cornernet")
TRAIN = ("-m", "cornernet", "train")
CLAIM = ".claim"  # file whose lock a comparison holds in the folder of the training that it is at
WAIT = 5.0  # seconds between two looks at what others are doing
SIGNALS = {128 + number: number for number in REQUESTS}  # exit codes of a training that was asked to stop


class Point(NamedTuple):
    """One training."""

    name: str  # for people
    choice: Choice
    folder: Path
    settings: list[str]  # overrides


def compare(path: str, overrides: Sequence[str], **how: Any) -> tuple[list[Row], Path]:
    """Config, overrides and what else `grid.plan` takes -> (rows of the table, folder of the comparison).

    Writes comparison.md, .csv and .png and differences.csv into the comparison's folder after every training, so that a
    stopped comparison has something to show; calling it again goes on. Several may share a grid, also from several
    machines: each does what none is at, and waits for the rest. Raises ValueError for wrong settings, and
    where a training fails after the others are done; Interrupted after a signal.
    """
    found = grid.plan(path, overrides, **how)
    for choice in grid.combinations({**found.trained, **found.tested}):  # a slip must not wait for its turn
        preflight.check(config.load(path, [*found.fixed, *choice.overrides]), weights=False)
    points = [_point(found, choice, seed) for choice, seed in grid.runs(found)]
    for point in points:
        if not resumable(point.folder, "auto"):
            preflight.check_weights(config.load(path, point.settings))
    found.folder.mkdir(parents=True, exist_ok=True)
    failed = _do_all(found, points)
    rows = write(found)
    if failed:
        log.info(markdown(rows))
        raise ValueError(f"{len(failed)} of {len(points)} trainings failed: {'; '.join(failed)}; see their messages")
    return rows, found.folder


def _point(found: Plan, choice: Choice, seed: int) -> Point:
    folder, settings = grid.run_folder(found, choice, seed)
    return Point(" ".join([*choice.label.values(), f"seed {seed}"]), choice, folder, settings)


def _do_all(found: Plan, points: list[Point]) -> list[str]:
    """Train and score what is not done, wait for what others are at -> names of the trainings that failed.

    A point is claimed by a lock in its folder, so that comparisons on one grid, of other machines too, share it; one
    whose owner died is free again and goes on where it was.
    """
    left, told = points, ""
    failed: list[str] = []
    while left:
        busy = [point for point in left if not _done(found, point, points, failed)]
        text = "; ".join(f"{point.name} ({_worker(point.folder)})" for point in busy)
        if len(busy) == len(left):
            if text != told:
                log.info("waiting for what is done elsewhere: %s", text)
            told = text
            time.sleep(WAIT)
        left = busy
    return failed


def _done(found: Plan, point: Point, points: list[Point], failed: list[str]) -> bool:
    """Whether a point needs no more, as it is done by now or has failed; False where another is at it."""
    point.folder.mkdir(parents=True, exist_ok=True)
    try:
        claim = Lock(point.folder, 0, CLAIM)
    except InUse:
        return False
    with claim:
        if not finished(point.folder, config.load(found.path, point.settings).train.steps):
            if locking.held(point.folder):  # by a training that has lost its comparison
                return False
            log.info("training %d of %d: %s", points.index(point) + 1, len(points), point.name)
            if _trained(found, point.folder, point.settings):
                failed.append(point.name)
                return True
        _scored(found, point.choice, point.folder)
        write(found)
    return True


def _worker(folder: Path) -> str:
    """Who is at a point."""
    return locking.holder(folder / (CLAIM if locking.held(folder, CLAIM) else locking.FILE))


def _trained(found: Plan, folder: Path, settings: list[str]) -> int:
    """Run one training in a process of its own -> its exit code; its table goes to train.txt in its folder."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={found.processes}"]
    launch = torchrun if found.processes > 1 else []
    settings = [*settings, *evaluations(config.load(found.path, settings))]
    command = [sys.executable, *launch, *TRAIN, found.path, *settings, f"work_dir={folder}", "train.resume=auto"]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "train.txt", "a", encoding="utf-8") as output:
        # in a group of its own, so that it gets every signal once: from here
        start = partial(subprocess.Popen, command, stdout=output, start_new_session=True)
        with passed_on(start) as (process, passed):
            code = process.wait()
    if passed or code in SIGNALS:
        number = passed[0] if passed else SIGNALS[code]
        raise Interrupted(number, "comparison stopped; the same command goes on")
    return code


@contextmanager
def passed_on(start: Callable[[], subprocess.Popen]) -> Iterator[tuple[subprocess.Popen, list[int]]]:
    """Start a training and hand it the signals that ask for a stop, instead of dying before it, which saves.

    -> its process, and the signals that came.
    """
    came: list[int] = []
    process = None

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        tell(number)

    def tell(number: int) -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    before = {number: signal.signal(number, hand_on) for number in heeded()}
    try:
        process = start()
        for number in came[:1]:  # while there was nobody to tell
            tell(number)
        yield process, came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _scored(found: Plan, trained: Choice, folder: Path) -> None:
    """Score a finished training in every way that is asked for and has not been yet."""
    for tested in grid.combinations(found.tested):
        tested_with = grid.testing(found, trained, tested)
        target = score_folder(folder, tested_with)
        if (target / "metrics.json").exists():
            continue
        evaluate_checkpoint(folder / "last.pt", [f"test={grid.written(tested_with)}"], target)
