"""From a file or a command line to the plan of a comparison, in which everything is known to be right."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_origin

import yaml

from cornernet import config
from cornernet.config import Config
from cornernet.config import overrides as reading
from cornernet.config.messages import keys
from cornernet.experiments import comparison, grid
from cornernet.experiments.comparison import Budget, Comparison
from cornernet.experiments.grid import Plan

OWN = {"seed": "seeds=", "work_dir": "out=", "train.resume": "out=", "data.val.search": "search"}
WRITTEN = ("comparison", "differences")  # names of the table's own files
MOST = 10_000  # trainings
LONGEST = 1e6  # minutes of one


def plan(path: str | Path, overrides: Sequence[str] = (), **own: Any) -> Plan:
    """Config or comparison, overrides, of which some give a key a list, and keys of a comparison -> Plan.

    seeds: how many, from the config's own upwards, or which; out, results: folders. Raises ValueError, one sentence,
    for what is wrong in either and where nothing is compared.
    """
    grid.loaded.cache_clear()
    asked = comparison.read(path) or Comparison(config=str(path), name=f"compare-{Path(path).stem}")
    asked = replace(asked, **own)
    if not isinstance(asked.slurm, dict):
        raise ValueError(f"slurm must hold keys and values such as {{timeout_min: 60}}, got {asked.slurm!r}")
    lists, fixed = _divided(overrides)
    lists = {**{key: _values(key, values, "vary") for key, values in asked.vary.items()}, **lists}
    search = {key: _values(key, values, "search") for key, values in asked.search.items()}
    members = {str(name): _texts(texts, f"members.{name}") for name, texts in asked.members.items()}
    if any(text.startswith("train.steps=") for text in fixed):  # what is typed comes on top
        asked = replace(asked, budget=Budget())
    fixed = [*_texts(asked.set, "set"), *fixed]
    texts = [*fixed, *(x for texts in members.values() for x in texts), *(f"{key}=" for key in (*lists, *search))]
    _refuse_own(texts)
    _refuse_twice(asked.budget, texts, lists.keys() & search.keys())
    fixed += _steps(asked)
    _check_name(asked.name)
    first = config.load(asked.config, fixed).seed
    folder = Path(asked.out or f"runs/{asked.name}")
    found = Plan(
        asked.config, fixed, {k: v for k, v in lists.items() if not k.startswith("test.")},
        {k: v for k, v in lists.items() if k.startswith("test.")}, members,
        _seeds(asked.seeds, first), first, folder, asked.name,
        Path(asked.results or folder), asked.processes, asked.budget.minutes, search, asked.share, asked.executor,
        asked.slurm,
    )  # fmt: skip
    _check(found)
    return found


def _check(found: Plan) -> None:
    """Raise ValueError for what does not go together, and for a combination that is not right."""
    if not (found.trained or found.tested or len(found.members) > 1) and len(found.seeds) == 1:
        raise ValueError("nothing to compare: give a key a list, such as loss.box.name=[giou,ciou], or seeds=3")
    if any(not name.strip() for name in found.members):
        raise ValueError("members: one has no name; give it one that the table can show")
    if found.minutes is not None and not 0 < found.minutes <= LONGEST:
        raise ValueError(f"budget.minutes must be above 0 and at most {LONGEST:g}, got {found.minutes:g}")
    ways = math.prod(map(len, (found.members or [""], *found.trained.values(), *found.tested.values())))
    if (count := ways * (len(found.seeds) + math.prod(map(len, found.search.values())))) > MOST:
        raise ValueError(f"this makes {count} trainings and scores, at most {MOST} are allowed")
    if found.executor not in ("local", "slurm"):
        raise ValueError(f"executor must be local or slurm, got {found.executor!r}")
    if found.processes < 1 or not 0 < found.share < 1:
        raise ValueError("processes must be at least 1, and share above 0 and below 1")
    for choice in grid.trainings(found):
        for tested, tried in itertools.product(grid.tests(found, choice), grid.combinations(found.search)):
            grid.settings(found, tested, *tried.overrides)
        digests = {grid.training_digest(found, choice, *tried.overrides) for tried in grid.combinations(found.search)}
        if len(digests) < math.prod(map(len, found.search.values())):
            keys = " and ".join(found.search)
            raise ValueError(f"search: not all values of {keys} make another training; keys under test are for vary")


def _check_name(name: str) -> None:
    fine = Path(name).name == name and name.isprintable() and not name.startswith(".") and len(name.encode()) < 200
    if name in WRITTEN or not fine:
        raise ValueError(f"name must be that of a file other than {' and '.join(WRITTEN)}, got {name[:200]!r}")


def _refuse_twice(budget: Budget, texts: list[str], both: set[str]) -> None:
    """Raise ValueError for what is asked for in two places that exclude each other."""
    if budget != Budget() and any(text.startswith("train.steps=") for text in texts):
        raise ValueError("train.steps is given, and budget sets it; leave one of them out")
    if both:
        raise ValueError(f"{min(both)} varies and is searched; leave one of them out")


def _divided(overrides: Sequence[str]) -> tuple[dict[str, list[Any]], list[str]]:
    """Overrides -> key and values of those that list some, and the others."""
    lists, fixed = {}, []
    for text in overrides:
        key, value = text.partition("=")[0], _read(text)
        if isinstance(value, list) and (not _takes_list(key) or _nested(value)):
            lists[key] = _values(key, value, text)
        else:
            fixed.append(text)
    return lists, fixed


def _values(key: str, values: Any, where: str) -> list[Any]:
    """Values to compare, each once; raises ValueError where there is none."""
    if not isinstance(values, list) or (_takes_list(key) and not _nested(values)):
        kind = "a list of lists" if _takes_list(key) else "a list"
        raise ValueError(f"{where}: {key} must have {kind} of values to compare, got {values!r}")
    if not values:
        raise ValueError(f"{where}: there is nothing in this list to compare")
    return list({grid.label(value): value for value in values}.values())


def _texts(values: Any, where: str) -> list[str]:
    """Overrides in lists of lists, as YAML's aliases make them -> the overrides."""
    if isinstance(values, list):
        return [text for value in values for text in _texts(value, where)]
    if not isinstance(values, str) or "=" not in values:
        raise ValueError(f"{where} must hold overrides such as train.lr=1e-4, got {values!r}")
    return [values]


def _steps(asked: Comparison) -> list[str]:
    """The override of budget.steps."""
    steps, minutes = asked.budget.steps, asked.budget.minutes
    if steps is not None and minutes is not None:
        raise ValueError("budget must hold steps or minutes, got both")
    return [] if steps is None else [f"train.steps={steps}"]


def _refuse_own(texts: list[str]) -> None:
    for text in texts:
        key = text.partition("=")[0]
        if key in OWN:
            raise ValueError(f"got {text}, but a comparison sets {key} itself; {OWN[key]} chooses")


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
    if type(asked) is int and 1 <= asked <= MOST:
        return list(range(first, first + asked))
    if isinstance(asked, list) and asked and all(type(seed) is int and 0 <= seed < 2**63 for seed in asked):
        return list(dict.fromkeys(asked))
    raise ValueError(
        f"seeds must be how many, 1 or more, or a list of them such as [1,2,3], got {asked!r} (at most {MOST})"
    )
