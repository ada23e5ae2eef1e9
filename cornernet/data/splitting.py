"""Which images of a set are held out for validation: the same ones for every seed and on every machine.

The order in which images are asked for follows from a digest of their names alone, so that of a set that grows the
same ones are asked first. Classes are spread by iterative stratification: the rarest class first, since a frequent
one can make up for what it leaves (Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML
PKDD 2011), in groups that stay together.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from cornernet.system.wording import counted


def held_out(groups: Sequence[str], image: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    """Group of each image, and image and label of each object -> [images] bool, whether an image is held out.

    Each class gives about this share of its images, one at least where that leaves a group of each class to train on.
    Images without an object come last and make up the number. All are False where there is but one group.
    """
    names, group = np.unique(np.array(groups, object), return_inverse=True)
    place = np.argsort(np.argsort([_digest(name) for name in names]))
    classes = _classes(group, image, labels)
    left = [len(mine) for mine, _ in classes]  # groups of each class that are trained on
    own: list[list[int]] = [[] for _ in names]  # classes of each group
    for number, (mine, _) in enumerate(classes):
        for at in mine.tolist():
            own[at].append(number)
    taken, settled = np.zeros(len(names), bool), np.zeros(len(names), bool)
    for mine, count in classes:
        order = np.argsort(place[mine])
        _take(mine[order].tolist(), count[order].tolist(), share, taken, settled, left, own)
    return taken[group]


def group_names(names: Sequence[str], pattern: str) -> list[str]:
    """File names -> what the first pair of brackets of a pattern holds in each; without a pattern the names.

    Raises ValueError for a pattern without brackets and, naming it, for a file in which it is not found.
    """
    if not pattern:
        return [name.rpartition("/")[2] for name in names]
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"data.split_by={pattern} is no regular expression: {error}") from None
    if not search.groups:
        raise ValueError(f"data.split_by={pattern} has no brackets around what images must share to stay together")
    found = [search.search(name) for name in names]
    if missing := [name for name, match in zip(names, found, strict=True) if match is None or match[1] is None]:
        raise ValueError(
            f"data.split_by={pattern} is not found in {counted(len(missing), 'file name')}, the first: {missing[0]}"
        )
    return [str(match[1]) for match in found if match is not None]


def _classes(group: np.ndarray, image: np.ndarray, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Groups with a class and how many images they have with it: for each class, the rarest first, then for all."""
    pairs = np.unique(np.stack([labels, image]), axis=1)
    found = [group[pairs[1, pairs[0] == label]] for label in np.unique(pairs[0])]
    found.sort(key=len)
    return [np.unique(each, return_counts=True) for each in (*found, group)]


def _take(
    mine: list[int], count: list[int], share: float, taken: np.ndarray, settled: np.ndarray, left: list[int],
    own: list[list[int]],
) -> None:  # fmt: skip
    """Settle the groups of one class, in the order given, that no class before has settled."""
    lack = share * sum(count) - sum(n for at, n in zip(mine, count, strict=True) if taken[at])
    none = not taken[mine].any()
    for at, n in zip(mine, count, strict=True):
        wanted = lack >= n / 2 or none
        if wanted and not settled[at] and all(left[number] > 1 for number in own[at]):
            taken[at], none, lack = True, False, lack - n
            for number in own[at]:
                left[number] -= 1
    settled[mine] = True


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:7], "big")
