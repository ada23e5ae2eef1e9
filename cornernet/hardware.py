"""Where and how a run computes: device, processes, random state, memory layout."""

import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from cornernet import processes
from cornernet.config import Config
from cornernet.precision import resolve_precision
from cornernet.structures import Batch

STATUS = Path("/proc/self/status")


def build_accelerator(settings: Config) -> Accelerator:
    """Device, precision and processes; raises ValueError where they do not go together."""
    refuse_strangers()
    knobs = settings.train
    cpu = knobs.device == "cpu" or not torch.cuda.is_available()
    if knobs.precision == "fp16" and cpu:
        raise ValueError("train.precision=fp16 needs a GPU; bf16 and fp32 run on a CPU")
    # Accelerate keeps the settings of a process's first training; the peers of a launch stay what they are
    peers = processes.joined()
    AcceleratorState._reset_state(reset_partial_state=not peers)
    if not peers:
        _join_after_restart("gloo" if cpu else "nccl")
    return Accelerator(mixed_precision=resolve_precision(knobs.precision, cpu).replace("fp32", "no"), cpu=cpu)


def refuse_strangers() -> None:
    """Raise ValueError where srun has started several of this process and nothing tells them of each other.

    Each would do the whole training on its own.
    """
    told = os.environ
    tasks = told.get("SLURM_STEP_NUM_TASKS", "")  # of srun alone; the script of sbatch has the job's SLURM_NTASKS too
    if "SLURM_PROCID" in told and "RANK" not in told and tasks.isdecimal() and int(tasks) > 1:
        raise ValueError(
            f"SLURM has {tasks} tasks here, each of which would do the whole training: give srun --ntasks-per-node=1 "
            "and start torchrun with it, srun --ntasks-per-node=1 torchrun --nproc_per_node 8 ... "
            "(docs/clusters.md has the lines), or srun --ntasks=1 for one process"
        )


def _join_after_restart(backend: str) -> None:
    """Make the group of processes that torchrun has started again on one machine.

    Its agent keeps the store in which they look for each other, with the addresses of the attempt before: a process
    that reads one of those waits forever. So each attempt has keys of its own. On several machines their counts of
    attempts may differ; there TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in torchrun's environment gives it a new store.
    """
    told, attempt = os.environ, int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    if attempt == 0 or told.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or told.get("GROUP_WORLD_SIZE") != "1":
        return
    store = torch.distributed.TCPStore(told["MASTER_ADDR"], int(told["MASTER_PORT"]), is_master=False)
    keys = torch.distributed.PrefixStore(f"attempt {attempt}", store)
    rank, world = int(told["RANK"]), int(told["WORLD_SIZE"])
    torch.distributed.init_process_group(backend, store=keys, rank=rank, world_size=world)


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch; the data have their own streams."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def keeping_torch_rng(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches, without the number that the loader draws from torch's stream for its workers when it starts.

    Else every resumption would move that stream on, and with it whatever is random in a loss or network.
    """
    state = torch.get_rng_state()
    first = next(batches, None)
    torch.set_rng_state(state)
    if first is not None:
        yield first
        yield from batches


def to_device(batch: Batch, device: torch.device, channels_last: bool) -> Batch:
    """Batch -> the same on a device, with the images in the layout of the convolutions.

    On a CPU they stay as they are: what makes them ready for the network would have to undo it.
    """
    batch = batch.map(lambda x: x.to(device, non_blocking=True))
    if channels_last and device.type != "cpu":
        batch = batch._replace(images=batch.images.contiguous(memory_format=torch.channels_last))
    return batch


def peak_bytes(device: torch.device) -> int:
    """Most bytes so far: of the allocator on a GPU, resident ones of this process elsewhere.

    Linux counts into `ru_maxrss` what the parent held when it started the process, so the program's own high-water
    mark is read where there is one.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    found = re.search(r"^VmHWM:\s*(\d+) kB$", STATUS.read_text(), re.MULTILINE) if STATUS.exists() else None
    if found:
        return int(found[1]) * 1024
    import resource  # which Windows has not

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # macOS gives bytes, all others kilobytes
