"""Checkpoints: written so that a crash leaves the old file whole, read so that nothing in them is executed."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

KINDS = {"model": dict, "config": dict, "class_names": list, "category_ids": list, "step": int}


def save(state: dict[str, Any], path: str | Path) -> None:
    """Write the state to a temporary file, flush it to the disk, then move it over `path`."""
    path = Path(path)
    temporary = path.with_name(
        f".{path.name}.part"
    )  # one name, so that what a crash leaves is used up by the next save
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of this toolkit onto the CPU.

    Raises FileNotFoundError, or ValueError for a file that is damaged, holds code, or is not such a checkpoint.
    """
    state = read_tensors(path)
    held = state if isinstance(state, dict) else {}
    missing = [key for key, kind in KINDS.items() if not isinstance(held.get(key), kind)]
    if missing:
        raise ValueError(
            f"{path} is not a checkpoint of this toolkit: it has no {', '.join(missing)} "
            "(weights in the published layout go through tools/convert_checkpoint.py first)"
        )
    return state


def read_tensors(path: str | Path) -> Any:
    """Whatever tensors and plain values a file of torch holds, without running code; errors as in `load`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} asks to run code while it is read, which is refused; it may hold tensors and plain values"
            ) from None
        raise ValueError(f"{path} is damaged or not a checkpoint") from None
    except Exception as error:  # torch raises RuntimeError, EOFError, KeyError, ... for truncated and foreign files
        raise ValueError(f"{path} is damaged or not a checkpoint ({type(error).__name__})") from None


def load_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor], source: str) -> None:
    """Load a state dict; raises ValueError that names what does not fit instead of a page of keys."""
    own = module.state_dict()
    missing, left = sorted(own.keys() - weights.keys()), sorted(map(str, weights.keys() - own.keys()))
    both = own.keys() & weights.keys()
    shapes = sorted(key for key in both if own[key].shape != getattr(weights[key], "shape", None))
    problems = [
        f"{len(keys)} {what} (first: {keys[0]})"
        for what, keys in (("missing", missing), ("unknown", left), ("of another shape", shapes))
        if keys
    ]
    if problems:
        raise ValueError(f"{source} holds another model than the config describes; tensors {', '.join(problems)}")
    module.load_state_dict(weights)
