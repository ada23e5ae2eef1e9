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
from typing import Any

from cornernet import config
from cornernet.errors import Interrupted
from cornernet.experiments import comparison, grid, planning, points, recording, rows, runs, slurm
from cornernet.experiments.evaluations import evaluations
from cornernet.experiments.grid import Plan
from cornernet.experiments.outputs import write
from cornernet.experiments.outputs.markdown import brief as markdown
from cornernet.experiments.points import Point
from cornernet.experiments.results import Row
from cornernet.system import locking
from cornernet.system.interruption import REQUESTS, heeded
from cornernet.system.locking import InUse, Lock
from cornernet.training import preflight, resumable

log = logging.getLogger("cornernet")
TRAIN = ("-m", "cornernet", "train")
CLAIM = ".claim"  # file whose lock a comparison holds in the folder of the training that it is at
WAIT = 5.0  # seconds between two looks at what others are doing
SIGNALS = {128 + number: number for number in REQUESTS}  # exit codes of a training that was asked to stop


def compare(path: str | Path, overrides: Sequence[str] = (), **how: Any) -> tuple[list[Row], Path]:
    """Config or comparison, overrides and keys of a comparison -> (rows of the table, folder of the comparison).

    Writes the table into the comparison's folder after every training, so that a stopped comparison has something to
    show; calling it again goes on. What has a row in the file of rows is done, wherever it was trained. Several may
    share a grid, also from several machines: each does what none is at, and waits for the rest. Raises ValueError for
    wrong settings, and where a training fails after the others are done; Interrupted after a signal.
    """
    found = planning.plan(path, overrides, **how)
    for choice in grid.trainings(found):  # a slip must not wait for its turn
        for way in (*grid.tests(found, choice), *(grid.tried(found, choice))):
            preflight.check(grid.settings(found, way), weights=False)
    failed: list[str] = []
    count = 0
    for stage in (points.timings, points.trials, points.points):
        wanted = stage(found, points.held(found))
        _check(found, wanted)
        found.folder.mkdir(parents=True, exist_ok=True)
        comparison.save(found)
        rows.check_folder(found.rows)
        failed += _work(found, wanted)
        count += len(wanted)
    held = write(found)
    if failed:
        log.info(markdown(held))
        raise ValueError(f"{len(failed)} of {count} trainings failed: {'; '.join(failed)}; see their messages")
    return held, found.folder


def _work(found: Plan, wanted: list[Point]) -> list[str]:
    """Do all points here, or as jobs those that are not done -> names of the trainings that failed."""
    if found.executor == "local":
        return do_all(found, wanted)
    there = points.held(found)
    return slurm.submit(found, [point for point in wanted if not _recorded(point, there)], do_all)


def _check(found: Plan, wanted: list[Point]) -> None:
    """Look at weights to begin with before any training, and name rows of other settings."""
    there = points.held(found)
    for point in wanted:
        if not _recorded(point, there) and not resumable(point.folder, "auto"):
            preflight.check_weights(config.load(found.path, point.settings))
    known = {point.kind for point in wanted}, {key for point in wanted for key in point.keys()}
    asked = [(test.label, point.seed) for point in wanted for test in point.tests]
    others = [
        f"{' '.join(label.values())} seed {record['seed']} (config {record['config']})"
        for key, record in there.items()
        if record["kind"] in known[0] and key not in known[1]
        and ((label := rows.labels(record)), int(record["seed"])) in asked
    ]  # fmt: skip
    if others:
        log.info("%s: rows of other settings stay and are not counted: %s", found.rows, "; ".join(others))


def do_all(found: Plan, wanted: list[Point]) -> list[str]:
    """Train and score what is not done, wait for what others are at -> names of the trainings that failed.

    A point is claimed by a lock in its folder, so that comparisons on one grid, of other machines too, share it; one
    whose owner died is free again and goes on where it was.
    """
    left, told = wanted, ""
    failed: list[str] = []
    while left:
        busy = [point for point in left if not _done(found, point, wanted, failed)]
        text = "; ".join(f"{point.name} ({_worker(point.folder)})" for point in busy)
        if len(busy) == len(left):
            if text != told:
                log.info("waiting for what is done elsewhere: %s", text)
            told = text
            time.sleep(WAIT)
        left = busy
    return failed


def _recorded(point: Point, there: points.Held) -> bool:
    """Whether a point has all its rows."""
    return all(key in there for key in point.keys())


def _done(found: Plan, point: Point, wanted: list[Point], failed: list[str]) -> bool:
    """Whether a point needs no more, as it is done by now or has failed; False where another is at it."""
    if _recorded(point, points.held(found)):
        return True
    point.folder.mkdir(parents=True, exist_ok=True)
    try:
        claim = Lock(point.folder, 0, CLAIM)
    except InUse:
        return False
    with claim:
        if not _recorded(point, points.held(found)):  # by one who held the claim until now
            if not runs.finished(point.folder, config.load(found.path, point.settings).train.steps):
                if locking.held(point.folder):  # by a training that has lost its comparison
                    return False
                log.info("training %d of %d: %s", wanted.index(point) + 1, len(wanted), point.name)
                if _trained(found, point.folder, point.settings):
                    failed.append(point.name)
                    return True
            rows.add(found.rows, recording.records(found, point))
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
        alone = {name: value for name, value in os.environ.items() if name != "SLURM_PROCID"}  # one of srun's tasks
        start = partial(subprocess.Popen, command, stdout=output, start_new_session=True, env=alone)
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
