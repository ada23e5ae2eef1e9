"""What a training step of each member of the family takes, in turns on one core: how many fit into equal minutes."""

import platform
import statistics
import sys
import time
from pathlib import Path

import torch

from benchmarks import results
from benchmarks.family import KEYS, TIMED, Run, wanted
from cornernet import config
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.data import build_source, typed_data
from cornernet.experiments.recording import commit
from cornernet.profiling import breakdown, training_step
from cornernet.system.allocator import keep_memory

USAGE = """python -m benchmarks.family_steps STEPS.csv [rounds=N] [only=SET,MEMBER,...] [root=DIR]

Writes the seconds of a training step of each member of the family on each set: forward, loss, backward and optimiser on
noise, and the loading of a batch of the set's images, in one process. Members of a set take turns; medians of the
processor's seconds, after two rounds that do not count. Sets that the file has stay as they are. One core:
  OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.family_steps docs/results/family_steps.csv
root: the folder of BCCD, for set bccd."""

COLUMNS = (*TIMED, "seconds", "loading", "precision", "processor", "commit")  # loading is part of the seconds
WARM = 2  # rounds before any counts


def main(file: str, rounds: int = 5, only: tuple[str, ...] = (), root: str = "") -> None:
    """Time what the file lacks, set by set."""
    keep_memory()
    have = {tuple(row[name] for name in TIMED) for row in results.read(Path(file))}
    runs = [run for run in wanted(0, (1,), only) if tuple(run[name] for name in TIMED) not in have]
    for held in dict.fromkeys(run["set"] for run in runs):
        results.append(Path(file), COLUMNS, timed([run for run in runs if run["set"] == held], root, rounds))


def timed(runs: list[Run], root: str, rounds: int) -> list[dict[str, object]]:
    """Runs on one set -> their rows."""
    settings = [config.load(run.base, run.overrides(root)) for run in runs]
    source = build_source(settings[0].data, "train", typed=typed_data(settings[0]))
    loading = breakdown.load(settings[0], source).seconds
    where = training_step.place(settings[0])
    made = [training_step.made(each, len(source.class_names), training_step.OBJECTS, where.device) for each in settings]
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(WARM + rounds):
        for (detector, optimizer, batch), each, seconds in zip(made, settings, taken, strict=True):
            start = time.process_time()
            training_step.one_step(detector, optimizer, batch, each, {name: [] for name in training_step.PARTS})
            seconds.append(time.process_time() - start)
    return [
        {
            **{name: run[name] for name in TIMED},
            "seconds": f"{statistics.median(seconds[WARM:]) + loading:.4f}",
            "loading": f"{loading:.4f}",
            "precision": where.precision,
            "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
            "commit": commit(),
        }
        for run, seconds in zip(runs, taken, strict=True)
    ]


COMMAND = Command(
    main, USAGE, paths=1, keys={"rounds": Reader(whole(1)), **{name: KEYS[name] for name in ("only", "root")}},
    overrides=False,
)  # fmt: skip

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
