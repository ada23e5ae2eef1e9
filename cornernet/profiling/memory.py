"""Bytes: the most that a process has held so far, and what an optimiser keeps."""

import re
import resource
import sys
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")


def peak(device: torch.device) -> int:
    """Most bytes so far: of the allocator on a GPU, resident ones of this process elsewhere.

    Linux counts into `ru_maxrss` what the parent held when it started the process, so the program's own high-water
    mark is read where there is one.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    found = re.search(r"^VmHWM:\s*(\d+) kB$", STATUS.read_text(), re.MULTILINE) if STATUS.exists() else None
    if found:
        return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # macOS gives bytes, all others kilobytes


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of the tensors that an optimiser keeps beside the weights."""
    held = [x for state in optimizer.state.values() for x in state.values()]
    return sum(x.nbytes for x in held if isinstance(x, torch.Tensor))
