"""The annotations of a set in columns, as they are read one by one: a tenth of what dicts of them take."""

import json
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

KEYS = ("id", "image_id", "category_id", "bbox", "iscrowd", "area")  # that are looked at; segmentation of crowds alone
EXACT = 2**53  # whole numbers below which a float is the same
LONGEST = 2**63  # whole numbers below which one has 64 bits
NO_ID, TEXT_ID, CROWD, WHOLE = 1, 2, 4, 8  # bits; from WHOLE on those of x, y, w, h and area that are whole numbers


class Columns:
    """A sequence of entries that gives back what was put in, but for what nobody asks for.

    What has the usual types stands in columns, whether or not it makes sense; everything else is kept as it is.
    """

    def __init__(self, entries: Iterable[Any] = ()):
        """Put in what is there."""
        self._ids, self._images, self._categories = array("q"), array("q"), array("q")
        self._numbers, self._bits = array("d"), array("B")  # x, y, w, h and area of each, NaN for no area
        self.texts: dict[int, str] = {}  # ids that are texts
        self.masks: dict[int, str] = {}  # segmentations of crowds, in JSON
        self.odd: dict[int, Any] = {}
        for entry in entries:
            self.append(entry)

    def append(self, entry: Any) -> None:
        """Put one behind the others."""
        at, bits = len(self._bits), _bits(entry) if isinstance(entry, dict) else None
        if bits is None:
            self.odd[at] = _looked_at(entry)
            entry, bits = {"image_id": 0, "category_id": 0, "bbox": (0, 0, 0, 0)}, NO_ID
        number, area = entry.get("id", 0), entry.get("area")
        if bits & TEXT_ID:
            self.texts[at], number = number, 0
        if bits & CROWD and entry.get("segmentation"):
            self.masks[at] = json.dumps(entry["segmentation"])
        self._bits.append(bits)
        self._ids.append(number)
        self._images.append(entry["image_id"])
        self._categories.append(entry["category_id"])
        self._numbers.extend(entry["bbox"])
        self._numbers.append(np.nan if area is None else area)

    def __len__(self) -> int:
        return len(self._bits)

    def __getitem__(self, at: int) -> Any:
        if at in self.odd:
            return self.odd[at]
        bits, numbers = self._bits[at], self._numbers[5 * at : 5 * at + 5]
        *box, area = (int(x) if bits & WHOLE << place else x for place, x in enumerate(numbers))
        entry: dict[str, Any] = {} if bits & NO_ID else {"id": self.texts.get(at, self._ids[at])}
        entry |= {"image_id": self._images[at], "category_id": self._categories[at], "bbox": box}
        entry |= {} if area != area else {"area": area}
        if bits & CROWD:
            entry |= {"iscrowd": 1, "segmentation": json.loads(self.masks.get(at, "null"))}
        return entry

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def used(self) -> set[int | float | str]:
        """Ids of categories, wherever they are such."""
        odd = (entry.get("category_id") for entry in self.odd.values() if isinstance(entry, dict))
        return {*np.unique(self.categories[self.usual]).tolist(), *(x for x in odd if isinstance(x, int | float | str))}

    @property
    def usual(self) -> np.ndarray:
        """[N] bool, whether the columns hold it."""
        found = np.ones(len(self), bool)
        found[list(self.odd)] = False
        return found

    @property
    def ids(self) -> np.ndarray:
        """[N] int64, 0 where it is none of 64 bits."""
        return np.frombuffer(self._ids, np.int64)

    @property
    def numbered(self) -> np.ndarray:
        """[N] bool, whether the id is a whole number."""
        return self.usual & (np.frombuffer(self._bits, np.uint8) & (NO_ID | TEXT_ID) == 0)

    @property
    def images(self) -> np.ndarray:
        """[N] int64, ids of images."""
        return np.frombuffer(self._images, np.int64)

    @property
    def categories(self) -> np.ndarray:
        """[N] int64, ids of categories."""
        return np.frombuffer(self._categories, np.int64)

    @property
    def boxes(self) -> np.ndarray:
        """[N, 4] float64, x, y, w, h."""
        return np.frombuffer(self._numbers, np.float64).reshape(-1, 5)[:, :4]

    @property
    def areas(self) -> np.ndarray:
        """[N] float64, NaN for none."""
        return np.frombuffer(self._numbers, np.float64).reshape(-1, 5)[:, 4]

    @property
    def crowds(self) -> np.ndarray:
        """[N] bool."""
        return np.frombuffer(self._bits, np.uint8) & CROWD != 0


def _bits(entry: dict) -> int | None:
    """What an entry of the usual types holds, None for any other."""
    box, area, crowd, number = entry.get("bbox"), entry.get("area"), entry.get("iscrowd"), entry.get("id", None)
    if not (_whole(entry.get("image_id")) and _whole(entry.get("category_id")) and isinstance(box, list)):
        return None
    if len(box) != 4 or not (crowd is None or (type(crowd) is int and 0 <= crowd <= 1)):
        return None
    bits, bit = CROWD if crowd else 0, WHOLE
    if number is None:
        bits |= NO_ID
    elif type(number) is str:
        bits |= TEXT_ID
    elif not _whole(number):
        return None
    for value in box if area is None else (*box, area):
        if type(value) is int and -EXACT < value < EXACT:
            bits |= bit
        elif type(value) is not float:
            return None
        bit <<= 1
    return None if area != area or ("id" in entry and number is None) else bits


def _whole(value: Any) -> bool:
    return type(value) is int and -LONGEST < value < LONGEST


def _looked_at(entry: Any) -> Any:
    """Entry without what nobody asks for."""
    if not isinstance(entry, dict):
        return entry
    keys = (*KEYS, "segmentation") if entry.get("iscrowd") else KEYS
    return {key: entry[key] for key in keys if key in entry}
