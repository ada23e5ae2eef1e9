"""Memory that is freed: kept by a process that asks for it, and where nobody is asked."""

import os
import subprocess
import sys

import pytest

from cornernet.system import allocator
from cornernet.system.allocator import keep_memory

FAULTS = """
import resource, numpy as np
from cornernet.system.allocator import keep_memory
if {asked}: print(keep_memory())
def fill(): np.empty(50_000_000, np.uint8).fill(1)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(asked, **environment):
    """What a process is told, and the pages that it is given for five arrays of which it had the memory once."""
    kept = {name: value for name, value in os.environ.items() if name not in allocator.OWN}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(asked=asked)], capture_output=True, text=True, check=True,
        env={**kept, **environment},
    )  # fmt: skip
    *said, pages = done.stdout.split()
    return said, int(pages)


@pytest.mark.skipif(not keep_memory(), reason="needs the GNU C library")
def test_memory_is_used_again():
    (said,), kept = faults(True)
    assert said == "True" and kept < 100 < faults(False)[1]


def test_an_allocator_that_the_environment_sets_is_left_alone():
    assert faults(True, MALLOC_TRIM_THRESHOLD_="100000")[0] == ["False"]


def test_nobody_is_asked_elsewhere(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())  # a C library without it
    assert not keep_memory()
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)
    assert not keep_memory()
