"""Random number streams that are a pure function of what they are for and of a few integers."""

import zlib

import numpy as np


def stream(purpose: str, *numbers: int) -> np.random.Generator:
    """Purpose and integers -> generator; other purposes or numbers give independent streams.

    The purpose is part of the key so that, with the same seed, the order of the images and their crops do
    not follow from the same bits. Negative integers are allowed: they are taken modulo 2**64.
    """
    return np.random.default_rng([zlib.crc32(purpose.encode()), *(int(n) % 2**64 for n in numbers)])
