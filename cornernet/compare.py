"""Trainings that differ in one thing or a few, side by side: run what is missing, score all, print and draw."""

import csv
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from cornernet import config, engine, evaluate, grid, inference, report
from cornernet.commandline import Interrupted
from cornernet.data.sources import build_source
from cornernet.grid import Choice, Plan
from cornernet.predictor import Predictor
from cornernet.signals import REQUESTS
from cornernet.visualize import comparison

log = logging.getLogger("cornernet")
SHOWN = ("AP", "AP50", "AP75", "AP90")
SIGNALS = {128 + number: number for number in REQUESTS}  # exit codes of a training that was asked to stop


class Row(NamedTuple):
    """One combination in the table."""

    label: dict[str, str]
    seeds: list[int]  # that have a result
    figures: dict[str, list[float]]  # name -> value for every seed
    images_per_s: list[float]  # in training


def compare(path: str, overrides: list[str], train_tool: Path) -> str:
    """Config and overrides as `grid.plan` takes them, the training tool -> the table, as text.

    Writes comparison.md, comparison.csv and comparison.png into the comparison's folder after every training, so that
    a stopped comparison has something to show; calling it again goes on. Raises ValueError for wrong settings, and
    where a training fails after the others are done; Interrupted after a signal.
    """
    found = grid.plan(path, overrides)
    for choice in grid.combinations({**found.trained, **found.tested}):  # a slip must not wait for its turn
        engine.check(config.load(path, [*found.fixed, *choice.overrides]))
    found.folder.mkdir(parents=True, exist_ok=True)
    trainings, failed = list(grid.runs(found)), []
    for number, (choice, seed) in enumerate(trainings, 1):
        name = " ".join([*choice.label.values(), f"seed {seed}"])
        folder, settings = grid.run_folder(found, choice, seed)
        if not _finished(folder, config.load(path, settings).train.steps):
            log.info("training %d of %d: %s", number, len(trainings), name)
            if _trained(found, folder, settings, train_tool):
                failed.append(name)
                continue
        _scored(found, choice, folder)
        write(found)
    text = write(found)
    if failed:
        log.info("%s", text)
        raise ValueError(f"{len(failed)} of {len(trainings)} trainings failed: {'; '.join(failed)}; see their messages")
    return text


def _finished(folder: Path, steps: int) -> bool:
    """Whether a training came to its end and was scored there."""
    rows = _rows(folder / "eval.csv")
    return (folder / "last.pt").exists() and (folder / "metrics.json").exists() and bool(rows) and (
        int(rows[-1]["step"]) >= steps
    )  # fmt: skip


def _trained(found: Plan, folder: Path, settings: list[str], tool: Path) -> int:
    """Run one training in a process of its own -> its exit code; its table goes to train.txt in its folder."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={found.processes}"]
    launch = torchrun if found.processes > 1 else []
    command = [sys.executable, *launch, str(tool), found.path, *settings, f"work_dir={folder}", "train.resume=auto"]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "train.txt", "a", encoding="utf-8") as output:
        # in a group of its own, so that it gets every signal once: from here
        process = subprocess.Popen(command, stdout=output, start_new_session=True)
        with passed_on(process) as passed:
            code = process.wait()
    if passed or code in SIGNALS:
        number = passed[0] if passed else SIGNALS[code]
        raise Interrupted(number, "comparison stopped; the same command goes on")
    return code


@contextmanager
def passed_on(process: subprocess.Popen) -> Iterator[list[int]]:
    """Hand signals that ask for a stop to a training, which saves, instead of dying before it -> those that came."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    before = {number: signal.signal(number, hand_on) for number in REQUESTS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _scored(found: Plan, trained: Choice, folder: Path) -> None:
    """Score a finished training in every way that is asked for and has not been yet."""
    for tested in grid.combinations(found.tested):
        wanted = grid.testing(found, trained, tested)
        target = _score_folder(folder, wanted)
        if (target / "metrics.json").exists():
            continue
        predictor = Predictor.load(folder / "last.pt", overrides=[f"test={grid.written(wanted)}"])
        settings = predictor.settings
        source = build_source(settings.data, "val", predictor.category_ids, predictor.class_names)
        evaluate.evaluate(
            predictor.detector, source, category_ids=predictor.category_ids, folder=target,
            backend=settings.test.backend, on_error=settings.data.on_error,
            report=report.wanted(settings, f"{folder.name}, {target.name}"), **inference.settings(settings),
        )  # fmt: skip


def _score_folder(folder: Path, wanted: dict[str, Any]) -> Path:
    """Where a score lies: in the training's own folder where it was tested like that, else in one inside."""
    own = asdict(config.load(folder / "config.yaml").test)
    return folder if own == wanted else folder / f"scored-{grid.digest(wanted)}"


def table(found: Plan) -> list[Row]:
    """The rows that have a result, in the order of the lists."""
    rows = []
    for trained in grid.combinations(found.trained):
        for tested in grid.combinations(found.tested):
            results, seeds, speeds = [], [], []
            for seed in found.seeds:
                folder, settings = grid.run_folder(found, trained, seed)
                if not _finished(folder, config.load(found.path, settings).train.steps):
                    continue
                file = _score_folder(folder, grid.testing(found, trained, tested)) / "metrics.json"
                if file.exists():
                    results.append(json.loads(file.read_text(encoding="utf-8")))
                    seeds.append(seed)
                    speeds += _speed(folder)
            figures = {name: [float(result[name]) for result in results] for name in SHOWN}
            if results:
                rows.append(Row({**trained.label, **tested.label}, seeds, figures, speeds))
    return rows


def _speed(folder: Path) -> list[float]:
    """Median pictures per second of a training, if it was logged."""
    speeds = [float(row["images_per_s"]) for row in _rows(folder / "log.csv")]
    return [statistics.median(speeds)] if speeds else []


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(found: Plan) -> str:
    """Write the table as Markdown and CSV, and the picture -> the table as Markdown."""
    rows = table(found)
    text = markdown(rows)
    (found.folder / "comparison.md").write_text(text + "\n", encoding="utf-8")
    with (found.folder / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_flat(rows))
    curves = {}
    for choice in grid.combinations(found.trained):
        folders = [grid.run_folder(found, choice, seed)[0] for seed in found.seeds]
        curves[" ".join(choice.label.values()) or "run"] = [folder for folder in folders if folder.exists()]
    comparison(curves, found.folder / "comparison.png")
    return text


def markdown(rows: list[Row]) -> str:
    """Rows -> a table of means, with the standard deviation over the seeds where there are several."""
    if not rows:
        return "no training is finished"
    names = list(rows[0].label)
    lines = [[*names, *SHOWN, "seeds", "images/s"]]
    for row in rows:
        figures = [spread(row.figures[name]) for name in SHOWN]
        speed = f"{statistics.median(row.images_per_s):.0f}" if row.images_per_s else "-"
        lines.append([*row.label.values(), *figures, str(len(row.seeds)), speed])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


def spread(values: list[float]) -> str:
    """Mean, and behind ± the standard deviation of two values or more; - where COCO has nothing to measure with."""
    if min(values) < 0:
        return "-"
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def _flat(rows: list[Row]) -> Iterator[list[Any]]:
    """Rows -> one line for every seed, for a spreadsheet."""
    if rows:
        yield [*rows[0].label, "seed", *SHOWN]
    for row in rows:
        for i, seed in enumerate(row.seeds):
            yield [*row.label.values(), seed, *(row.figures[name][i] for name in SHOWN)]
