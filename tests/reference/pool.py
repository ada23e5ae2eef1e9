"""Corner pooling by stock operations: turn the map, running maximum, turn it back."""

import torch


def running_max(x, dim, backwards):
    """[B, D, H, W] -> maximum over this cell and all before it (after it, if backwards) along dim."""
    x = x.flip(dim) if backwards else x
    y = torch.cummax(x, dim)[0]
    return y.flip(dim) if backwards else y


def top(x):
    return running_max(x, 2, True)


def bottom(x):
    return running_max(x, 2, False)


def left(x):
    return running_max(x, 3, True)


def right(x):
    return running_max(x, 3, False)


POOLS = {"top": top, "bottom": bottom, "left": left, "right": right}
