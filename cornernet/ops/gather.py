"""Reading a dense map at the cells where the objects' corners lie."""

from torch import Tensor


def gather_cells(maps: Tensor, index: Tensor) -> Tensor:
    """Values of maps [B, D, H, W] at flat cells index [B, M] int64 (y * W + x) -> [B, M, D]."""
    channels = maps.shape[1]
    columns = index.unsqueeze(1).expand(-1, channels, -1)  # [B, D, M]
    return maps.flatten(2).gather(2, columns).transpose(1, 2)
