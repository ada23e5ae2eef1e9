"""Import of published checkpoints: their keys -> ours, one to one, by the tables of `naming`."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from cornernet.detectors.corner.naming import LEVELS, MEMBERS, NAMINGS, Naming
from cornernet.system.wording import counted

WORDS = {  # what may stand in the place of a word of the tables
    "n": "[0-9]+",
    "i": "[0-9]+",
    "corner": "tl|br|ct",
    "level": r"(?:low2\.)*(?:up1|low[123])",
    "deeper": r"(?:low2\.)*",
}
LEAVES = "weight|bias|running_mean|running_var|num_batches_tracked"
FIRST = "backbone.stem.0.conv.weight"  # reads the colours of the images


class Recognised(NamedTuple):
    """What a published state dict is."""

    tensors: dict[str, Tensor]  # by our names, for images in BGR
    naming: Naming
    member: str  # name of the config that describes its network, but for the number of stacks
    stacks: int
    classes: int
    left: list[str]  # keys of parts that ours has not, such as the mask branch of CentripetalNet


def convert(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published state dict, with or without the `module.` prefix -> state dict of CornerNetwork; errors: recognise."""
    return recognise(state_dict).tensors


def recognise(state_dict: Mapping[str, Tensor]) -> Recognised:
    """Published state dict, with or without the `module.` prefix -> what it is, and its tensors by our names.

    Raises ValueError that lists the keys which are not of the naming that most are of.
    """
    plain = _plain(state_dict)
    naming, names = _read(plain)
    _check_names(names, naming)
    found = {name: plain[key] for key, name in names.items() if name}
    counters = {name.replace("running_mean", "num_batches_tracked") for name in found if name.endswith("running_mean")}
    found |= {name: torch.tensor(0) for name in counters - found.keys()}  # torch < 0.4.1 did not count
    if naming.rgb and FIRST in found and found[FIRST].dim() > 1:
        found[FIRST] = found[FIRST].flip(1)
    stacks = {name.split(".")[1] for name in found if name.startswith("heads.")}
    classes = max((x.numel() for name, x in found.items() if name.endswith("_heat.2.bias")), default=0)
    left = [key for key, name in names.items() if name == ""]
    return Recognised(found, naming, _member(found), len(stacks), classes, left)


def published(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether all keys are of one published naming, so that `convert` takes them."""
    return None not in _read({str(key).removeprefix("module."): x for key, x in state_dict.items()})[1].values()


def check(state_dict: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError, naming them, for keys that are missing, left over or of another shape than expected."""
    missing = [key for key in expected if key not in state_dict]
    left = [key for key in state_dict if key not in expected]
    shapes = [k for k in expected if k in state_dict and expected[k].shape != state_dict[k].shape]
    problems = [("missing", missing), ("unknown", left), ("of another shape", shapes)]
    text = "; ".join(f"{len(keys)} {what}: {_listed(keys)}" for what, keys in problems if keys)
    if text:
        raise ValueError(f"the checkpoint does not fit the network of the config: {text}")


def rename(key: str, naming: Naming) -> str | None:
    """One published key without prefix -> ours; empty for a part that is left out, None if it is not of the naming."""
    for part in naming.parts:
        match = _pattern(part.theirs).fullmatch(key)
        if match and (inside := part.inside.get(match["inside"] or "")) is not None:
            if not part.ours:
                return ""
            words = {word: _ours(found) for word, found in match.groupdict().items()}
            return ".".join(filter(None, (part.ours.format(**words), inside, match["leaf"])))
    return None


@cache
def _pattern(theirs: str) -> re.Pattern[str]:
    """Name of a part in a table -> what the keys in it look like."""
    text = re.escape(theirs).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(
        text.format(**{word: f"(?P<{word}>{allowed})" for word, allowed in WORDS.items()})
        + rf"(?:\.(?P<inside>.+))?\.(?P<leaf>{LEAVES})"
    )


def _ours(found: str | None) -> str:
    """The parts of an hourglass by our words, all else as it is."""
    return ".".join(LEVELS.get(word, word) for word in (found or "").split("."))


def _plain(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same without the prefix; raises ValueError where a key is there with and without it."""
    plain = {str(key).removeprefix("module."): value for key, value in state_dict.items()}
    if len(plain) < len(state_dict):
        raise ValueError(f"it has {counted(len(state_dict) - len(plain), 'key')} both with and without `module.`")
    return plain


def _read(keys: Mapping[str, Tensor]) -> tuple[Naming, dict[str, str | None]]:
    """Keys -> the naming that reads most of them, and what it makes of each."""
    return max(
        ((naming, {key: rename(key, naming) for key in keys}) for naming in NAMINGS),
        key=lambda pair: sum(name is not None for name in pair[1].values()),
    )


def _check_names(names: Mapping[str, str | None], naming: Naming) -> None:
    """Raise ValueError for keys that are not of the naming."""
    unknown = [key for key, name in names.items() if name is None]
    if not unknown:
        return
    if len(unknown) == len(names):
        raise ValueError(f"none of its {counted(len(names), 'key')} is of a published naming: {_listed(unknown)}")
    other, others = _read(dict.fromkeys(unknown, torch.empty(0)))
    if None not in others.values():
        raise ValueError(
            f"it mixes two namings, {counted(len(names) - len(unknown), 'key')} of {naming.title} and "
            f"{len(unknown)} of {other.title}: {_listed(unknown)}"
        )
    raise ValueError(
        f"{len(unknown)} of its {counted(len(names), 'key')} are not in the naming of {naming.title}, of which the "
        f"others are: {_listed(unknown)}"
    )


def _member(names: Mapping[str, Tensor]) -> str:
    """Our names -> the member whose parts are among them."""
    words = {word for name in names for word in name.split(".")}
    return next((member for part, member in MEMBERS.items() if part in words), "cornernet")


def _listed(keys: Sequence[str], most: int = 20, longest: int = 100) -> str:
    """The first of the keys, the beginning of each, and how many more there are."""
    first = [key if len(key) <= longest else f"{key[:longest]}..." for key in keys[:most]]
    return ", ".join(first) + (f" and {len(keys) - most} more" if len(keys) > most else "")
