"""What each fast path by hand is worth on whole training steps and evaluations, beside its plain formulation."""

import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from cornernet import config
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.config import Config
from cornernet.data import build_source
from cornernet.data.loader import train_loader
from cornernet.data.source import Source
from cornernet.detectors.corner import proposals
from cornernet.detectors.corner.region import cpn
from cornernet.evaluation.evaluate import evaluate
from cornernet.ops import corner_pool, depthwise, roi_align
from cornernet.prediction import inference
from cornernet.profiling.training_step import CLASSES, PARTS, made, one_step
from cornernet.structures import Batch

USAGE = """python -m benchmarks.micro_optimisations CONFIG [rounds=N] [key=value ...]

Trains for a moment, so that heatmaps look like heatmaps, then times whole steps and, where there is a validation set,
an evaluation of a few images, with and without each fast path in turns. Prints CSV: medians of the seconds, median and
quartiles of plain / fast. Seconds are those of the processor, so that other processes count little, for example
  OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.micro_optimisations configs/shapes.yaml rounds=9
  ... configs/bccd.yaml data.root=DIR rounds=7
  ... configs/cornernet.yaml train.batch_size=1 rounds=3       (noise in place of a set that is not there; 10 GB)"""

PATHS = {  # what is fast by hand -> (owner, name, what makes it plain)
    "running_max": [(corner_pool, "pays", lambda *_: False)],
    "roi_align by rows": [(roi_align, "reads_rows", lambda *_: False)],
    "gradients of depthwise filters": [(depthwise, "pays", lambda *_: False)],
    "slots of the fullest image": [(proposals, "held_slots", lambda counted: counted.shape[1])],
    "bins by a matrix product": [(cpn.Whole, "forward", torch.nn.Conv2d.forward)],
}
COLUMNS = ("work", "measured", "variant", "rounds", "fast_s", "plain_s", "plain_over_fast",
           "lower_quartile", "upper_quartile")  # fmt: skip
STEPS, HELD, IMAGES = 25, 3, 12  # before anything is timed; batches that are timed; images of an evaluation


@contextmanager
def plain(variant: str) -> Iterator[None]:
    """Use the plain formulation while this lasts."""
    patches = [mock.patch.object(*given) for given in PATHS[variant]]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def compare(call: Callable[[int], Any], variant: str, rounds: int) -> list[float]:
    """Time call(round) fast and plain in turns -> medians of the seconds, median and quartiles of plain / fast."""
    rows = []
    for number in range(rounds):
        pair = [0.0, 0.0]
        for way in sorted((0, 1), reverse=number % 2 == 1):  # neither always comes first
            with plain(variant) if way else nullcontext():
                start = time.process_time()
                call(number)
                pair[way] = time.process_time() - start
        rows.append(pair)
    ratios = [slow / fast for fast, slow in rows]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if rounds > 1 else ratios * 3
    return [*map(statistics.median, zip(*rows, strict=True)), statistics.median(ratios), low, high]


def main(path: str, overrides: list[str], rounds: int = 5) -> None:
    """Print the rows of this config, and what they hold."""
    print(",".join(COLUMNS))
    settings = config.load(path, [*overrides, "data.workers=0", f"data.val.limit={IMAGES}"])
    sources = [build_source(settings.data, split) for split in ("train", "val")] if _has_data(settings) else []
    classes = len(sources[0].class_names) if sources else CLASSES
    torch.manual_seed(0)
    detector, optimizer, batch = made(settings, classes, 8, torch.device("cpu"))
    batches = _batches(settings, sources[0]) if sources else repeat(batch)
    seconds: dict[str, list[float]] = {part: [] for part in PARTS}
    for _ in range(STEPS if sources else 1):
        one_step(detector, optimizer, next(batches), settings, seconds)
    held = [next(batches) for _ in range(HELD)]
    _print(path, "step", lambda k: one_step(detector, optimizer, held[k % HELD], settings, seconds), rounds)
    if sources:
        detector, how = detector.eval(), inference.settings(settings)
        _print(path, "evaluation", lambda _: evaluate(detector, sources[1], progress=False, **how), rounds)


def _has_data(settings: Config) -> bool:
    named = settings.data.train.annotations
    return settings.data.name != "coco" or (named != "" and (Path(settings.data.root) / named).exists())


def _batches(settings: Config, source: Source) -> Iterator[Batch]:
    return iter(train_loader(settings.data, source, settings.train.batch_size, steps=STEPS + HELD, typed=True))


def _print(path: str, measured: str, call: Callable[[int], Any], rounds: int) -> None:
    rows = csv.writer(sys.stdout)
    for variant in PATHS:
        found = compare(call, variant, rounds)
        rows.writerow([Path(path).stem, measured, variant, rounds, *(f"{value:.4f}" for value in found)])


COMMAND = Command(main, USAGE, keys={"rounds": Reader(whole(1))})

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
