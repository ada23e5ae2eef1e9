"""What is to be compared: members and lists in place of single values, all combinations, each with every seed."""

import hashlib
import itertools
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from cornernet import config
from cornernet.config import Config, plain
from cornernet.config.differences import flat
from cornernet.precision import resolve_precision

# keys that may be another on each machine, or are in a row beside the digest
BESIDE = {"seed", "work_dir", "train.resume", "data.root", "data.workers", "data.timeout", "data.cache"}
# keys of test that change no figure
UNSCORED = {"report", "report_images", "draw_score", "draw_line", "draw_labels", "backend"}
# sections which a later version added, and their switch: they say nothing while it is empty
SWITCHED = {
    "model.attention.": "model.attention.sizes",
    "loss.attention.": "model.attention.sizes",
    "saccade.": "saccade.sides",
}
FULL = ("precision", "fp32")  # which all had before it could be chosen


class Plan(NamedTuple):
    """The runs of a comparison. Keys under `test` do not change a training, so each run is scored with all of them."""

    path: str  # of the config
    fixed: list[str]  # overrides of all runs
    trained: dict[str, list[Any]]  # key -> its values, for each of which there is a training
    tested: dict[str, list[Any]]  # key -> its values, with each of which every training is scored
    members: dict[str, list[str]]  # name -> its overrides
    seeds: list[int]
    first: int  # the config's own seed, of what is done once for all seeds
    folder: Path  # of the trainings and the table
    name: str  # of the file of rows
    results: Path  # folder of the file of rows and of the matches
    processes: int
    minutes: float | None  # of training for each member; None: as many steps as its settings say
    search: dict[str, list[Any]]  # key -> values of which each member takes the best
    share: float  # of the training images, on which a search is scored
    executor: str  # local, slurm
    slurm: dict[str, Any]

    @property
    def rows(self) -> Path:
        """The file of rows."""
        return self.results / f"{self.name}.csv"


class Choice(NamedTuple):
    """One combination."""

    label: dict[str, str]  # key -> what stands in the table
    overrides: list[str]

    @property
    def name(self) -> str:
        """In one word or a few."""
        return " ".join(self.label.values())


def trainings(found: Plan) -> list[Choice]:
    """Every member in every combination of what is trained."""
    members = [Choice({"member": name}, texts) for name, texts in found.members.items()] or [Choice({}, [])]
    return [_joined(*pair) for pair in itertools.product(members, combinations(found.trained))]


def tests(found: Plan, trained: Choice) -> list[Choice]:
    """Every way in which a training is scored, with the label of a row of the table."""
    return [_joined(trained, tested) for tested in combinations(found.tested)]


def tried(found: Plan, trained: Choice) -> list[Choice]:
    """Every combination of what a search tries for a training; none without one."""
    return [_joined(trained, trial) for trial in combinations(found.search)] if found.search else []


def _joined(first: Choice, second: Choice) -> Choice:
    return Choice({**first.label, **second.label}, [*first.overrides, *second.overrides])


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
        args = value.get("args", {})
        rest = dict(args) if isinstance(args, dict) else {}
        rest |= {"weight": value["weight"]} if "weight" in value else {}
        return str(value["name"]) + (f" ({', '.join(f'{k} {v}' for k, v in rest.items())})" if rest else "")
    return written(value)


def written(value: Any) -> str:
    """A value as one writes it behind `key=`."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9).strip().removesuffix("...").strip()


def settings(found: Plan, choice: Choice, *more: str) -> Config:
    """A combination and further overrides -> its settings, but for the seed."""
    return loaded(found.path, (*found.fixed, *choice.overrides, *more))


@lru_cache(maxsize=4096)
def loaded(path: str, overrides: tuple[str, ...]) -> Config:
    """The settings, read once for a plan: they are asked for again and again, and a plan stays as it was made."""
    return config.load(path, overrides)


def training_digest(found: Plan, choice: Choice, *more: str) -> str:
    """A combination and further overrides -> twelve characters that differ where its trainings do.

    Seeds, and keys that may be another on each machine, count as far as they are compared. So does how often a training
    is evaluated, which changes nothing unless there is patience: else it counts as not at all on the way. A key that is
    not set, false or empty counts as if there were none, so that one which a later version adds changes no digest until
    it is used.
    """
    values = plain.held(settings(found, choice, *more))
    compared = {text.partition("=")[0] for text in choice.overrides}
    beside = BESIDE - compared
    if values["train"]["patience"] is None and "train.eval_every" not in compared:
        values["train"] = {**values["train"], "eval_every": 0}
    kept = _on(flat({key: value for key, value in values.items() if key not in ("test", "typed", "overrides")}))
    return digest({key: value for key, value in kept.items() if key not in beside and not _unset(key, value)}, 12)


def test_digest(test: dict[str, Any]) -> str:
    """The settings under `test` -> eight characters that differ where they score otherwise, on this machine."""
    own = {**test, "precision": resolve_precision(test.get("precision", "fp32"), not torch.cuda.is_available())}
    kept = _on(flat({key: value for key, value in own.items() if key not in UNSCORED and (key, value) != FULL}))
    return digest({key: value for key, value in kept.items() if not _unset(key, value)}, 8)


def _on(values: dict[str, Any]) -> dict[str, Any]:
    """Values by dotted key -> those of sections that are not switched off."""
    off = tuple(start for start, switch in SWITCHED.items() if not values.get(switch))
    return {key: value for key, value in values.items() if not key.startswith(off)}


def _unset(key: str, value: Any) -> bool:
    """Whether a value says nothing; in arguments of a loss, or a transform, null may say something."""
    return (
        (value is False or value in (None, "", [])) and ".args." not in key and not key.startswith("data.transforms.")
    )


def digest(values: dict[str, Any], length: int) -> str:
    """Characters that differ where values do."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:length]


def run_folder(found: Plan, label: Iterable[str], seed: int, digest: str) -> Path:
    """Where a training lives. The name holds the digest of all settings, so that others are never mixed."""
    words = [*(text.partition(" ")[0].rpartition(".")[2] for text in label), str(seed), digest]
    name = "-".join("".join(c if c.isalnum() or c in "_+" else "-" for c in word).strip("-") for word in words)
    return found.folder / name
