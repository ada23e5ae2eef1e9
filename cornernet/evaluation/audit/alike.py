"""Images that are nearly the same: saved again, resized or slightly changed copies, found by what they look like.

Candidates are pairs whose hashes (the signs of the lowest 64 cosine coefficients of a small grey copy, as in Zauner
2010, Implementation and Benchmarking of Perceptual Image Hash Functions) differ in few bits; a look at their pixels
decides: the correlation of the details of both, at one size.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from cornernet.data import Source, patiently
from cornernet.system.progress import following

SMALL, KEPT = 32, 8  # sides of the copy that is hashed, and of the corner of its coefficients that is kept
BITS = 12  # of 64, in which hashes of one image may differ
SIDE, BLUR = 48, 4.0  # pixels of the copies that are compared, and of what counts as coarse in them
FLAT = 0.5  # grey levels by which details deviate, below which there are none
LIKE = 2.0  # grey levels by which two flat images may differ
WIDE = 1.1  # largest ratio of the aspect ratios
SURE = (0.6, 0.95)  # correlations of surely different and surely the same: others have up to 0.5, copies 0.96
BLOCK = 512  # hashes that are compared with all others at once


class Look(NamedTuple):
    """An image as it is compared."""

    split: str
    position: int
    name: str
    hash: int
    aspect: float  # width / height


class Pair(NamedTuple):
    """Two images that are alike."""

    one: Look  # the later one
    other: Look
    sureness: float


def pairs(sources: Mapping[str, Source], progress: bool = True) -> list[Pair]:
    """Sources by split, the one under audit first -> each of its images that is like another, with the likest.

    Of two images of that split the later one is named. Images that cannot be read are left out.
    """
    audited = next(iter(sources))
    looks = [look for split in sources for look in _looks(sources[split], split, progress)]
    best: dict[int, Pair] = {}
    for one, other in _candidates(looks):
        if audited not in (one.split, other.split):
            continue
        one, other = (other, one) if one.split != audited else (one, other)
        later, earlier = (one, other) if other.split != audited or one.position > other.position else (other, one)
        sureness = likeness(*(sources[x.split].image(x.position) for x in (later, earlier)))
        if sureness > (best[later.position].sureness if later.position in best else 0):
            best[later.position] = Pair(later, earlier, sureness)
    return sorted(best.values(), key=lambda x: -x.sureness)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Two images [h, w, 3] uint8 -> sureness that they are the same, in [0, 1]; colours are not compared."""
    details = [_details(image) for image in (one, other)]
    flat = [float(x.std()) < FLAT for x in details]
    if any(flat):  # nothing to correlate: the same if both are, and as bright
        means = [float(image.mean()) for image in (one, other)]
        return float(all(flat) and abs(means[0] - means[1]) < LIKE)
    correlation = float(np.corrcoef(details[0].ravel(), details[1].ravel())[0, 1])
    return float(np.clip((correlation - SURE[0]) / (SURE[1] - SURE[0]), 0, 1))


def perceptual_hash(image: np.ndarray) -> int:
    """Image [h, w, 3] uint8 -> 64 bits that small changes leave nearly as they are."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()
    low[0] = 0  # brightness says nothing of what is on it
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def _looks(source: Source, split: str, progress: bool) -> Iterator[Look]:
    for i in following(range(len(source)), len(source), "image", f"compare {split}", progress):
        try:
            image = patiently(partial(source.image, i))
        except (ValueError, OSError):  # the check of the data names them
            continue
        yield Look(split, i, source.record(i).file_name, perceptual_hash(image), image.shape[1] / image.shape[0])


def _candidates(looks: Sequence[Look]) -> Iterator[tuple[Look, Look]]:
    """Pairs, the earlier first, whose hashes and shapes are near each other."""
    hashes = np.array([look.hash for look in looks], np.uint64)
    aspects = np.array([look.aspect for look in looks])
    for start in range(0, len(looks), BLOCK):
        rows = slice(start, start + BLOCK)
        near = np.bitwise_count(hashes[rows, None] ^ hashes[None]) <= BITS
        near &= abs(np.log(aspects[rows, None] / aspects[None])) <= np.log(WIDE)
        near &= np.arange(len(looks))[rows, None] < np.arange(len(looks))
        yield from ((looks[start + a], looks[b]) for a, b in zip(*near.nonzero(), strict=True))


def _details(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    grey = grey.astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), BLUR)
