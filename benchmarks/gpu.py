"""One page on how a config trains on the GPUs of this machine: `make gpu`. On a CPU the same, at a tiny scale."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.gpu_case import VARIABLE, WATCHED
from benchmarks.large_set import write
from benchmarks.measure import ROOT
from cornernet import config
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.keys import Reader, path, whole
from cornernet.config import Config
from cornernet.experiments.recording import commit
from cornernet.profiling.quantities import with_train
from cornernet.profiling.roofline import costs

USAGE = """python -m benchmarks.gpu [CONFIG] [out=gpu.md] [steps=200] [batch=8] [key=value ...]

Runs the tests that need a GPU, then trains CONFIG (configs/cornernet.yaml) on generated images of 640 x 480, bf16 and
fp16, compiled and not, on one GPU and on all, batch=8 images each, and writes one page: images/s, the share of the time
in which the loop waits for the loader, what makes the host wait for the device in a step (none, between two rows of the
log), peak memory beside the estimate, and recompiles. The first fifth of the steps does not count. Without a GPU it
does the same on the CPU in fp32 and bf16, to see that it runs, for example
  python -m benchmarks.gpu
  python -m benchmarks.gpu configs/shapes.yaml steps=10 batch=2 data.workers=0 out=page.md"""
IMAGES = 64  # of the generated set
GIB = 2**30
COLUMNS = ("precision", "compiled", "devices", "images/s", "waits for the loader", "waits a step", "peak memory",
           "estimate", "recompiles")  # fmt: skip


class Case(NamedTuple):
    """One training."""

    precision: str
    compiled: bool
    devices: int


def cases() -> list[Case]:
    """All that this machine can do, one device first."""
    gpus = torch.cuda.device_count()
    precisions = ("bf16", "fp16") if gpus else ("fp32", "bf16")
    return [Case(p, c, n) for n in sorted({1, max(1, gpus)}) for p in precisions for c in (False, True)]


def main(given: str | None, overrides: list[str], out: str | Path = "gpu.md", steps: int = 200, batch: int = 8) -> None:
    """Write the page and print it."""
    if steps < 10:
        raise ValueError(f"steps must be at least 10, since the first do not count; got {steps}")
    name = given or str(ROOT / "configs" / "cornernet.yaml")
    text = "\n".join([*_head(name, overrides, steps, batch), "", tests(), "", *_table(name, overrides, steps, batch)])
    Path(out).write_text(text + "\n", encoding="utf-8")
    say(text)


def _head(name: str, overrides: list[str], steps: int, batch: int) -> Iterator[str]:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] or ["no GPU"]
    yield f"# {Path(name).stem} on {len(gpus)} x {gpus[0]}"
    yield ""
    yield f"- torch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}"
    yield f"- {os.cpu_count()} cores, commit {commit() or 'unknown'}"
    yield f"- {steps} steps of {batch} images a device, {' '.join(overrides) or 'nothing overridden'}"


def tests() -> str:
    """Run the tests that need a GPU -> the line in which pytest sums them up, and what failed."""
    words = ["-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-rf"]
    done = subprocess.run([sys.executable, *words, "tests/test_gpu.py"], cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    failed = [f"- {line}" for line in lines if line.startswith("FAILED")]
    return "\n".join([f"`pytest -m gpu`: {lines[-1].strip('= ')}", *failed])


def _table(name: str, overrides: list[str], steps: int, batch: int) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    where: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        data = write(Path(folder), IMAGES)
        for case in cases():
            own = [*data, *overrides, *_overrides(case, steps, batch), f"work_dir={folder}/{'-'.join(map(str, case))}"]
            found = trained(name, own, case, steps)
            cells = (
                case.precision,
                "yes" if case.compiled else "no",
                str(case.devices),
                *_cells(name, own, case, found),
            )
            yield f"| {' | '.join(cells)} |"
            where |= set(found.get("where", []))
    yield ""
    yield from (f"- waits: {one}" for one in sorted(where))


def _overrides(case: Case, steps: int, batch: int) -> list[str]:
    return [
        f"train.precision={case.precision}", f"train.compile={str(case.compiled).lower()}", f"train.steps={steps}",
        f"train.batch_size={batch * case.devices}", "train.eval_every=0", "train.save_every=0", "test.report=false",
        "train.milestones=[]", "train.warmup_steps=0", "data.val.limit=2",
    ]  # fmt: skip


def trained(name: str, overrides: list[str], case: Case, steps: int) -> dict[str, Any]:
    """Train in processes of its own -> what the first of them found, or why there is nothing."""
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={case.devices}"]
    words = [*(launch if case.devices > 1 else []), "-m", "benchmarks.gpu_case"]
    told = json.dumps({"config": name, "overrides": overrides, "warm": max(1, steps // 5 - WATCHED)})
    one = (
        {} if case.devices > 1 else {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
    )
    env = {**os.environ, **one, VARIABLE: told}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if "Error" in line] or ["no word why"]
        return {"failed": said[-1].strip()[:200]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _cells(name: str, overrides: list[str], case: Case, found: dict[str, Any]) -> tuple[str, ...]:
    if "failed" in found:
        return (f"failed: {found['failed'].replace('|', '/')}", *[""] * 5)
    estimate = memory(config.load(name, overrides), case.devices)
    return (
        f"{found['images_per_s']:.3g}", f"{found['waiting']:.0%}", f"{found['waits']:g}",
        f"{found['peak'] / GIB:.2f} GiB", f"{estimate / GIB:.2f} GiB", str(found["recompiles"]),
    )  # fmt: skip


def memory(settings: Config, devices: int) -> float:
    """Bytes that the counting of `cornernet profile CONFIG estimate=8` expects of a device."""
    found = costs(with_train(settings, compile=False), devices)
    return found.fixed + found.part * found.peak


COMMAND = Command(
    main, USAGE, paths=0, optional=1,
    keys={"out": Reader(path), "steps": Reader(whole(1)), "batch": Reader(whole(1))},
)  # fmt: skip

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
