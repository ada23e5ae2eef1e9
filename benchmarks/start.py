"""The start of a training on a set as large as COCO 2017, until its first batch: seconds and memory of each process."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import large_set
from benchmarks.measure import ROOT
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, whole
from cornernet.evaluation.metrics import aligned
from cornernet.system.printing import say

USAGE = """python -m benchmarks.start FOLDER [images=N] [repeats=N] [ranks=N] [KEY=VALUE ...]

Starts trainings, one after the other, on a set of images=118287 images as COCO 2017 has them until each has its first
batch. The set is written into the folder where it is not there yet (500 MB). Of each start there are: the processor
seconds of reading the annotations and of all in the main process; the megabytes that the imports take there, those
beyond them at most and at the end (ranges over the ranks=1 processes of one gloo group); and the most that a loader
process has, with what it shares divided by those who share it, and of its own alone. A start finds what those before
it have kept, for example
  XDG_CACHE_HOME=$(mktemp -d) python -m benchmarks.start sets/coco repeats=2 ranks=8"""
CONFIG = ROOT / "configs" / "custom.yaml"
COLUMNS = ("start", "reading s", "start s", "imports MB", "peak MB", "after MB", "a loader MB", "its own MB")
MAIN = "benchmarks.starting"
KINDS = {"VmHWM": "peak", "VmRSS": "now"}  # of the system's account of a process


def main(folder: str, overrides: list[str], images: int = 118_287, repeats: int = 2, ranks: int = 1) -> None:
    """Write the set, start and print."""
    large_set.write(Path(folder), images)
    rows = []
    for number in range(1, repeats + 1):
        found = list(started([f"data.root={folder}", *overrides], ranks))
        rows.append([str(number), *(_span([each[name] for each in found]) for name in COLUMNS[1:])])
    say("\n".join(aligned([COLUMNS, *rows], "<" + ">" * (len(COLUMNS) - 1))))


def started(overrides: list[str], ranks: int) -> Iterator[dict[str, float]]:
    """Processes of one training, at the same time -> what each says of itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": str(ranks)}
    told = [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if ranks > 1 else {} for rank in range(ranks)]
    command = [sys.executable, "-m", MAIN, str(CONFIG), *overrides]
    running = [
        subprocess.Popen(command, env={**os.environ, **own}, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for own in told
    ]  # fmt: skip
    for process in running:
        out, _ = process.communicate()
        if process.returncode:
            raise ValueError(f"a start ended with exit code {process.returncode}")
        yield json.loads(out.splitlines()[-1])


def memory() -> dict[str, float]:
    """Megabytes of this process by now and at most."""
    text = Path("/proc/self/status").read_text()
    return {name: int(re.findall(rf"{kind}:\s+(\d+)", text)[0]) / 1024 for kind, name in KINDS.items()}


def shares(process: int) -> tuple[float, float]:
    """Megabytes of a process with what it shares divided by those who share it, and those of its own alone."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    own = sum(map(int, re.findall(r"Private_\w+:\s+(\d+)", text)))
    return int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024, own / 1024


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


KEYS = {"images": Reader(whole(1)), "repeats": Reader(whole(1)), "ranks": Reader(whole(1))}
COMMAND = Command(main, USAGE, paths=1, keys=KEYS)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
