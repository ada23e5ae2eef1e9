"""What the pixels of a set hold: the depth that its 16-bit and float images need, and whether they use it."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cornernet.data.annotations import AnnotatedSet
from cornernet.data.depths import AUTO, MOST, UNIT, Depth, eight_bits, extremes, fitting, in_words
from cornernet.data.headers import header
from cornernet.data.images import Fault, raw
from cornernet.data.problems import Finding, short
from cornernet.data.source import Source

log = logging.getLogger(__name__)
HEADS, DECODED, SEEN = 2000, 100, 16  # images of which the head is read, those that are decoded, and of any depth
PIXELS = 2**14  # of an image that are looked at
NARROW = 64  # of 256 values, fewer than which are a small part
USUAL = 0.25  # data.std of photographs; a smaller one that is typed spreads what is nearly alike
ENDS = (0.1, 99.9)  # percentiles between which the values count: a dead pixel says nothing


class Held(NamedTuple):
    """An image of a set and some of its values, in the numbers that its file holds."""

    path: Path
    values: np.ndarray  # [n, 3]
    low: float  # of all its values
    high: float


def decided(source: Source, depth: Depth = AUTO) -> Depth:
    """Training set and data.bit_depth -> the same, and for auto the depth that the set needs.

    That is the smallest in which the largest value of its 16-bit and float images has a place, of at most DECODED of
    them, evenly spread; auto where it has none. One for all images, kept with the run, so that none is scaled unlike
    another. Raises ValueError where floats from 0 to 1 and other numbers are mixed.
    """
    if depth != AUTO or not (found := list(held(source, DECODED, True))):
        return depth
    if not (deep := [x for x in found if x.high <= MOST]):
        raise ValueError(
            f"{found[0].path} holds values up to {found[0].high:g}, expected {MOST} at most; save it as 16 bits"
        )
    high = max(x.high for x in deep)
    floats = [x for x in deep if x.values.dtype.kind == "f"]
    small = floats if all(x.high <= 1 for x in floats) else []
    real = len(small) == len(deep)
    if small and not real and high > 1:
        other = next(x for x in deep if x.high > 1)
        raise ValueError(
            f"{small[0].path} holds floats up to {small[0].high:g} and {other.path} values up to {other.high:g}: "
            "data.bit_depth is one for all images; save them as one kind"
        )
    chosen = fitting(high, real)
    log.info(
        "images of more than 8 bits are taken as %s: the largest value of %d of them is %g (data.bit_depth=%s)",
        in_words(chosen), len(deep), high, chosen,
    )  # fmt: skip
    return chosen


def with_depth(source: Source, depth: Depth = AUTO) -> Source:
    """Training set and data.bit_depth -> the set, its images read as `decided` says; one that is drawn as it is."""
    return replace(source, bit_depth=decided(source, depth)) if isinstance(source, AnnotatedSet) else source


def held(source: Source, most: int, deep: bool = False) -> Iterator[Held]:
    """At most so many images of a set, evenly spread, without those that cannot be read; deep: of more than 8 bits."""
    paths = [source.root / source.record(i).file_name for i in _spread(len(source), HEADS if deep else most)
             ] if source.root else []  # fmt: skip
    paths = [path for path in paths if not deep or _deep(path)]
    yield from (seen for i in _spread(len(paths), most) if (seen := _looked(paths[i])))


def misfit(path: str | Path, depth: Depth) -> str:
    """Image that is scored or predicted on and data.bit_depth -> what is said of one that has another depth, or ""."""
    if not _deep(path := Path(path)) or (seen := _looked(path)) is None:
        return ""
    if (made := _made(seen.values, depth)) is None:
        return ""
    (low, high), top = np.percentile(made, ENDS), float(np.percentile(seen.values, ENDS[1]))
    wanted = fitting(top, seen.values.dtype.kind == "f")
    most = 2 ** (16 if depth in (AUTO, UNIT) else int(depth))
    if not wanted or wanted == depth or (high - low >= NARROW and top < most):
        return ""
    made_of = f"{low:.0f} to {high:.0f} of 0 to 255 when taken as {in_words(depth)}"
    return short(
        f"{path} holds values from {seen.low:g} to {seen.high:g}, {made_of}; data.bit_depth={wanted} spreads them"
    )


def unlike(source: Source, depth: Depth) -> str:
    """Set that is scored and data.bit_depth -> what `misfit` says of the first of some of its images, or ""."""
    some = [source.record(i).file_name for i in _spread(len(source), SEEN)] if source.root else []
    return next(filter(None, (misfit(source.root / name, depth) for name in some if source.root)), "")


def narrow(
    source: Source, depth: Depth, std: Sequence[float] | None = None, most: int = SEEN
) -> list[Finding]:  # fmt: skip
    """Set, data.bit_depth and data.std -> whether the values of its images, as the network gets them, are alike."""
    seen = [(x, made) for x in held(source, most) if (made := _made(x.values, depth)) is not None]
    if not seen:
        return []
    values = np.concatenate([made for _, made in seen]).astype(np.float32)
    low, high = np.percentile(values, ENDS)
    if high - low >= NARROW * (1 if std is None else min(1, sum(std) / len(std) / USUAL)):
        return []
    first = seen[0][0]
    example = f"{first.path} holds values from {first.low:g} to {first.high:g}, {low:.0f} to {high:.0f} of 0 to 255"
    return [Finding("image in a small part of the values", len(seen), short(example), _cure(seen, values, depth))]


def _cure(seen: list[tuple[Held, np.ndarray]], values: np.ndarray, depth: Depth) -> str:
    """What to type for images whose values are nearly alike."""
    deep = [x.values for x, _ in seen if x.values.dtype != np.uint8]
    if deep:
        high = float(np.percentile(np.concatenate(deep), ENDS[1]))
        wanted = fitting(high, all(x.dtype.kind == "f" for x in deep))
        if wanted and wanted != depth:
            return f"used as it is; data.bit_depth={wanted} spreads them"
    mean, std = float(values.mean()) / 255, max(float(values.std()) / 255, 1e-3)
    each = "[" + ",".join(["{:.3g}"] * 3) + "]"
    told = f"data.mean={each.format(*[mean] * 3)} data.std={each.format(*[std] * 3)}"
    return f"used as it is; where these are no masks, {told} spreads them"


def _made(values: np.ndarray, depth: Depth) -> np.ndarray | None:
    try:
        return eight_bits(values, depth)
    except ValueError:  # the check of the images says why
        return None


def _looked(path: Path) -> Held | None:
    try:
        image = raw(path)
    except OSError:  # the check of the images says why
        return None
    if isinstance(image, Fault):
        return None
    step = max(1, int((image.shape[0] * image.shape[1] / PIXELS) ** 0.5))
    return Held(path, image[::step, ::step].reshape(-1, 3), *extremes(image))


def _spread(count: int, most: int) -> list[int]:
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def _deep(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            found = header(stream)
    except OSError:
        return False
    return found is not None and (found.bits > 8 or found.trait == "float")
