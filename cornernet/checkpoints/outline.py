"""What a file of torch says it holds, looked at before torch reads it: a small file shall not ask for a large memory.

Archives: every part stored as it is, in a file no longer than its parts. Their description, a pickle: short, of few
values even when all it shares is unfolded, of names that stand for tensors alone, no tensor larger than what is there.
"""

import gc
import io
import itertools
import math
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from cornernet.system.reading import Watched

PARTS = 2**15  # of an archive; a training checkpoint of Hourglass-104 has 4026
DIRECTORY = 100 * PARTS  # bytes of the list of them
PICKLE = 4 * 2**20  # bytes of a description; 0.4 MB
STEPS = 400_000  # instructions in it; 120,000
VALUES = 400_000  # in the contents with everything that is shared counted anew
DEPTH = 32  # of values inside each other
GAPS = 2**10  # bytes of an archive for each part besides its own: names, sizes, padding to 64 bytes
END, END64, LOCATOR = 22, 56, 20  # bytes of what ends an archive: its end, the same for long ones, where that lies
COMMENT = 2**16  # bytes behind it at most
SIZES = {  # bytes of a number, by the name of its storage
    **dict.fromkeys(("ByteStorage", "CharStorage", "BoolStorage", "UntypedStorage"), 1),
    **dict.fromkeys(("HalfStorage", "BFloat16Storage", "ShortStorage"), 2),
    **dict.fromkeys(("FloatStorage", "IntStorage"), 4),
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    "ComplexDoubleStorage": 16,
}
STORED = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
NAMES = {  # all that a description may name
    "collections.OrderedDict", "torch.Size", "torch.device", "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_meta_tensor_no_storage",
    "torch.serialization._get_layout", "_codecs.encode", *STORED, *(f"torch.{name}" for name in SIZES),
    *(f"torch.{kind}" for kind in ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32")),
    *(f"torch.{kind}" for kind in ("int64", "bool", "complex64", "complex128")), "torch.storage.UntypedStorage",
}  # fmt: skip


class Foreign(ValueError):
    """A description names what stands for no tensor and no plain value."""


class TooLarge(ValueError):
    """The file asks for more than its own length, or for more than any checkpoint holds."""


class _Name(str):
    """What a description names, in place of what it stands for."""

    def __call__(self, *args: Any) -> "_Made":
        return _Made(self, args)


class _Made(dict):
    """What a call of a name stands for; an OrderedDict is filled afterwards, as a dict is."""

    def __init__(self, name: str, args: tuple):
        super().__init__()
        self.name, self.args = name, args


class _Outline(pickle._Unpickler):
    """Reads a description without making anything of it; sizes: bytes of every storage by its key, None for any."""

    def __init__(self, file: BinaryIO, sizes: dict[str, int] | None, most: int):
        super().__init__(file)
        self.sizes, self.most = sizes, most

    def find_class(self, module: str, name: str) -> _Name:
        """A name in place of what it stands for; raises Foreign for one that no checkpoint has."""
        full = f"{module}.{name}".replace("__builtin__.", "builtins.")
        if full not in NAMES:
            raise Foreign(f"it names {full[:80]!r}")
        return _Name(full)

    def persistent_load(self, pid: Any) -> tuple[str, int]:
        """A storage -> its key and its length in numbers; raises TooLarge for one that is longer than what is there."""
        _, kind, key, _, length = pid[:5]
        there = self.most if self.sizes is None else self.sizes.get(str(key), -1)
        if not 0 <= length * SIZES[kind.rpartition(".")[2]] <= there:
            raise TooLarge(f"its storage {str(key)[:20]!r} is said to be longer than it is")
        return str(key), length


def check(file: BinaryIO | Watched) -> None:
    """Raise Foreign or TooLarge for a file that torch had better not read; ValueError and others for a damaged one."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        data, sizes = _archive(file, length)
        return _description(io.BytesIO(data), sizes, length, 1)
    file.seek(0)
    # before there were archives: three short pickles, the contents, the keys of the storages, then these themselves
    return _description(io.BytesIO(file.read(PICKLE)), None, length, 5)


def _archive(file: BinaryIO | Watched, length: int) -> tuple[bytes, dict[str, int]]:
    """An archive -> its description and the bytes of every storage by its key."""
    if _directory(file, length) > DIRECTORY:
        raise TooLarge(f"it has more than {PARTS} parts")
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED or part.compress_size != part.file_size for part in parts):
            raise TooLarge("its parts are compressed, which torch never does")
        total = sum(part.file_size for part in parts)
        if len(parts) > PARTS or not total <= length <= total + GAPS * (len(parts) + 1):
            raise TooLarge("its parts do not fill it, or lie over each other")
        names = {part.filename.lower(): part for part in parts}  # torch does not tell upper case from lower
        if len(names) != len(parts):
            raise TooLarge("two of its parts have one name")
        described = [name for name in names if name.endswith("/data.pkl")]
        if len(described) != 1 or names[described[0]].file_size > PICKLE:
            raise TooLarge(f"it has no description of at most {PICKLE >> 20} MB")
        start = described[0].removesuffix("data.pkl") + "data/"
        sizes = {name.removeprefix(start): part.file_size for name, part in names.items() if name.startswith(start)}
        return archive.read(names[described[0]]), sizes


def _directory(file: BinaryIO | Watched, length: int) -> int:
    """Bytes that an archive's list of parts is said to take; raises TooLarge for an end that torch would not write.

    The list must end where the end begins: else zipfile would look for it there, and torch where it is said to begin.
    """
    file.seek(max(0, length - COMMENT - END - LOCATOR - END64))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < END:
        raise TooLarge("its end is missing")
    before = length - len(tail)
    if tail[max(0, end - LOCATOR) :][:4] != b"PK\x06\x07":
        return _ends_at(before + end, *struct.unpack_from("<LL", tail, end + 12))
    second = end - LOCATOR - END64
    where = struct.unpack_from("<Q", tail, end - LOCATOR + 8)[0]
    if second < 0 or tail[second:][:4] != b"PK\x06\x06" or where != before + second:
        raise TooLarge("its end is not as torch writes it")
    return _ends_at(where, *struct.unpack_from("<QQ", tail, second + 40))


def _ends_at(end: int, size: int, start: int) -> int:
    if start + size != end:
        raise TooLarge("its list of parts does not lie where it is said to")
    return size


def _description(data: BinaryIO, sizes: dict[str, int] | None, length: int, pickles: int) -> None:
    steps = itertools.chain.from_iterable(pickletools.genops(data) for _ in range(pickles))
    if sum(1 for _ in itertools.islice(steps, STEPS + 1)) > STEPS:
        raise TooLarge(f"its description has more than {STEPS} steps")
    data.seek(0)
    with _without_collection():
        _check_values([_Outline(data, sizes, length).load() for _ in range(pickles)])


def _check_values(root: Any) -> None:
    """Raise TooLarge for contents that are endless, deep or many once all that is shared is written out."""
    left, count = [(root, 0)], 0
    while left:
        value, depth = left.pop()
        if isinstance(value, _Made) and value.name in STORED:
            _check_stored(*value.args[:3])
        inner = list(_inside(value))
        count += 1 + len(inner)
        if count > VALUES or (depth == DEPTH and inner):
            raise TooLarge(f"its contents are more than {VALUES} values or more than {DEPTH} inside each other")
        left += [(x, depth + 1) for x in inner]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, _Made):
        yield from value.args
    if isinstance(value, dict):
        yield from (part for pair in value.items() for part in pair)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value


def _check_stored(storage: tuple[str, int], _: int, shape: tuple[int, ...]) -> None:
    """Raise TooLarge for a tensor that repeats the numbers of its storage, as an expanded one does."""
    if min(shape, default=1) < 0 or math.prod(shape) > storage[1]:
        raise TooLarge(f"its storage {storage[0][:20]!r} is shorter than a tensor in it")


@contextmanager
def _without_collection() -> Iterator[None]:
    """Python looks for circles again and again while many values are made, which takes longer than making them."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
