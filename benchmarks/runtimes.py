"""How long an image takes in a checkpoint and in the files exported from it, in turn, in one process of one thread."""

import sys
from pathlib import Path

import torch

from benchmarks.measure import Call, Stage, rows
from cornernet import graphs
from cornernet.checkpoints import load_detector
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.export import fixed_size
from cornernet.cli.keys import Reader, whole

USAGE = """python -m benchmarks.runtimes CHECKPOINT FILE ... [size=H,W repeats=N]

Shows an image of noise, of data.input_size or size=H,W, to the checkpoint and to each exported file N times (default
30) in turn, and prints the median of each, and of how many times as fast as the checkpoint it is; for example
  python -m benchmarks.runtimes runs/bccd/best.pt runs/bccd/best.onnx runs/bccd/best.xml"""


def main(checkpoint: str, files: list[str], size: tuple[int, int] | None = None, repeats: int = 30) -> None:
    """Time all and print a row for each."""
    torch.set_num_threads(1)
    detector, settings, _ = load_detector(checkpoint, [])
    sides = size or settings.data.input_size
    images = torch.randint(0, 256, (1, 3, *sides), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    runs = {path: shown(graphs.of_file(path).open(Path(path))[0], images) for path in files}
    plain = shown(detector.eval().predict, images)
    for row in rows(Stage(f"{sides[0]} x {sides[1]}", {checkpoint: plain, **runs}, plain, None), repeats):
        say(f"{row.work:60} {1e3 * row.ours:8.1f} ms, {row.gain:.2f} times as fast")


def shown(run, images: torch.Tensor) -> Call:
    """A function of images -> its call with these."""
    return torch.inference_mode()(lambda: run(images))


KEYS = {"size": Reader(fixed_size), "repeats": Reader(whole(1))}
COMMAND = Command(main, USAGE, paths=2, several=True, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
