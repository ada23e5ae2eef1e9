"""The size that images are given, from the sizes of what is on them, and the stride at which the network reads them."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from cornernet.recipes.facts import Facts
from cornernet.recipes.means import Means

CELLS = 2  # that the 5th percentile of the objects shall span
STEP = 32  # pixels of which inputs are multiples
LEAST, USUAL, DETAILED, MOST = 128, 384, 512, 1024  # longest sides; DETAILED where looks tell classes apart
NARROWEST = 64  # side of the input
FINE, COARSE = 4, 8  # strides


class Sizes(NamedTuple):
    """What images become before the network reads them."""

    longest_side: int
    input_size: tuple[int, int]  # height, width
    stride: int
    why: str  # of the longest side

    @property
    def area(self) -> int:
        """Pixels of the input."""
        return self.input_size[0] * self.input_size[1]


def sizes(facts: Facts, means: Means) -> Sizes:
    """Images as large as their small objects and their classes ask for, and not larger than they are without need."""
    needed = up(CELLS * (means.stride or FINE) / facts.small)
    usual = DETAILED if looks_tell(facts) else USUAL
    longest = min(max(needed, min(usual, up(facts.longer)), LEAST), MOST)
    shape = (max(up(longest * facts.height), NARROWEST), max(up(longest * facts.width), NARROWEST))
    coarse = means.pretrained and facts.small * longest >= CELLS * COARSE
    stride = means.stride or (COARSE if coarse else FINE)
    return Sizes(longest, shape, stride, " ".join(_reasons(facts, longest, stride, usual)))


def _reasons(facts: Facts, longest: int, stride: int, usual: int) -> Iterator[str]:
    """Why the longest side is what it is, a sentence each."""
    needed = up(CELLS * stride / facts.small)
    yield (
        f"the 5th percentile of objects is {facts.small * facts.longer:.3g} px at {facts.longer:.5g}: "
        f"at longest_side {longest} it spans {facts.small * longest / stride:.1f} cells of stride {stride};"
    )
    if needed > MOST:
        yield f"{CELLS} cells would take {needed}, more than the {MOST} of a recipe: cut the images up to find them"
    elif needed >= longest > LEAST:
        yield f"{CELLS} cells take {needed}"
    elif longest == usual:
        kind = f"and {facts.told:.0%} told by size, so that details count" if usual == DETAILED else "where sizes allow"
        yield f"{CELLS} cells take {needed}, and {usual} is usual {kind}"
    else:
        yield f"{CELLS} cells take {needed}, and the images are {facts.longer:.5g} long"


def looks_tell(facts: Facts) -> bool:
    """Whether the sizes of boxes leave more than half of what is above chance to the looks of the objects."""
    chance = 1 / len(facts.seen)
    return len(facts.seen) > 1 and facts.told - chance < (1 - chance) / 2


def up(length: float) -> int:
    """The next multiple of STEP."""
    return STEP * math.ceil(length / STEP - 1e-6)
