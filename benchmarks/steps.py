"""Training steps of configs, and of what a user would train instead, in turns on one core."""

import csv
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.backbones import compare
from cornernet import config
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.profiling import random_batch
from cornernet.profiling.training_step import OBJECTS, PARTS, made, one_step
from cornernet.system.allocator import keep_memory

USAGE = """python -m benchmarks.steps CONFIG [CONFIG ...] [rounds=N] [peer=FILE.py] [key=value ...]

Times training steps of configs in turns, on noise with 8 objects of 3 classes an image, loaders left out. peer: a file
of yours that defines step(batch), which does one training step of something else on the first config's batch: images
[B, 3, H, W] uint8, boxes [B, M, 4] in pixels, labels and mask [B, M]. Prints CSV: the config, the median of the
seconds, and the median of the shares of the first. Seconds are those of the processor, for example
  OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.steps fast pretrained "data.input_size=[288, 384]\""""

CLASSES, COLUMNS = 3, ("config", "seconds", "share")


def main(paths: list[str], overrides: list[str], rounds: int = 7, peer: str = "") -> None:
    """Print the rows."""
    keep_memory()  # as a training does
    calls = [_training(path, overrides) for path in paths]
    if peer:
        step = runpy.run_path(peer)["step"]
        torch.manual_seed(0)
        batch = random_batch(config.load(paths[0], overrides), CLASSES, OBJECTS)
        calls.append(lambda: step(batch))
    rows = csv.writer(sys.stdout)
    rows.writerow(COLUMNS)
    for name, (seconds, share) in zip([*paths, *[Path(peer).name] * bool(peer)], compare(calls, rounds), strict=True):
        rows.writerow([name, f"{seconds:.4f}", f"{share:.2f}"])


def _training(path: str, overrides: list[str]) -> Callable[[], object]:
    settings = config.load(path, overrides)
    torch.manual_seed(0)
    detector, optimizer, batch = made(settings, CLASSES, OBJECTS, torch.device("cpu"))
    return lambda: one_step(detector, optimizer, batch, settings, {part: [] for part in PARTS})


KEYS = {"rounds": Reader(whole(1)), "peer": Reader(str)}
COMMAND = Command(main, USAGE, several=True, keys=KEYS)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
