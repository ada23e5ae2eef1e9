"""What is to be compared: lists in place of single values, all combinations of them, each with every seed."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, get_origin

import yaml

from cornernet import config
from cornernet.config import Config
from cornernet.config import overrides as reading
from cornernet.config.messages import keys


class Plan(NamedTuple):
    """The runs of a comparison. Keys under `test` do not change a training, so each run is scored with all of them."""

    path: str  # of the config
    fixed: list[str]  # overrides of all runs
    trained: dict[str, list[Any]]  # key -> its values, for each of which there is a training
    tested: dict[str, list[Any]]  # key -> its values, with each of which every training is scored
    seeds: list[int]
    folder: Path
    processes: int


class Choice(NamedTuple):
    """One combination."""

    label: dict[str, str]  # key -> what stands in the table
    overrides: list[str]


def plan(
    path: str, overrides: Sequence[str], seeds: int | Sequence[int] = 1, out: Path | None = None, processes: int = 1
) -> Plan:
    """Config and overrides, of which some give a key a list -> Plan.

    seeds: how many, from the config's own upwards, or which; out: the folder, runs/compare-<config> unless it is given;
    processes: of each training. Raises ValueError, one sentence, for a wrong override and where nothing is compared.
    """
    lists, fixed = {}, []
    for text in overrides:
        key = text.partition("=")[0]
        if key in ("seed", "work_dir", "train.resume"):
            raise ValueError(f"got {text}, but a comparison sets {key} itself; seeds= and out= choose")
        elif isinstance(_read(text), list) and (not _takes_list(key) or _nested(_read(text))):
            lists[key] = list({label(value): value for value in _read(text)}.values())
            if not lists[key]:
                raise ValueError(f"{text}: there is nothing in this list to compare")
        else:
            fixed.append(text)
    first = config.load(path, fixed).seed
    found = Plan(
        path, fixed, {k: v for k, v in lists.items() if not k.startswith("test.")},
        {k: v for k, v in lists.items() if k.startswith("test.")},
        _seeds(seeds, first), out or Path(f"runs/compare-{Path(path).stem}"), processes,
    )  # fmt: skip
    if not lists and len(found.seeds) == 1:
        raise ValueError("nothing to compare: give a key a list, such as loss.box.name=[giou,ciou], or seeds=3")
    for choice in itertools.product(combinations(found.trained), combinations(found.tested)):
        config.load(path, [*fixed, *choice[0].overrides, *choice[1].overrides])  # every one must be right
    return found


def _read(text: str) -> Any:
    """Value of an override; of a key that takes text a list is one of texts to compare."""
    key, _, value = text.partition("=")
    try:
        if not reading.is_text(key):
            return reading.with_texts(key, yaml.safe_load(value), value)
        return yaml.load(value, yaml.BaseLoader) if value.startswith("[") else value
    except yaml.YAMLError:
        if reading.is_text(key):
            return value
        raise ValueError(f"{text}: the value is not readable as YAML") from None


def _takes_list(key: str) -> bool:
    """Whether one value of the key is a list already."""
    kinds = {name: item.type for name, _, item in keys(Config)}
    return get_origin(kinds.get(key)) in (list, tuple)


def _nested(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, list) for value in values)


def _seeds(asked: Any, first: int) -> list[int]:
    """A number of seeds from the config's own upwards, or the seeds themselves."""
    if type(asked) is int and asked >= 1:
        return list(range(first, first + asked))
    if isinstance(asked, list) and asked and all(type(seed) is int and seed >= 0 for seed in asked):
        return list(dict.fromkeys(asked))
    raise ValueError(f"seeds must be how many, 1 or more, or a list of them such as [1,2,3], got {asked!r}")


def combinations(lists: dict[str, list[Any]]) -> list[Choice]:
    """Key -> values, all combinations; one empty one if there are no keys."""
    return [
        Choice(
            {key: label(value) for key, value in zip(lists, values, strict=True)},
            [f"{key}={written(value)}" for key, value in zip(lists, values, strict=True)],
        )
        for values in itertools.product(*lists.values())
    ]


def label(value: Any) -> str:
    """A value as it stands in a table: of a component its name, with what else is set."""
    if isinstance(value, dict) and "name" in value:
        rest = {**value.get("args", {}), **({"weight": value["weight"]} if "weight" in value else {})}
        return value["name"] + (f" ({', '.join(f'{k} {v}' for k, v in rest.items())})" if rest else "")
    return written(value)


def written(value: Any) -> str:
    """A value as one writes it behind `key=`."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9).strip().removesuffix("...").strip()


def run_folder(found: Plan, choice: Choice, seed: int) -> tuple[Path, list[str]]:
    """Where a training lives, and its overrides. The name holds a digest of all settings, so others are never mixed."""
    overrides = [*found.fixed, *choice.overrides, f"seed={seed}"]
    settings = config.to_dict(config.load(found.path, overrides))
    settings.pop("work_dir"), settings.pop("test")  # a training is the same however it is scored
    words = [
        *(text.partition(" ")[0].rpartition(".")[2] for text in choice.label.values()),
        str(seed),
        digest(settings),
    ]
    name = "-".join("".join(c if c.isalnum() or c in "_+" else "-" for c in word).strip("-") for word in words)
    return found.folder / name, overrides


def digest(settings: dict[str, Any]) -> str:
    """Eight characters that differ where settings do."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def testing(found: Plan, trained: Choice, tested: Choice) -> dict[str, Any]:
    """The settings under `test` with which a training is scored."""
    return asdict(config.load(found.path, [*found.fixed, *trained.overrides, *tested.overrides]).test)


def runs(found: Plan) -> Iterator[tuple[Choice, int]]:
    """Every training: all combinations with the first seed, then all with the next, so that a part is of use early."""
    return ((choice, seed) for seed in found.seeds for choice in combinations(found.trained))
