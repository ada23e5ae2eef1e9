"""The set that starts are measured on is one as COCO has them, and memory is that of the system's account."""

import json
import mmap
import os

import pytest

from benchmarks import large_set
from benchmarks.start import memory, shares
from cornernet.data import read


def test_the_set_is_read_without_a_word(tmp_path):
    large_set.write(tmp_path, 40)
    large_set.write(tmp_path, 40)  # what is there stays
    file = tmp_path / "annotations/instances_train2017.json"
    source = read(file)
    assert len(source) == 40 and source.root == tmp_path / "train2017" and not source.problems.findings()
    assert len(source.objects.labels) == round(860_001 * 40 / 118_287) and source.image(39).shape == (480, 640, 3)
    assert len(read(tmp_path / "annotations/instances_val2017.json")) == 2
    kept = json.loads(file.read_text())["annotations"]
    assert 300 < len(json.dumps(kept)) / len(kept) < 800 and all(x["segmentation"] for x in kept)


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="needs the system's account of a process")
def test_memory_is_counted():
    before, block = memory(), mmap.mmap(-1, 64 * 2**20)  # of the system's, not of what the allocator has kept
    for page in range(0, len(block), mmap.PAGESIZE):
        block[page] = 1
    assert memory()["now"] - before["now"] > 60 and memory()["peak"] >= memory()["now"] - 1
    shared, own = shares(os.getpid())
    assert shared >= own - 1 > 63 and block
