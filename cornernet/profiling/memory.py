"""Bytes: what an optimiser keeps."""

import torch


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of the tensors that an optimiser keeps beside the weights."""
    held = [x for state in optimizer.state.values() for x in state.values()]
    return sum(x.nbytes for x in held if isinstance(x, torch.Tensor))
