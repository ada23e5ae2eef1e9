"""From the values of 16-bit and float images to 8 bits: one depth for a whole set, `data.bit_depth`.

Microscopes and cameras write 10, 12 or 14 bits into files of 16. A depth of d bits maps 0 to 2^d - 1 onto 0 to 255 by
its upper eight bits, whatever the format of the file; values beyond are white. Floats are treated alike; those from 0
to 1, depth 1, are multiplied by 255. Below 0 and not-a-number is black.
"""

import numpy as np

Depth = int | str  # data.bit_depth: bits, or auto
AUTO, UNIT = "auto", 1
DEPTHS = (8, 10, 12, 14, 16)
MOST = 2**16 - 1  # the largest value that a depth has a place for


def eight_bits(image: np.ndarray, depth: Depth = AUTO) -> np.ndarray:
    """Image of any numbers and data.bit_depth -> uint8, of the same shape; one of uint8 is what it was.

    auto: 16 bits, floats from 0 to 1. Raises ValueError, the end of a sentence, for what that does not fit.
    """
    if image.dtype == np.uint8:
        return image
    real = image.dtype.kind == "f"
    low, high = extremes(image)
    if high > MOST or (not real and low < 0):
        kind = "numbers" if real else "whole numbers"
        raise ValueError(f"holds {kind} from {low:g} to {high:g}, expected 0 to {MOST}; save it as unsigned 16 bits")
    if real and depth in (AUTO, UNIT):
        if depth == AUTO and high > 1:
            raise ValueError(f"holds floats from {low:g} to {high:g}, expected 0 to 1; {typed(high)} takes them")
        return np.rint(np.nan_to_num(image, nan=0).clip(0, 1) * 255).astype(np.uint8)
    step = 2 ** ((int(depth) if depth not in (AUTO, UNIT) else 16) - 8)
    if real:
        return (np.nan_to_num(image, nan=0) / step).clip(0, 255).astype(np.uint8)
    return np.minimum(image // step, 255).astype(np.uint8)


def extremes(image: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value, not-a-number left aside; 0 and 0 where there is none."""
    if image.dtype.kind != "f":
        return float(image.min()), float(image.max())
    if not (known := ~np.isnan(image)).any():
        return 0.0, 0.0
    return float(image.min(where=known, initial=np.inf)), float(image.max(where=known, initial=-np.inf))


def fitting(high: float, real: bool) -> int:
    """Largest value of a set, and whether its values are floats -> the depth that holds it; 0 if none does."""
    if real and high <= 1:
        return UNIT
    return next((bits for bits in DEPTHS if high < 2**bits), 0)


def in_words(depth: Depth) -> str:
    """data.bit_depth -> what it makes of an image."""
    return {AUTO: "16 bits, floats from 0 to 1", UNIT: "floats from 0 to 1"}.get(depth, f"{depth} bits")


def typed(high: float) -> str:
    """Largest value -> what to type for it."""
    return f"data.bit_depth={fitting(high, False) or DEPTHS[-1]}"
