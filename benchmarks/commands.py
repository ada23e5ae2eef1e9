"""The table of whole commands: ours beside what a user would pick instead, in turns, on one pinned core and on two."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch

from benchmarks import results
from benchmarks.works import WAYS, WORKS, Given, Work, given
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.keys import Reader, whole
from cornernet.evaluation.metrics import aligned
from cornernet.experiments.recording import commit

USAGE = """python -m benchmarks.commands CHECKPOINT FILE.csv [only=WORK,WORK] [rounds=N] [cores=1,2] [key=value ...]

Times a checkpoint of ours beside torchvision's RetinaNet and SSDLite and commands of your own, on generated images of
640 x 480, and appends a row for each way of each work to FILE.csv:
  predict   one image to boxes, without flip: PyTorch in fp32, and in bf16 where the hardware has it, ONNX in fp32 and
            int8, OpenVINO where it is installed
  train     training steps with loader and transforms in one process
  evaluate  images=50 of a validation set to the figures of COCO
  cold      a process that predicts one image, beside one that imports torch; peer="yolo predict ..." too, or several
            with ; between them
ways="PyTorch fp32;ONNX int8" times no others of ours and torchvision's.
Ways take turns, rounds=7 times after one that does not count: medians and quartiles of the seconds, of the processor's,
and of the share of the first way in a round. least_s is what multiply-adds and bytes take at the peak that a bare
convolution and a copy reach here, in seconds of the processor by core. The weights of torchvision's are random. A start
of a training on a large set is not among them; for example
  python -m benchmarks.commands runs/bccd/best.pt FILE.csv
  python -m benchmarks.commands best.pt FILE.csv only=cold cores=1 "peer=yolo predict model=yolo11n.pt source=a.jpg"
  python -m benchmarks.commands best.pt FILE.csv only=evaluate images=5000 rounds=1 "ways=PyTorch fp32;ONNX fp32\""""
COLUMNS = ("work", "way", "cores", "rounds", "seconds", "lower", "upper", "processor_s", "share", "processor_share",
           "images_per_s", "least_s", "load", "command", "commit")  # fmt: skip
SHOWN = ("work", "way", "cores", "seconds", "lower", "upper", "processor_s", "share", "images_per_s", "least_s")


class Taken(NamedTuple):
    """Seconds of one call."""

    wall: float
    processor: float  # of this process and those that it waited for


def main(
    checkpoint: str, path: str, overrides: list[str], only: tuple[str, ...] = tuple(WORKS), rounds: int = 7,
    cores: tuple[int, ...] = (1, 2), images: int = 50, peer: str = "", ways: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Append the rows and print them."""
    chosen = [f"ways={';'.join(ways)}"] * bool(ways)
    words = " ".join(["python -m benchmarks.commands", checkpoint, *overrides, *chosen])
    commands = tuple(text.strip() for text in peer.split(";") if text.strip())
    shown = []
    for count in sorted(cores):  # threads keep the cores that were allowed when they began
        pin(count)
        with tempfile.TemporaryDirectory() as folder:
            made = given(checkpoint, overrides, Path(folder), images, commands)
            for row in rows(made, only, rounds, ways):
                row |= {"cores": count, "command": words, "commit": commit()}
                results.append(Path(path), COLUMNS, [row])
                shown.append([str(row.get(name, "-")) for name in SHOWN])
    say("\n".join(aligned([SHOWN, *shown], "<<" + ">" * (len(SHOWN) - 2))))


def pin(count: int) -> None:
    """Compute on so many cores alone, where the system can be told so; raises ValueError where there are fewer."""
    if count > (os.cpu_count() or 1):
        raise ValueError(f"cores={count}: this machine has {os.cpu_count()}")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def rows(made: Given, names: tuple[str, ...], rounds: int, ways: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Time these works -> a row for each of their ways, or of those that are named."""
    for name in names:
        torch.manual_seed(0)
        work = WORKS[name](made)
        if ways:
            work = work._replace(
                ways={way: run for way, run in work.ways.items() if way in ways or way in made.commands}
            )
        for way, row in timed(work, rounds).items() if work.ways else ():
            yield {"work": name, "way": way, "rounds": rounds, "load": f"{os.getloadavg()[0]:.1f}", **row}


def timed(work: Work, rounds: int) -> dict[str, dict[str, str]]:
    """Call all ways in turns -> the figures of each."""
    taken: dict[str, list[Taken]] = {way: [] for way in work.ways}
    for number in range(rounds + 1):
        for way, run in work.ways.items():
            if (found := seconds(run)) and number:
                taken[way].append(found)
    first = next(iter(taken.values()))
    return {way: _figures(work, way, found, first) for way, found in taken.items()}


def _figures(work: Work, way: str, found: list[Taken], first: list[Taken]) -> dict[str, str]:
    wall, processor = zip(*found, strict=True)
    low, middle, high = statistics.quantiles(wall, n=4, method="inclusive") if len(wall) > 1 else wall * 3
    shares = [statistics.median(b / a for a, b in zip(*both, strict=True))
              for both in zip(zip(*first, strict=True), (wall, processor), strict=True)]  # fmt: skip
    figures = {
        "seconds": middle, "lower": low, "upper": high, "processor_s": statistics.median(processor),
        "share": shares[0], "processor_share": shares[1], "images_per_s": work.images / middle,
    }  # fmt: skip
    return {name: f"{value:.4g}" for name, value in (figures | {"least_s": work.least.get(way)}).items() if value}


def seconds(run: Callable[[], Any]) -> Taken:
    """Time one call."""
    start, before = time.perf_counter(), _processor()
    run()
    return Taken(time.perf_counter() - start, _processor() - before)


def _processor() -> float:
    """Seconds of the processor so far: of this process, and of those that it has waited for."""
    return time.process_time() + sum(os.times()[2:4])


KEYS = {
    "only": Reader(results.some_of(WORKS)), "rounds": Reader(whole(1)), "cores": Reader(results.numbers),
    "images": Reader(whole(1)), "peer": Reader(str), "ways": Reader(results.some_of(WAYS, ";")),
}  # fmt: skip
COMMAND = Command(main, USAGE, paths=2, keys=KEYS)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
