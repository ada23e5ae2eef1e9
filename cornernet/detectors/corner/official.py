"""Import of checkpoints in the layout of the published CornerNet code: their keys -> ours, one to one."""

import re

import torch
from torch import Tensor

# Published names inside a block -> ours.
_RESIDUAL = {
    "conv1": "block.conv",
    "bn1": "block.norm",
    "conv2": "conv",
    "bn2": "norm",
    "skip.0": "shortcut.0",
    "skip.1": "shortcut.1",
}
_CONV = {"conv": "conv", "bn": "norm"}
_POOL = {
    "p1_conv1.conv": "to_vertical.conv",
    "p1_conv1.bn": "to_vertical.norm",
    "p2_conv1.conv": "to_horizontal.conv",
    "p2_conv1.bn": "to_horizontal.norm",
    "p_conv1": "pooled",
    "p_bn1": "pooled_norm",
    "conv1": "shortcut",
    "bn1": "shortcut_norm",
    "conv2.conv": "out.conv",
    "conv2.bn": "out.norm",
}
_BRANCH = {"0.conv": "0", "1": "2"}
_PAIR = {"0": "0", "1": "1"}
_LEVEL = {"up1": "skip", "low1": "down", "low2": "inner", "low3": "up"}
_BRANCHES = {"heats": "heat", "tags": "tag", "regrs": "offset"}


def convert(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published state dict, with or without the `module.` prefix -> state dict of CornerNetwork.

    Raises ValueError that lists the keys which are not part of the published layout.
    """
    plain = {str(key).removeprefix("module."): value for key, value in state_dict.items()}
    counters = {key.replace("running_mean", "num_batches_tracked") for key in plain if key.endswith(".running_mean")}
    plain |= {key: torch.tensor(0) for key in counters - plain.keys()}  # torch < 0.4.1 did not count
    names = {key: rename(key) for key in plain}
    unknown = [key for key, name in names.items() if name is None]
    if unknown:
        raise ValueError(f"not of the published CornerNet layout, {len(unknown)} in all: {_listed(unknown)}")
    return {name: plain[key] for key, name in names.items() if name is not None}


def published(state_dict: dict[str, Tensor]) -> bool:
    """Whether all keys are of the published layout, so that `convert` takes them."""
    return all(rename(str(key).removeprefix("module.")) is not None for key in state_dict)


def check(state_dict: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raise ValueError, naming them, for keys that are missing, left over or of another shape than expected."""
    missing = [key for key in expected if key not in state_dict]
    left = [key for key in state_dict if key not in expected]
    shapes = [k for k in expected if k in state_dict and expected[k].shape != state_dict[k].shape]
    problems = [("missing", missing), ("unknown", left), ("of another shape", shapes)]
    text = "; ".join(f"{len(keys)} {what}: {_listed(keys)}" for what, keys in problems if keys)
    if text:
        raise ValueError(f"the checkpoint does not fit the network of the config: {text}")


def rename(key: str) -> str | None:
    """One published key without prefix -> ours, or None if it is not of the layout."""
    path, _, leaf = key.rpartition(".")
    ours = _path(path)
    return None if ours is None else f"{ours}.{leaf}"


def _path(path: str) -> str | None:
    if match := re.fullmatch(r"pre\.0\.(.+)", path):
        return _join("backbone.stem.0", _CONV.get(match[1]))
    if match := re.fullmatch(r"pre\.1\.(.+)", path):
        return _join("backbone.stem.1", _RESIDUAL.get(match[1]))
    if match := re.fullmatch(r"kps\.(\d+)\.((?:low2\.)*)(up1|low1|low2|low3)\.(\d+)\.(.+)", path):
        level = "inner." * match[2].count("low2") + _LEVEL[match[3]]
        return _join(f"backbone.hourglasses.{match[1]}.{level}.{match[4]}", _RESIDUAL.get(match[5]))
    if match := re.fullmatch(r"(cnvs|inters|inters_|cnvs_)\.(\d+)\.(.+)", path):
        ours, inside = {
            "cnvs": ("outputs", _CONV),
            "inters": ("merged", _RESIDUAL),
            "inters_": ("merge_input", _PAIR),
            "cnvs_": ("merge_output", _PAIR),
        }[match[1]]
        return _join(f"backbone.{ours}.{match[2]}", inside.get(match[3]))
    if match := re.fullmatch(r"(tl|br)_cnvs\.(\d+)\.(.+)", path):
        return _join(f"heads.{match[2]}.{match[1]}_pool", _POOL.get(match[3]))
    if match := re.fullmatch(r"(tl|br)_(heats|tags|regrs)\.(\d+)\.(.+)", path):
        return _join(f"heads.{match[3]}.{match[1]}_{_BRANCHES[match[2]]}", _BRANCH.get(match[4]))
    return None


def _join(start: str, rest: str | None) -> str | None:
    return None if rest is None else f"{start}.{rest}"


def _listed(keys: list[str], most: int = 20) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
