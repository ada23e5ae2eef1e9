"""What an image costs: on the shipped network and others behind EfficientNet-Lite0, and on the published ones."""

import csv
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from cornernet import config, detectors
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, choice, whole
from cornernet.prediction import inference
from cornernet.system.allocator import keep_memory

USAGE = """python -m benchmarks.backbones [networks=small|published] [rounds=N]

Times one image from pixels to boxes on networks of random weights, all in turns: small ones of 288x384
and 3 classes, or the published corner detectors of 511x511 and 80 classes. Prints CSV: the config, what of it is
changed, the median of the seconds, and the median of the shares of the first network's. Seconds are those of the
processor, so that other processes count little, for example
  OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.backbones rounds=15
  OMP_NUM_THREADS=1 python -m benchmarks.backbones networks=published rounds=3"""

WIDE, NARROW = "model.head.channels=64", "model.head.channels=24"
FULL, ONCE, TWICE = "test.precision=fp32", "test.flip=false", "test.flip=true"
SMALL = (  # a config, and what of it is changed
    ("custom", FULL),
    ("custom",),
    ("custom", ONCE),
    ("anchor_custom",),
    ("anchor_custom", ONCE),
    ("pretrained", FULL),
    ("pretrained",),
    ("pretrained", ONCE),
    ("fast", TWICE),
    ("fast", FULL),
    ("fast",),
    ("pretrained", ONCE, WIDE),
    ("pretrained", ONCE, WIDE, "model.backbone.args.levels=4"),
    ("pretrained", ONCE, NARROW, "model.backbone.stride=4"),
    ("pretrained", ONCE, WIDE, "model.backbone.stride=4"),
)


class Networks(NamedTuple):
    """Networks that are timed beside each other, the height and width of their image, and their classes."""

    networks: tuple[tuple[str, ...], ...]
    size: tuple[int, int]
    classes: int


NETWORKS = {
    "small": Networks(SMALL, (288, 384), 3),
    "published": Networks((("cornernet_hg52", ONCE), ("squeeze", ONCE), ("cornernet", ONCE)), (511, 511), 80),
}
COLUMNS = ("config", "changed", "seconds", "share")


def main(networks: str = "small", rounds: int = 15) -> None:
    """Print the rows."""
    keep_memory()  # as a process does that loads a detector
    given = NETWORKS[networks]
    calls = [_detecting(given, *each) for each in given.networks]
    rows = csv.writer(sys.stdout)
    rows.writerow(COLUMNS)
    for (name, *changed), (seconds, share) in zip(given.networks, compare(calls, rounds), strict=True):
        rows.writerow([name, " ".join(changed), f"{seconds:.4f}", f"{share:.2f}"])


def compare(calls: list[Callable[[], object]], rounds: int) -> list[tuple[float, float]]:
    """Time calls in turns, after one that does not count -> medians of the seconds and of the shares of the first."""
    taken = [[_seconds(each) for each in calls] for _ in range(rounds + 1)][1:]
    shares = [[each / row[0] for each in row] for row in taken]
    seconds, relative = ([statistics.median(column) for column in zip(*x, strict=True)] for x in (taken, shares))
    return list(zip(seconds, relative, strict=True))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _detecting(given: Networks, name: str, *changed: str) -> Callable[[], object]:
    size = [f"data.input_size={list(given.size)}", f"data.longest_side={max(given.size)}", "model.backbone.weights=''"]
    torch.manual_seed(0)
    settings = config.load(name, [*size, *changed])
    detector = detectors.build(settings, given.classes, with_loss=False).eval()
    detector = detector.to(memory_format=torch.channels_last)  # as checkpoints are loaded
    image = np.random.default_rng(0).integers(0, 256, (*given.size, 3), np.uint8)
    return lambda: inference.detect(detector, [image], flip=settings.test.flip, precision=settings.test.precision)


KEYS = {"networks": Reader(choice(*NETWORKS)), "rounds": Reader(whole(1))}
COMMAND = Command(main, USAGE, paths=0, overrides=False, keys=KEYS)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
