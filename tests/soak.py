"""One training on shapes, killed again and again: its end must be bit for bit that of an undisturbed one.

    python tests/soak.py [kills=30] [seed=317] [folder]

Every kill is a SIGKILL of the whole group of processes. Two in three come at a random moment, from the start of the
process on; one in three as soon as the temporary file of a checkpoint is there, so that it falls into a save. One in
five is a signal that asks instead, SIGHUP among them, at which the training has to leave with its exit code. Before
another fifth a second process tries to join the run, which has to be refused and to leave everything as it is; before
another the reader of the training's log goes away, and it has to save on. After each the same command line starts
again. It is no test of pytest's, for it takes minutes: `make soak` runs it.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch

from cornernet.checkpoints import checkpoint
from cornernet.training import run_folder

ROOT = Path(__file__).resolve().parent.parent
STEPS_A_KILL = 8  # so that the run is still going at the last one
ASKING = (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
SETTINGS = [
    "data.shapes.size=64", "data.shapes.train_images=50", "data.shapes.val_images=4", "data.input_size=[64,64]",
    "data.transforms.crop.border=16",
    "data.workers=1", "train.batch_size=4", "train.precision=fp32", "train.device=cpu",
    "model.backbone.stem_channels=16", "model.backbone.channels=[32,64,128]",  # 18 MB, so that a save takes a moment
    "train.log_every=1", "train.save_every=1", "train.resume=auto",
]  # fmt: skip


class Plan(NamedTuple):
    """What happens to one start of the training."""

    ended_by: signal.Signals = signal.SIGKILL
    in_a_save: bool = False
    joined: bool = False  # whether a second process tries
    unheard: bool = False  # whether the reader of its log goes away


def plan(number: int) -> Plan:
    """Number of the start, from 0."""
    if number % 5 == 4:
        return Plan(ASKING[number // 5 % len(ASKING)])
    return Plan(in_a_save=number % 3 == 0, joined=number % 5 == 1, unheard=number % 5 == 3)


def start(folder: Path, steps: int, output=None) -> subprocess.Popen:
    """The training, in a group of processes of its own, with one thread; its words go to a file unless told else."""
    every = max(1, steps // 10)
    command = [sys.executable, ROOT / "tools" / "train.py", ROOT / "configs" / "shapes.yaml", *SETTINGS]
    with open(folder.with_suffix(".txt"), "a", encoding="utf-8") as file:
        return subprocess.Popen(
            [*command, f"work_dir={folder}", f"train.steps={steps}", f"train.eval_every={every}"],
            stdout=output or file, stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def kill(process: subprocess.Popen, folder: Path, moment: random.Random, wanted: Plan, steps: int) -> str:
    """Wait for the moment, end it -> what the process was doing then: starting, training, saving, or finished."""
    rest, limit, number = moment.uniform(0, 0.2), time.monotonic() + 120, moment.randint(1, 4)
    if moment.random() < 0.1 and wanted == Plan():  # some die before they have done much
        limit = time.monotonic() + moment.uniform(0, 5)
    if wanted.unheard and saves(process, folder, 1, limit):
        leave_unheard(process, folder)
    saved = saves(process, folder, number, limit)
    if wanted.joined and saved:
        try_to_join(process, folder, steps)
    limit = min(limit, time.monotonic() + 30 if wanted.in_a_save else time.monotonic() + rest)
    while process.poll() is None and time.monotonic() < limit and not (wanted.in_a_save and saving(folder)):
        time.sleep(0.0005)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, wanted.ended_by)
    code = process.wait(120)
    if not alive:
        return f"finished ({code})"
    if wanted.ended_by in ASKING and saved and code != 128 + wanted.ended_by:
        raise SystemExit(f"asked by {wanted.ended_by.name} the training left with {code}:{tail(folder)}")
    return "saving" if saving(folder) else "training" if saved else "starting"


def saves(process: subprocess.Popen, folder: Path, wanted: int, limit: float) -> int:
    """Wait until the training has saved so many times -> how often it has."""
    last, seen = folder / run_folder.LAST, 0
    before = modified(last)
    while process.poll() is None and time.monotonic() < limit and seen < wanted:
        seen, before = seen + (modified(last) != before), modified(last)
        time.sleep(0.0005)
    return seen


def leave_unheard(process: subprocess.Popen, folder: Path) -> None:
    """Keep what the training has said so far, and let nobody read the rest."""
    with process.stdout as pipe, folder.with_suffix(".txt").open("ab") as file:
        file.write(os.read(pipe.fileno(), 2**16))


def try_to_join(process: subprocess.Popen, folder: Path, steps: int) -> None:
    """Start a second process in the folder, which has to be refused and to change nothing in it.

    Meanwhile the first one is stopped in whatever it does, which still holds what is its own.
    """
    os.killpg(process.pid, signal.SIGSTOP)
    before = state(folder)
    second = start(folder, steps, subprocess.PIPE)
    said = second.communicate(timeout=120)[0].decode(errors="replace")
    if second.returncode != 2 or f"error: work_dir {folder} is in use by" not in said:
        raise SystemExit(f"a second process was not refused but left with {second.returncode}:\n{said[-3000:]}")
    if changed := {path for path, _ in before ^ state(folder)}:
        raise SystemExit(f"a second process that was refused changed {', '.join(map(str, changed))}")
    os.killpg(process.pid, signal.SIGCONT)


def state(folder: Path) -> set[tuple[Path, int]]:
    """Every file of the folder with the time of its last change."""
    return {(path, modified(path)) for path in folder.rglob("*") if path.is_file()}


def saving(folder: Path) -> bool:
    """Whether the temporary file of a checkpoint is there."""
    return any(folder.glob(".last.*.part.pt"))


def modified(path: Path) -> int:
    """Time of the last change, 0 without a file."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def finish(folder: Path, steps: int) -> None:
    """Let the training come to its end."""
    code = start(folder, steps).wait()
    if code:
        raise SystemExit(f"the training ended with {code}:{tail(folder)}")


