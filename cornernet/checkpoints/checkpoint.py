"""Checkpoints: written so that a crash leaves the old file whole, read so that nothing in them is executed.

A file is the zip archive that torch writes, with a sha256 of it as the archive's comment: torch's own checksums are not
looked at when it reads, and a file beside it would be left behind when the checkpoint is copied.
"""

import hashlib
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from cornernet import graphs
from cornernet.checkpoints import outline
from cornernet.errors import Damaged
from cornernet.system import writing
from cornernet.system.reading import NO_MEMORY, Watched, patiently, present
from cornernet.system.wording import counted, kind
from cornernet.version import PLUGINS, __version__

NUMBERS = {"float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8", "bool"}  # of weights
KINDS = {"model": dict, "config": dict, "class_names": list, "category_ids": list, "step": int}
MARK = b"sha256:"
COMMENT = len(MARK) + 64  # bytes of the comment; its length stands in the two bytes before it
END = 22  # bytes of what ends an archive that has no comment
CHUNK = 2**20


class _Hashed:
    """A file that torch writes into, and the digest of what went through."""

    def __init__(self, file: BinaryIO):
        self.file, self.digest = file, hashlib.sha256()
        self.error: BaseException | None = None

    def write(self, data) -> int:
        """Write; torch's writer survives neither an error of the disk nor a signal's, so they are kept for `finish`."""
        try:
            if self.error is None:
                self.digest.update(data)
                self.file.write(data)
        except BaseException as error:
            self.error = error
        return len(data)

    def flush(self) -> None:
        """Nothing: `finish` flushes."""

    def finish(self) -> None:
        """Put the digest behind the archive as its comment, and everything onto the disk."""
        if self.error is not None:
            raise self.error
        self.file.seek(-2, os.SEEK_END)
        self.file.write(COMMENT.to_bytes(2, "little") + MARK + self.digest.hexdigest().encode())
        self.file.flush()
        os.fsync(self.file.fileno())


def save(state: dict[str, Any], path: str | Path, keep: bool = False) -> None:
    """Write the state to a temporary file, flush it to the disk, then move it over `path`.

    keep: leave what stood there as `previous(path)`. Whenever the process dies, `path` or that one is whole. Raises
    OSError where the disk does not take it; the old file then stands as it was.
    """
    path = Path(path)
    with writing.replacing(path) as temporary:
        with temporary.open("wb") as file:
            hashed = _Hashed(file)
            torch.save(state, cast(BinaryIO, hashed))
            hashed.finish()
        if keep and path.exists():
            _keep(path)
    _sync(path.parent)


def previous(path: str | Path) -> Path:
    """Where `save` keeps the checkpoint before `path`: last.prev.pt beside last.pt."""
    path = Path(path)
    return path.with_name(f"{path.stem}.prev{path.suffix}")


def _keep(path: Path) -> None:
    """Give the file its name as the previous one while it still has its own, so that at no moment there is none."""
    second = path.with_name(f".{path.name}.kept")
    second.unlink(missing_ok=True)
    try:
        os.link(path, second)
    except OSError:  # a file system without hard links: for a moment the previous one is the only one
        second = path
    os.replace(second, previous(path))
    if second != path:  # replacing does nothing where both are one file already, after a crash in between
        second.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Put the folder's names onto the disk, where the system lets a folder be opened."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def load(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of this toolkit onto the CPU.

    Raises FileNotFoundError, OSError where the system does not hand it over, Damaged for a file that is not as it
    was written, ValueError for one that holds code or is no such checkpoint.
    """
    return checked(read_tensors(path), path)


def checked(state: Any, path: str | Path) -> dict[str, Any]:
    """What was read -> the same; raises ValueError where it is no checkpoint of this toolkit."""
    held = state if isinstance(state, dict) else {}
    missing = [key for key, kind in KINDS.items() if not isinstance(held.get(key), kind)]
    if missing:
        raise ValueError(
            f"{path} is not a checkpoint of this toolkit: it has no {', '.join(missing)} "
            "(weights of published code go through tools/convert_checkpoint.py first)"
        )
    _check_contract(held.get("versions"), path)
    if fault := _fault(held):
        raise ValueError(f"{path} is not a checkpoint of this toolkit: {fault}")
    return state


def _check_contract(versions: Any, path: str | Path) -> None:
    """Raise ValueError for a checkpoint of a newer contract with plug-ins, which might be read wrongly here."""
    contract = versions.get("plugins", PLUGINS) if isinstance(versions, dict) else PLUGINS
    if not isinstance(contract, int) or contract > PLUGINS:
        raise ValueError(
            f"{path} was written for plug-ins of contract {contract}, and this version of cornernet, {__version__}, "
            f"knows them up to {PLUGINS}: read it with the version that wrote it, or a newer one"
        )


def _fault(held: dict[str, Any]) -> str:
    """What is wrong with a checkpoint's step or weights, or ""."""
    if isinstance(held["step"], bool) or not 0 <= held["step"] < 2**53:
        return f"its step is {held['step']}"
    names, ids = held["class_names"], held["category_ids"]
    if not names or not all(type(x) is str for x in names) or not all(type(x) is int for x in ids):
        return "its class_names are no texts, or its category_ids no whole numbers"
    if not isinstance(held.get("averaged"), (dict, type(None))):
        return f"its averaged weights are {kind(held['averaged'])}"
    for weights in (held["model"], held.get("averaged") or {}):
        for name, value in weights.items():
            if not ordinary(value):
                return f"{name} is no ordinary tensor"
    return ""


