"""Box regression without a network: how far plain gradient descent on each box loss brings boxes to their targets.

The experiment of Zheng, Wang, Liu, Li, Ye, Ren, 2019, arXiv 1911.08287, section 3: 7 targets of area 1 about (10, 10);
49 anchors, 7 shapes in 7 sizes, at every one of 5000 points in a disc of radius 3 about it; each anchor moves to each
target for 200 iterations. docs/simulation.md says what it shows and what not.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn
from tqdm import tqdm

from cornernet.experiments.grid import label
from cornernet.experiments.simulation_descent import CASES, POINTS, Course, descend, start_points
from cornernet.experiments.simulation_rules import PAPER, Rule, exact
from cornernet.losses import build

SHOWN = (0, 50, 100, 160, 200)
DEFAULTS = {"loss": "[iou,giou,diou,ciou]", "points": POINTS, "rule": "exact", "out": "", "seed": 0}


class Plan(NamedTuple):
    """What is simulated."""

    rules: dict[str, Rule]  # label of a loss -> its update rule
    points: int
    rule: str  # exact or paper
    folder: Path
    seed: int


def simulate(overrides: Sequence[str]) -> str:
    """Overrides as `plan` takes them -> the table, as text; errors.csv, errors.png and surfaces go to the folder.

    Errors are scaled to 5000 points. Raises ValueError, one sentence, for wrong settings.
    """
    found = plan(overrides)
    found.folder.mkdir(parents=True, exist_ok=True)
    starts, courses = start_points(found.points, found.seed), {}
    with tqdm(total=len(found.rules) * found.points, unit="point", dynamic_ncols=True) as bar:
        for name, rule in found.rules.items():
            bar.set_description(name)
            courses[name] = descend(rule, starts, progress=bar.update)
    write(found.folder, starts, courses)
    return f"{found.points} points, {found.points * CASES} cases a loss, rule={found.rule}, seed={found.seed}; " + (
        f"error scaled to {POINTS} points\n\n{table(courses)}"
    )


def plan(overrides: Sequence[str]) -> Plan:
    """loss=[...], points=N, rule=exact or paper, out=DIR, seed=N -> Plan.

    A loss is a name, a dotted path or, as in a config, {name: ..., weight: ..., args: {...}}. Raises ValueError, one
    sentence, for an unknown key or loss and a value that is not allowed.
    """
    given = dict(DEFAULTS)
    for text in overrides:
        key, _, value = text.partition("=")
        if key not in given:
            raise ValueError(f"unknown key {key}; the simulation takes {', '.join(given)}")
        given[key] = value
    rule, points, seed = given["rule"], _number(given, "points", 1), _number(given, "seed", 0)
    if rule not in ("exact", "paper"):
        raise ValueError(f"rule must be exact or paper, got {rule!r}")
    folder = Path(given["out"] or f"runs/simulate-boxes{'-paper' if rule == 'paper' else ''}")
    return Plan(dict(_rules(given["loss"], rule)), points, rule, folder, seed)


def _number(given: dict[str, Any], key: str, low: int) -> int:
    if not re.fullmatch(r"\d{1,18}", str(given[key])) or int(given[key]) < low:
        raise ValueError(f"{key} must be a whole number of at least {low}, got {given[key]}")
    return int(given[key])


def _rules(text: str, rule: str) -> Iterator[tuple[str, Rule]]:
    try:
        losses = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError(f"loss={text}: the value is not readable as YAML") from None
    losses, seen = losses if isinstance(losses, list) else [losses], set()
    if not losses:
        raise ValueError("loss must name one box loss or more, such as [giou,ciou], got none")
    for loss in losses:
        name = label(loss)
        if name in seen:
            raise ValueError(f"loss names {name} twice")
        seen.add(name)
        yield name, _paper(loss) if rule == "paper" else _exact(loss)


def _paper(loss: Any) -> Rule:
    if not isinstance(loss, str) or loss not in PAPER:
        raise ValueError(
            f"rule=paper has {', '.join(PAPER)} alone, without arguments, got {label(loss)}; exact has all"
        )
    return PAPER[loss]


def _exact(loss: Any) -> Rule:
    """Build a loss and try it on two pairs."""
    wanted = loss if isinstance(loss, dict) else {"name": loss}
    weight, args = wanted.get("weight", 1.0), wanted.get("args") or {}
    if "name" not in wanted or set(wanted) - {"name", "weight", "args"} or not isinstance(args, dict):
        raise ValueError(f"a loss is a name or {{name: ..., weight: ..., args: {{...}}}}, got {label(loss)}")
    if type(weight) not in (int, float) or not 0 < weight < math.inf:
        raise ValueError(f"weight of {wanted['name']} must be a number above 0, got {weight!r}")
    built = build("box", wanted["name"], **args)
    # Out of training a loss keeps no running mean, so that the order of the boxes does not matter.
    built = built.eval() if isinstance(built, nn.Module) else built
    pair = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 4.0, 3.0]])
    try:
        shape = list(built(pair, pair.flip(0)).shape)
    except Exception as error:  # someone else's function may fail in any way
        reason = " ".join(str(error).split())
        raise ValueError(f"box loss {label(loss)} cannot be called with two boxes [N, 4]: {reason}") from error
    if shape != [2]:
        raise ValueError(f"box loss {label(loss)} must give one value a pair, [2] for 2 pairs, got {shape}")
    return exact(built, float(weight))


def table(courses: dict[str, Course]) -> str:
    """Label -> course: a Markdown table of the error, scaled to 5000 points, the overlap and the time."""
    lines = [["loss", "start", *(f"after {i}" for i in SHOWN[1:]), "mean IoU", "seconds"]]
    for name, course in courses.items():
        errors = [f"{scaled(course)[i]:.2e}".replace("e+0", "e") for i in SHOWN]
        lines.append([name, *errors, f"{course.iou:.3f}", f"{course.seconds:.0f}"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


def scaled(course: Course) -> list[float]:
    """Errors before and after every iteration, as if there were 5000 points."""
    return (course.errors * (POINTS / len(course.by_point))).tolist()


def write(folder: Path, starts: Tensor, courses: dict[str, Course]) -> None:
    """Write errors.csv, errors.png and a surface for every loss."""
    with (folder / "errors.csv").open("w", newline="", encoding="utf-8") as file:
        lines = zip(*(scaled(course) for course in courses.values()), strict=True)
        csv.writer(file).writerows([["iteration", *courses], *([i, *line] for i, line in enumerate(lines))])
    _draw_errors(courses, folder / "errors.png")
    values = torch.cat([course.by_point for course in courses.values()])
    values = values[values.isfinite() & (values > 0)]
    limits = (values.min().item(), values.max().item()) if len(values) else (1.0, 2.0)
    for name, course in courses.items():
        short = re.sub(r"[^\w.+]+", "-", name).strip("-")
        _draw_surface(name, starts, course, limits, folder / f"surface_{short}.png")


def _figure(width: float, height: float) -> Any:
    # The object interface with the Agg canvas needs no display and leaves the caller's pyplot alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_errors(courses: dict[str, Course], path: Path) -> None:
    figure = _figure(6.4, 4)
    axes = figure.subplots()
    for name, course in courses.items():
        axes.plot(scaled(course), label=name)
    axes.set(xlabel="iteration", ylabel=f"error, all cases of {POINTS} points", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=80)


def _draw_surface(name: str, starts: Tensor, course: Course, limits: tuple[float, float], path: Path) -> None:
    """Error at the end over the start point, in the same colours for all losses of a run."""
    from matplotlib.colors import LogNorm

    figure = _figure(4.2, 3.4)
    axes = figure.subplots()
    size = min(60.0, 5e4 / starts.shape[1])  # points^2, so that the dots cover the disc
    dots = axes.scatter(*starts, c=course.by_point, s=size, norm=LogNorm(*limits), linewidths=0)
    axes.set(title=name, xlabel="x of the start", ylabel="y of the start", aspect="equal")
    figure.colorbar(dots, label=f"error at the end, {CASES} cases a point")
    figure.savefig(path, dpi=80)
