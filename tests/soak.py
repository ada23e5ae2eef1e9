"""One training on shapes, killed again and again: its end must be bit for bit that of an undisturbed one.

    python tests/soak.py [kills=30] [seed=317] [folder]

Every kill is a SIGKILL of the whole group of processes. Two in three come at a random moment, from the start of the
process on; one in three as soon as the temporary file of a checkpoint is there, so that it falls into a save. After
each the same command line starts again. It is no test of pytest's, for it takes minutes: `make soak` runs it.
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

import torch

from cornernet import checkpoint, runs

ROOT = Path(__file__).resolve().parent.parent
STEPS_A_KILL = 6  # so that the run is still going at the last one
SETTINGS = [
    "data.shapes.size=64", "data.shapes.train_images=50", "data.shapes.val_images=4", "data.input_size=[64,64]",
    "data.augment.border=16", "data.workers=1", "train.batch_size=4", "train.precision=fp32", "train.device=cpu",
    "model.backbone.stem_channels=16", "model.backbone.channels=[32,64,128]",  # 18 MB, so that a save takes a moment
    "train.log_every=1", "train.save_every=1", "train.resume=auto",
]  # fmt: skip


def start(folder: Path, steps: int) -> subprocess.Popen:
    """The training, in a group of processes of its own, with one thread; its words go to a file."""
    every = max(1, steps // 10)
    command = [sys.executable, ROOT / "tools" / "train.py", ROOT / "configs" / "shapes.yaml", *SETTINGS]
    with open(folder.with_suffix(".txt"), "a", encoding="utf-8") as output:
        return subprocess.Popen(
            [*command, f"work_dir={folder}", f"train.steps={steps}", f"train.eval_every={every}"],
            stdout=output, stderr=output, start_new_session=True, cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def kill(process: subprocess.Popen, folder: Path, moment: random.Random, in_a_save: bool) -> str:
    """Wait for the moment, kill -> what the process was doing then: starting, training, saving, or finished."""
    part, last = folder / f".{runs.LAST}.part", folder / runs.LAST
    before, saves, wanted = modified(last), 0, moment.randint(1, 4)
    rest, limit = moment.uniform(0, 0.2), time.monotonic() + 120
    if moment.random() < 0.1:  # some die before they have done much
        limit = time.monotonic() + moment.uniform(0, 5)
    while process.poll() is None and time.monotonic() < limit and saves < wanted:
        saves, before = saves + (modified(last) != before), modified(last)
        time.sleep(0.0005)
    limit = min(limit, time.monotonic() + 30 if in_a_save else time.monotonic() + rest)
    while process.poll() is None and time.monotonic() < limit and not (in_a_save and part.exists()):
        time.sleep(0.0005)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not alive:
        return "finished"
    return "saving" if part.exists() else "training" if saves else "starting"


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
        raise SystemExit(f"the training ended with {code}:\n{folder.with_suffix('.txt').read_text()[-3000:]}")


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
    """Rows of log.csv without the speed."""
    lines = [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
    speed = lines[0].index("images_per_s")
    return [line[:speed] + line[speed + 1 :] for line in lines]


def soak(kills: int, seed: int, place: Path) -> None:
    """Both trainings, and what differs between their ends; leaves with 1 if anything does."""
    moment, steps, ends, since = random.Random(seed), STEPS_A_KILL * kills, Counter(), time.monotonic()
    killed, undisturbed = place / "killed", place / "undisturbed"
    for number in range(kills):
        what = kill(start(killed, steps), killed, moment, in_a_save=number % 3 == 0)
        ends[what] += 1
        whole = [name for name in (runs.LAST, runs.PREVIOUS) if (killed / name).exists()]
        done = [checkpoint.load(killed / name)["step"] for name in whole]  # raises if one is not whole
        print(f"kill {number + 1}: {what}; {dict(zip(whole, done, strict=True))}", flush=True)
    finish(killed, steps)
    finish(undisturbed, steps)
    found = [checkpoint.load(folder / runs.LAST) for folder in (killed, undisturbed)]
    for held in found:
        held["config"].pop("work_dir")
    wrong = differing(*found)
    if log_rows(killed) != log_rows(undisturbed):
        wrong.append("log.csv")
    print(f"{kills} kills ({', '.join(f'{n} {what}' for what, n in ends.items())}), {steps} steps, seed {seed}, "
          f"{time.monotonic() - since:.0f} s: {'; '.join(wrong) or 'the ends are bit for bit the same'}")  # fmt: skip
    if wrong or ends["finished"] or (kills >= 10 and not ends["saving"]):
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
