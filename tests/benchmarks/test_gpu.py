"""The page for GPUs at a tiny scale: what is noted of a step, a training, the table, and a case that fails."""

import json
import subprocess
from types import SimpleNamespace

import pytest
import torch

from benchmarks import gpu, gpu_case
from benchmarks.gpu import Case
from benchmarks.large_set import write
from cornernet.cli.commandline import call

CPU = torch.device("cpu")


def test_the_first_steps_do_not_count(monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(gpu_case.time, "perf_counter", lambda: next(now))
    watch, run = gpu_case.Watch(warm=2), SimpleNamespace(accelerator=SimpleNamespace(device=CPU))
    fetch, step = watch.fetching(lambda: None), watch.stepping(lambda run: torch.ones(1).item())
    for _ in range(2 + gpu_case.WATCHED + 4):
        fetch()
        step(run)
    found = watch.figures(images=3)
    assert watch.waiting == 4 * 10 and watch.seconds == 4 * 30  # each step: twice for the fetching, once for the step
    assert found["images_per_s"] == 3 * 4 / 120 and found["waiting"] == pytest.approx(1 / 3)
    assert found["waits"] == 1 and len(found["where"]) == 1 and found["where"][0].startswith("item, ")
    assert found["recompiles"] == 0 and found["peak"] > 0


def test_a_training_is_watched(tiny, tmp_path, capsys):
    data = write(tmp_path / "set", 4, {1: "a", 2: "b", 3: "c"})
    given = [*data, "train.steps=7", "train.batch_size=2", "train.eval_every=0", f"work_dir={tmp_path / 'run'}"]
    gpu_case.main({"config": str(tiny), "overrides": given, "warm": 1})
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["images_per_s"] > 0 and 0 <= found["waiting"] < 1
    # on a CPU the host looks at once whether a step was bad, and the average counts on the host
    assert all(any(name in one for name in ("nonfinite_steps.py", "optim.py")) for one in found["where"])


def test_the_page(tiny, tmp_path, monkeypatch, capsys):
    told = {"images_per_s": 12.345, "waiting": 0.25, "waits": 0.0, "where": [], "peak": 2**30, "recompiles": 0}
    answers = iter([told, {"failed": "RuntimeError: CUDA out of memory"}])
    monkeypatch.setattr(gpu, "trained", lambda *_: next(answers))
    monkeypatch.setattr(gpu, "cases", lambda: [Case("fp32", False, 1), Case("bf16", True, 1)])
    monkeypatch.setattr(gpu, "tests", lambda: "`pytest -m gpu`: 5 passed")
    call(gpu.COMMAND, [str(tiny), f"out={tmp_path / 'page.md'}", "steps=10", "batch=2"])
    page = (tmp_path / "page.md").read_text()
    assert page.strip() == capsys.readouterr().out.strip() and "5 passed" in page
    first, second = (line for line in page.splitlines() if line.startswith(("| fp32", "| bf16")))
    assert first.startswith("| fp32 | no | 1 | 12.3 | 25% | 0 | 1.00 GiB | 0.") and first.endswith(" GiB | 0 |")
    assert second == "| bf16 | yes | 1 | failed: RuntimeError: CUDA out of memory |  |  |  |  |  |"


def test_what_a_case_says_when_it_fails_is_kept(monkeypatch):
    done = SimpleNamespace(returncode=1, stderr="Traceback\nValueError: no room\nbye\n", stdout="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert gpu.trained("x", [], Case("bf16", False, 1), 10) == {"failed": "ValueError: no room"}


def test_all_gpus_are_a_case_of_their_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert gpu.cases() == [Case(p, c, 1) for p in ("fp32", "bf16") for c in (False, True)]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert {case.devices for case in gpu.cases()} == {1, 4} and {case.precision for case in gpu.cases()} == {
        "bf16",
        "fp16",
    }


def test_too_few_steps_are_refused(tiny, capsys):
    with pytest.raises(SystemExit) as left:
        call(gpu.COMMAND, [str(tiny), "steps=9"])
    assert left.value.code == 2 and "steps must be at least 10" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_of_it_on_a_cpu(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "cases", lambda: [Case("bf16", False, 1), Case("fp32", False, 2)])
    call(gpu.COMMAND, [str(tiny), f"out={tmp_path / 'page.md'}", "steps=10", "batch=2", "data.workers=1"])
    page = capsys.readouterr().out
    assert "failed" not in page and "GiB" in page and "pytest -m gpu" in page
