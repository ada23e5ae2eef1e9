"""What the seeds of a comparison allow to say: paired differences with their intervals, corrected for their number.

Two members trained with one seed see the same images, crops and order, so what counts is the difference seed by seed:

    d_i = b_i - a_i,  i = 1 .. n      mean(d) +- t(0.975, n - 1) sd(d) / sqrt(n)      p of the paired t test

Student: The probable error of a mean, 1908. p is corrected over all pairs of the table by Holm's procedure (A simple
sequentially rejective multiple test procedure, 1979), which holds the chance of one false claim or more at 5 %. How
many seeds a difference of this size and spread would need is where the paired t test has a power of 0.8 at 5 % through
the number of pairs.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

LEVEL, POWER = 0.05, 0.8
MOST = 100  # seeds that anybody would train


class Difference(NamedTuple):
    """Second minus first member, in the unit of the figure, over the seeds that both have."""

    first: str
    second: str
    seeds: int
    mean: float  # NaN without a seed in common
    low: float  # 95 % interval of the mean; NaN for one seed
    high: float
    p: float  # corrected; NaN for one seed
    needed: int | None  # seeds that would tell; None for more than MOST, and where the spread is unknown

    @property
    def told(self) -> bool:
        """Whether the seeds tell the two apart at 5 %."""
        return self.p <= LEVEL

    def turned(self) -> "Difference":
        """Return first minus second."""
        mean, low, high = -self.mean, -self.high, -self.low
        return self._replace(first=self.second, second=self.first, mean=mean, low=low, high=high)


def differences(members: Mapping[str, Mapping[int, float]]) -> list[Difference]:
    """Members by name, of each a figure by seed, NaN or negative for none -> every pair, in their order."""
    kept = {name: {s: x for s, x in values.items() if x >= 0} for name, values in members.items()}
    tests = sum(len(kept[a].keys() & kept[b]) > 1 for a, b in combinations(kept, 2))
    pairs = [_pair(a, b, kept[a], kept[b], tests) for a, b in combinations(kept, 2)]
    corrected = holm([pair.p for pair in pairs])
    return [pair._replace(p=p) for pair, p in zip(pairs, corrected, strict=True)]


def _pair(first: str, second: str, a: Mapping[int, float], b: Mapping[int, float], tests: int) -> Difference:
    shared = [seed for seed in a if seed in b]
    apart = np.array([b[seed] - a[seed] for seed in shared])
    low, high, p = interval(apart)
    mean = float(apart.mean()) if len(apart) else math.nan
    return Difference(first, second, len(apart), mean, low, high, p, needed(apart, tests))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Differences [n] -> 95 % interval of their mean and p of a mean of 0; all NaN for n below 2."""
    from scipy import stats

    n = len(values)
    if n < 2:
        return math.nan, math.nan, math.nan
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    reach = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1)) if error > 0 else float(mean == 0)
    return mean - reach, mean + reach, p


def holm(p: Sequence[float]) -> list[float]:
    """Values of p -> the same corrected for their number; NaN is no test and stays."""
    tests = sorted((x, i) for i, x in enumerate(p) if not math.isnan(x))
    corrected, least = list(p), 0.0
    for rank, (x, i) in enumerate(tests):
        least = max(least, min(1.0, x * (len(tests) - rank)))
        corrected[i] = least
    return corrected


def needed(values: np.ndarray, tests: int = 1) -> int | None:
    """Differences [n] -> seeds from which on a paired t test tells such a mean and spread; None for more than MOST.

    tests: for how many p is corrected, which is taken at its strictest, so that what n seeds do not tell needs more.
    """
    from scipy import stats

    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if spread == 0:
        return None
    n = np.arange(2, MOST + 1)
    at = stats.t.ppf(1 - LEVEL / 2 / max(1, tests), n - 1)
    power = stats.nct.sf(at, n - 1, abs(float(values.mean())) / spread * np.sqrt(n))
    return int(n[np.argmax(power >= POWER)]) if (power >= POWER).any() else None


def sentence(one: Difference, unit: float = 100) -> str:
    """A pair -> what may be said of it, its figures times the unit."""
    if one.seeds < 2:
        return f"cannot be told with {one.seeds} seed{'s' * (one.seeds == 0)}: two or more show a spread"
    if one.told:
        better, worse = (one.second, one.first) if one.mean > 0 else (one.first, one.second)
        return f"{better} is above {worse} by {abs(one.mean) * unit:.1f}"
    many = f"about {one.needed}" if one.needed else f"more than {MOST}"
    return f"cannot be told with {one.seeds} seeds: {many} would be needed"