def ordinary(value: Any) -> bool:
    """Whether this is a tensor of plain numbers that are there."""
    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided and str(value.dtype)[6:] in NUMBERS
    return plain and value.device.type == "cpu"


def read_tensors(path: str | Path) -> Any:
    """Whatever tensors and plain values a file of torch holds, without running code; errors as in `load`."""
    path = Path(path)
    if not present(path):
        raise FileNotFoundError(f"there is no checkpoint {path}" + (", that is a folder" if path.is_dir() else ""))
    if graphs.of_file(path):
        raise ValueError(f"{path} is an exported file, which is not enough here: give the checkpoint it was made from")
    return patiently(path, lambda: _read(path))


def _read(path: Path) -> Any:
    """The same in one try; what reading itself raises is raised as it is, for it says nothing of the content."""
    with path.open("rb") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of protocols of pickle; an error is one sentence
        file = Watched(opened)
        try:
            _outlined(file)
            _verify(file)
            file.seek(0)
            return torch.load(cast(BinaryIO, file), map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises RuntimeError, EOFError, KeyError, ... for truncated and foreign files
            if file.error is not None:
                raise file.error from None
            if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
                raise MemoryError from None
            raise _fault_in(path, error) from None


def _fault_in(path: Path, error: Exception) -> ValueError:
    """What is to be raised for a file whose content torch, `_outlined` or `_verify` raised this for."""
    if isinstance(error, outline.Foreign):
        return ValueError(
            f"{path} asks to run code while it is read, which is refused; it may hold tensors and plain values, and "
            f"{error}"
        )
    if isinstance(error, pickle.UnpicklingError):
        if "Weights only load failed" in str(error) and "GLOBAL" in str(error):
            return ValueError(
                f"{path} asks to run code while it is read, which is refused; it may hold tensors and plain values"
            )
        return _damaged(path, "")
    return _damaged(path, str(error) if isinstance(error, Damaged) else type(error).__name__)


def _outlined(file: Watched) -> None:
    """Raise ValueError for contents that are no checkpoint's, Damaged for a file that asks for more than it holds."""
    try:
        outline.check(file)
    except outline.TooLarge as error:
        raise Damaged(str(error)) from None
    file.seek(0)


def _damaged(path: Path, reason: str) -> Damaged:
    before = previous(path)
    text = f"{path} is damaged or not a checkpoint" + (f" ({reason})" if reason else "")
    return Damaged(f"{text}; {before} is the one saved before it" if before.is_file() else text)


def _verify(file: Watched) -> None:
    """Raise Damaged for an archive that is not as it was written; what is no archive is left to torch to judge."""
    if file.read(4) != b"PK\x03\x04":
        return
    size = file.seek(0, os.SEEK_END)
    if size < END + COMMENT:
        raise Damaged("it is cut short")
    file.seek(size - COMMENT - 2)
    tail = file.read()
    if tail[2 : 2 + len(MARK)] != MARK:
        return _verify_parts(file)
    digest, left = hashlib.sha256(), size - COMMENT - 2
    file.seek(0)
    while left:
        chunk = file.read(min(CHUNK, left))
        digest.update(chunk)
        left -= len(chunk)
    digest.update(bytes(2))  # the comment's length, as it was when torch had written the archive
    if tail[:2] != COMMENT.to_bytes(2, "little") or digest.hexdigest().encode() != tail[2 + len(MARK) :]:
        raise Damaged("its checksum does not match")


def _verify_parts(file: Watched) -> None:
    """The same for an archive without a digest, by the checksum that zip keeps of each part."""
    file.seek(-END, os.SEEK_END)
    end = file.read()
    if end[:4] != b"PK\x05\x06" or end[-2:] != bytes(2):
        raise Damaged("its end is missing or not as torch writes it")
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise Damaged("its parts are compressed, which torch never does")
        if name := archive.testzip():
            raise Damaged(f"the checksum of {name} in it does not match")


def load_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor], source: str, finite: bool = True) -> None:
    """Load a state dict; raises ValueError that names what does not fit instead of a page of keys.

    finite: refuse weights that hold a NaN or an infinity.
    """
    check_fit(module, weights, source)
    if finite and (broken := not_finite(weights)):
        raise ValueError(
            f"{source} holds weights that are not finite: {counted(len(broken), 'tensor')} (first: {broken[0]})"
        )
    module.load_state_dict(weights)


def check_fit(module: torch.nn.Module, weights: dict[str, torch.Tensor], source: str) -> None:
    """Raise ValueError, naming what does not fit, where weights are not those of the module."""
    own = module.state_dict()
    missing, left = sorted(own.keys() - weights.keys()), sorted(map(str, weights.keys() - own.keys()))
    both = sorted(own.keys() & weights.keys())
    shapes = [key for key in both if own[key].shape != getattr(weights[key], "shape", None)]
    kinds = [key for key in both if key not in shapes and not same_kind(own[key], weights[key])]
    found = {"missing": missing, "unknown": left, "of another shape": shapes, "of another type": kinds}
    problems = [f"{len(keys)} {what} (first: {keys[0]})" for what, keys in found.items() if keys]
    if problems:
        raise ValueError(f"{source} holds another model than the config describes; tensors {', '.join(problems)}")


def same_kind(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Both floating-point, or both whole numbers of one type; half precision fits where single is wanted."""
    return first.dtype == second.dtype or (first.is_floating_point() and second.is_floating_point())


def not_finite(tensors: dict[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that hold a NaN or an infinity."""
    return [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
