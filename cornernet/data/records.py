"""The images of a set in a few arrays: a list of them takes ten times the memory."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cornernet.data.source import ImageRecord
from cornernet.data.texts import Texts


class Records:
    """A sequence of ImageRecord; a place, also one from the end, gives one, rows give Records."""

    def __init__(self, ids: np.ndarray | Texts, names: Texts, sizes: np.ndarray):
        """Ids [n] int64, or texts; names; width and height [n, 2] int64."""
        self.ids, self.names, self.sizes = ids, names, sizes

    @classmethod
    def of(cls, records: Iterable[ImageRecord]) -> "Records":
        """Put records into arrays; their ids are all numbers or all texts."""
        held = list(records)
        numbers, texts = ([r.image_id for r in held if isinstance(r.image_id, kind)] for kind in (int, str))
        sizes = np.array([r[2:] for r in held], np.int64).reshape(-1, 2)
        ids = Texts.of(texts) if texts else np.array(numbers, np.int64)  # type: ignore[arg-type]
        return cls(ids, Texts.of(r.file_name for r in held), sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, i: int) -> ImageRecord:
        i = range(len(self))[i]  # also raises for what there is not
        number = self.ids.at(i) if isinstance(self.ids, Texts) else int(self.ids[i])
        width, height = self.sizes[i].tolist()
        return ImageRecord(number, self.names.at(i), width, height)

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.__getitem__, range(len(self)))

    def of_rows(self, rows: Sequence[int]) -> "Records":
        """These of the records."""
        at = np.array(rows, np.int64)
        ids = self.ids.of_rows(at) if isinstance(self.ids, Texts) else self.ids[at]
        return Records(ids, self.names.of_rows(at), self.sizes[at])
