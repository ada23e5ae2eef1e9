"""Which rows of a batch of embeddings are pairs of one class and which of two."""

import torch
from torch import Tensor

from cornernet.losses.embedded import Rows


def labelled_pairs(r: Rows) -> tuple[Tensor, Tensor]:
    """Rows -> pairs of one class (not of a row with itself) and pairs of two, [N, N] bool, both orders."""
    both = r.real[:, None] & r.real
    equal = r.y[:, None] == r.y
    alone = torch.eye(len(r.y), dtype=torch.bool, device=r.y.device)
    return both & equal & ~alone, both & ~equal
