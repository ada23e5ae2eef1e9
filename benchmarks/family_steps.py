"""What a training step and an image of each member of the family take, in turns on one core."""

import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import results
from benchmarks.backbones import compare
from benchmarks.family import KEYS, TIMED, Run, computing_in, wanted
from cornernet import config
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.config import Config
from cornernet.data import build_source, typed_data
from cornernet.detectors import Detector
from cornernet.experiments.recording import commit
from cornernet.prediction import inference
from cornernet.profiling import breakdown, training_step
from cornernet.system.allocator import keep_memory
from cornernet.training import train_mode

USAGE = """python -m benchmarks.family_steps STEPS.csv [rounds=N] [only=SET,MEMBER,...] [precision=NAME] [root=DIR]

Writes the seconds of a training step of each member of the family on each set, on noise: forward, loss, backward and
optimiser, without clipping and averages, and to them the seconds in which one process loads a batch of the set; and the
milliseconds of an image of noise, flipped where the config says so. Members of a set take turns; medians of the
processor's seconds, of loading by the clock, after a round that does not count. Rows that the file has stay as they
are. One core:
  OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.family_steps docs/results/family_steps.csv
precision: another than the hardware's own. root: the folder of BCCD, for set bccd. A processor with more than AVX2
behaves much like one without behind ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2, which want precision=fp32."""

COLUMNS = (*TIMED, "seconds", "loading", "ms_per_image", "precision", "processor", "commit")  # seconds: loading too


def main(file: str, rounds: int = 5, only: tuple[str, ...] = (), precision: str = "auto", root: str = "") -> None:
    """Time what the file lacks, set by set."""
    keep_memory()
    have = {tuple(row[name] for name in TIMED) for row in results.read(Path(file))}
    runs = [run for run in wanted(0, (1,), only) if tuple(run[name] for name in TIMED) not in have]
    for held in dict.fromkeys(run["set"] for run in runs):
        results.append(Path(file), COLUMNS, timed([run for run in runs if run["set"] == held], precision, root, rounds))


def timed(runs: list[Run], precision: str, root: str, rounds: int) -> list[dict[str, object]]:
    """Runs on one set -> their rows."""
    settings = [config.load(run.base, [*run.overrides(root), *computing_in(precision)]) for run in runs]
    source = build_source(settings[0].data, "train", typed=typed_data(settings[0]))
    loading = breakdown.load(settings[0], source).seconds
    where = training_step.place(settings[0])
    calls = zip(*(_calls(each, len(source.class_names), where.device) for each in settings), strict=True)
    steps, images = ([seconds for seconds, _ in compare(list(each), rounds)] for each in calls)
    return [
        {
            **{name: run[name] for name in TIMED},
            "seconds": f"{step + loading:.4f}",
            "loading": f"{loading:.4f}",
            "ms_per_image": f"{1000 * image:.1f}",
            "precision": where.precision,
            "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
            "commit": commit(),
        }
        for run, step, image in zip(runs, steps, images, strict=True)
    ]


def _calls(settings: Config, classes: int, device: torch.device) -> tuple[Callable[[], object], Callable[[], object]]:
    """Settings -> what does a training step, and what finds the boxes of an image."""
    torch.manual_seed(0)
    detector, optimizer, batch = training_step.made(settings, classes, training_step.OBJECTS, device)
    image = np.random.default_rng(0).integers(0, 256, (*settings.data.input_size, 3), np.uint8)

    def step() -> None:
        train_mode(detector, settings.train)
        training_step.one_step(detector, optimizer, batch, settings, {name: [] for name in training_step.PARTS})

    return step, partial(_found, detector, image, settings)


def _found(detector: Detector, image: np.ndarray, settings: Config) -> None:
    with torch.inference_mode():
        inference.detect(detector.eval(), [image], **inference.settings(settings))


COMMAND = Command(
    main, USAGE, paths=1, overrides=False,
    keys={"rounds": Reader(whole(1)), **{name: KEYS[name] for name in ("only", "precision", "root")}},
)  # fmt: skip

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
