"""Texts of large sets, and what is kept as such, in arrays: a list of them takes ten times the memory."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class Texts(NamedTuple):
    """Texts one behind the other; half a character, as JSON may hold it, is kept."""

    start: np.ndarray  # [n + 1] int64, bytes
    data: np.ndarray  # [bytes] uint8

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """Put texts into arrays."""
        data, start = bytearray(), [0]
        for text in texts:
            data += text.encode("utf-8", "surrogatepass")
            start.append(len(data))
        return cls(np.array(start, np.int64), np.frombuffer(bytes(data), np.uint8))

    def at(self, i: int) -> str:
        """Text number i, from 0 on."""
        return self.data[self.start[i] : self.start[i + 1]].tobytes().decode("utf-8", "surrogatepass")

    def of_rows(self, rows: np.ndarray) -> "Texts":
        """These of the texts."""
        return Texts.of(map(self.at, rows.tolist()))


class Masks(Mapping):
    """Segmentations by the row of their object, each as a text of JSON until it is asked for."""

    def __init__(self, rows: np.ndarray, texts: Texts):
        """Rows [n] int64, ascending, and the text of each."""
        self.rows, self.texts = rows, texts

    @classmethod
    def of(cls, held: Mapping[int, str]) -> "Masks":
        """Put texts of JSON by row, in any order, into arrays."""
        rows = sorted(held)
        return cls(np.array(rows, np.int64), Texts.of(held[row] for row in rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __getitem__(self, row: int) -> Any:
        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row:
            raise KeyError(row)
        return json.loads(self.texts.at(place))

    def of_rows(self, rows: np.ndarray) -> "Masks":
        """Those of these objects, whose rows are counted anew."""
        new = np.flatnonzero(np.isin(rows, self.rows))
        places = np.searchsorted(self.rows, rows[new])
        return Masks(new, self.texts.of_rows(places))
