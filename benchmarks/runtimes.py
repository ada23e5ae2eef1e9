"""What an image costs in a checkpoint and in the files exported from it, in turn, in one process of one thread."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cornernet import graphs
from cornernet.checkpoints import load_detector
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.export import fixed_size
from cornernet.cli.keys import Reader, whole

USAGE = """python -m benchmarks.runtimes CHECKPOINT FILE ... [size=H,W repeats=N]

Shows an image of noise, of data.input_size or size=H,W, to the checkpoint and to each exported file N times (default
30) in turn, and prints the median of each and that of its share of the checkpoint's in the same round. Time is that of
the processor, which other work on the machine does not count in; for example
  python -m benchmarks.runtimes runs/bccd/best.pt runs/bccd/best.onnx runs/bccd/best.xml"""


def main(checkpoint: str, files: list[str], size: tuple[int, int] | None = None, repeats: int = 30) -> None:
    """Time all and print a row for each."""
    torch.set_num_threads(1)
    detector, settings, _ = load_detector(checkpoint, [])
    sides = size or settings.data.input_size
    images = torch.randint(0, 256, (1, 3, *sides), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    runs = [detector.eval().predict, *(graphs.of_file(path).open(Path(path))[0] for path in files)]
    taken = [[seconds(run, images) for run in runs] for _ in range(repeats + 1)][1:]  # the first does not count
    for path, own in zip([checkpoint, *files], zip(*taken, strict=True), strict=True):
        share = statistics.median(one / row[0] for one, row in zip(own, taken, strict=True))
        say(f"{path:60} {1e3 * statistics.median(own):8.1f} ms, {share:.2f} of the checkpoint's")


@torch.inference_mode()
def seconds(run: Callable[[Tensor], object], images: Tensor) -> float:
    """Time of the processor that a call takes."""
    start = time.process_time()
    run(images)
    return time.process_time() - start


KEYS = {"size": Reader(fixed_size), "repeats": Reader(whole(1))}
COMMAND = Command(main, USAGE, paths=2, several=True, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
