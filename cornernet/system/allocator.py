"""What the C library does with memory that is freed."""

import ctypes
import os
import sys

MMAP_MAX, TRIM_THRESHOLD = -4, -1  # parameters of mallopt(3)
OWN = ("MALLOC_", "GLIBC_TUNABLES")  # how variables begin that set the allocator


def keep_memory() -> bool:
    """Let this process keep memory that is freed, since what comes next asks for as much again -> whether it does.

    Large tensors would go back to the system at the end of each step or image and be given anew, page by page, at the
    next (docs/performance.md). Only the GNU C library is asked, and not where the environment sets its allocator; of
    threads beside the main one it keeps 64 MiB at most.
    """
    if not sys.platform.startswith("linux") or any(name.startswith(OWN) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, -1))
