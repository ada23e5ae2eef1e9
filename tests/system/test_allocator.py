"""Memory that is freed: kept by a process that asks for it, and where nobody is asked."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from cornernet import config
from cornernet.checkpoints import load_detector
from cornernet.system import allocator
from cornernet.system.allocator import keep_memory
from cornernet.training.state import untrained

FAULTS = """
import resource, numpy as np
from cornernet.system.allocator import keep_memory
if {asked}: print(keep_memory())
def fill(): np.empty({size}, np.uint8).fill(1)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(asked, size=50_000_000, **environment):
    """What a process is told, and the pages that it is given for five arrays of which it had the memory once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(allocator.OWN)}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(asked=asked, size=size)], capture_output=True, text=True, check=True,
        env={**kept, **environment},
    )  # fmt: skip
    *said, pages = done.stdout.split()
    return said, int(pages)


needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the GNU C library")


@needs_glibc
def test_memory_is_used_again():
    (said,), kept = faults(True)
    assert said == "True" and kept < 100 < faults(False)[1]
    assert faults(True, size=2_200_000_000)[1] < 100  # more than an int of 32 bits counts


@needs_glibc
def test_an_allocator_that_the_environment_sets_is_left_alone():
    assert faults(True, MALLOC_TRIM_THRESHOLD_="100000")[0] == ["False"]


def test_nobody_is_asked_elsewhere(monkeypatch):
    monkeypatch.setattr(allocator.os, "environ", {})
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())  # a C library without it
    assert not keep_memory()
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)
    assert not keep_memory()


def test_a_process_asks_as_it_builds_a_network(tiny, tiny_run, monkeypatch):
    asked = []
    for place in ("cornernet.training.state", "cornernet.checkpoints.load"):
        monkeypatch.setattr(f"{place}.keep_memory", lambda place=place: asked.append(place))
    untrained(config.load(tiny), 3, torch.device("cpu"))
    load_detector(tiny_run / "last.pt")
    assert asked == ["cornernet.training.state", "cornernet.checkpoints.load"]
