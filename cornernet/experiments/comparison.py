"""A comparison as a YAML file: what varies, over which seeds, with which budget; its keys, and the way to and from it.

The command line says the same: `key=[a,b]` is a line of `vary`, any other key one of `set`.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import MISSING

from cornernet import config
from cornernet.config import Config, shipped
from cornernet.experiments.grid import Plan
from cornernet.system import writing

FILE, BASE = (
    "comparison.yaml",
    "comparison-config.yaml",
)  # beside the table: the comparison, and the config it is built on


@dataclass
class Budget:
    """How long each member trains, one of the two; neither: as its config says."""

    steps: int | None = None  # optimiser steps
    # minutes of training: a short one is timed before, and all seeds on all machines take the steps it leads to
    minutes: float | None = None


@dataclass
class Comparison:
    """The keys of the file; paths in it are relative to it."""

    config: str = MISSING  # path or name of the config that all is built on
    name: str = ""  # of the file of rows; empty: that of this file
    set: list[str] = field(default_factory=list)  # overrides of all members
    vary: dict[str, Any] = field(default_factory=dict)  # key of the config -> its values, in all combinations
    members: dict[str, Any] = field(default_factory=dict)  # name -> overrides, each in all combinations of vary
    seeds: Any = 1  # how many, from the config's own upwards, or which
    budget: Budget = field(default_factory=Budget)
    search: dict[str, Any] = field(default_factory=dict)  # key -> values, of which each member takes the best
    share: float = 0.2  # of the training images, on which the trials of a search are scored
    executor: str = "local"  # local: one after the other in this process; slurm: a job a training
    slurm: dict[str, Any] = field(default_factory=dict)  # what submitit is told, such as {timeout_min: 60}
    processes: int = 1  # of each training, by torchrun
    results: str = ""  # folder of the file of rows and of the matches; empty: that of the table
    out: str = ""  # folder of the trainings and of the table; empty: runs/<name>


KEYS = {item.name for item in dataclasses.fields(Comparison)}
SECTIONS = {item.name for item in dataclasses.fields(Config)} | {"base"}  # that tell a config


def read(path: str | Path) -> Comparison | None:
    """Path or name of a comparison -> what it says, paths as seen from here; None for a config.

    Raises ValueError, one sentence, for a key that is unknown, or of a wrong type.
    """
    path = shipped.find(path)
    values = _values(path)
    if "config" not in values and (not KEYS & values.keys() or SECTIONS & values.keys()):
        return None
    if wrong := sorted(SECTIONS & values.keys()):
        raise ValueError(f"{path}: {wrong[0]} is a key of a config; what a comparison sets for all stands in set")
    asked: Comparison = config.section(str(path), Comparison, values)
    base, results, out = shipped.find(asked.config, path.parent), asked.results, asked.out
    return dataclasses.replace(
        asked, config=str(base), name=asked.name or path.stem, results=str(path.parent / results) if results else "",
        out=str(path.parent / out) if out else "",
    )  # fmt: skip


def _values(path: Path) -> dict[Any, Any]:
    """Keys and values of a YAML file, as a command line reads them; none where the reader of configs will say why."""
    if not path.is_file():
        return {}
    config.read_file(path)  # raises what is wrong with it, keys that stand twice too
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except ValueError as error:  # a date of month 13
        raise ValueError(f"{path} is not readable as YAML: {error}") from None
    return values if isinstance(values, dict) else {}


def save(found: Plan) -> None:
    """Write the comparison, with its config as it is resolved now, beside its table, where it runs again from."""
    config.save(config.load(found.path), found.folder / BASE)
    budget = {} if found.minutes is None else {"budget": {"minutes": found.minutes}}
    search = {"search": found.search, "share": found.share} if found.search else {}
    jobs = {} if found.executor == "local" else {"executor": found.executor, "slurm": found.slurm}
    values = {
        "config": BASE, "name": found.name, "set": found.fixed, "vary": {**found.trained, **found.tested},
        "members": found.members, "seeds": found.seeds, **budget, **search, **jobs, "processes": found.processes,
        "results": os.path.relpath(found.results, found.folder), "out": ".",
    }  # fmt: skip
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
    writing.write(found.folder / FILE, f"# a comparison as it was run: compare_losses {FILE} goes on with it\n{text}")