def tail(folder: Path) -> str:
    """The last of what a training has said."""
    return "\n" + folder.with_suffix(".txt").read_text(encoding="utf-8", errors="replace")[-3000:]


def differing(first, second, path: str = "") -> list[str]:
    """Paths at which two nested values are not the same, tensors bit for bit."""
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [path]
    if isinstance(first, dict) and first.keys() == second.keys():
        return [x for key in first for x in differing(first[key], second[key], f"{path}.{key}")]
    if isinstance(first, (list, tuple)) and len(first) == len(second):
        return [x for i, pair in enumerate(zip(first, second, strict=True)) for x in differing(*pair, f"{path}.{i}")]
    return [] if first == second else [path]


def log_rows(folder: Path) -> list[list[str]]:
    """Rows of log.csv without what the steps took."""
    lines = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
    kept = [at for at, name in enumerate(lines[0]) if name not in ("images_per_s", "memory_mib")]
    return [[line[at] for at in kept] for line in lines]


def soak(kills: int, seed: int, place: Path) -> None:
    """Both trainings, and what differs between their ends; leaves with 1 if anything does."""
    moment, steps, ends, since = random.Random(seed), STEPS_A_KILL * kills, Counter(), time.monotonic()
    killed, undisturbed = place / "killed", place / "undisturbed"
    for number in range(kills):
        wanted = plan(number)
        process = start(killed, steps, subprocess.PIPE if wanted.unheard else None)
        what = kill(process, killed, moment, wanted, steps)
        if what.startswith("finished"):
            raise SystemExit(f"the training {what} before its time:{tail(killed)}")
        ends[what] += 1
        whole = [name for name in (run_folder.LAST, run_folder.PREVIOUS) if (killed / name).exists()]
        done = [checkpoint.load(killed / name)["step"] for name in whole]  # raises if one is not whole
        how = [wanted.ended_by.name, *(key for key in ("joined", "unheard") if getattr(wanted, key))]
        print(f"kill {number + 1}: {what}, {', '.join(how)}; {dict(zip(whole, done, strict=True))}", flush=True)
    finish(killed, steps)
    finish(undisturbed, steps)
    found = [checkpoint.load(folder / run_folder.LAST) for folder in (killed, undisturbed)]
    for held in found:
        held["config"].pop("work_dir")
    wrong = differing(*found)
    if log_rows(killed) != log_rows(undisturbed):
        wrong.append("log.csv")
    print(f"{kills} kills ({', '.join(f'{n} {what}' for what, n in ends.items())}), {steps} steps, seed {seed}, "
          f"{time.monotonic() - since:.0f} s: {'; '.join(wrong) or 'the ends are bit for bit the same'}")  # fmt: skip
    if wrong or (kills >= 10 and not ends["saving"]):
        raise SystemExit(1)


def main() -> None:
    """Arguments -> soak, in a folder that is removed unless it was named."""
    given = dict(text.split("=") for text in sys.argv[1:] if "=" in text)
    named = [text for text in sys.argv[1:] if "=" not in text]
    place = Path(named[0]) if named else Path(tempfile.mkdtemp(prefix="soak"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        soak(int(given.get("kills", 30)), int(given.get("seed", 317)), place)
    finally:
        if not named:
            shutil.rmtree(place)


if __name__ == "__main__":
    main()
