"""Box regression without a network: how far plain gradient descent on each box loss brings boxes to their targets.

The experiment of Zheng, Wang, Liu, Li, Ye, Ren, 2019, arXiv 1911.08287, section 3: 7 targets of area 1 about (10, 10);
49 anchors, 7 shapes in 7 sizes, at every one of 5000 points in a disc of radius 3 about it; each anchor moves to each
target for 200 iterations. docs/simulation.md says what it shows and what not.
"""

import csv
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cornernet.drawing import figure
from cornernet.experiments.box_regression.descent import CASES, POINTS, Course, descend, start_points
from cornernet.experiments.box_regression.rules import PAPER, Rule, exact
from cornernet.experiments.grid import label
from cornernet.losses import build
from cornernet.system.progress import Progress

LOSSES = ("iou", "giou", "diou", "ciou")


class Plan(NamedTuple):
    """What is simulated."""

    rules: dict[str, Rule]  # label of a loss -> its update rule
    points: int
    rule: str  # exact or paper
    folder: Path
    seed: int


def simulate(found: Plan) -> dict[str, Course]:
    """Plan -> label of a loss, course of its errors; errors.csv, errors.png and surfaces go to the plan's folder."""
    found.folder.mkdir(parents=True, exist_ok=True)
    starts, courses = start_points(found.points, found.seed), {}
    with Progress(len(found.rules) * found.points, "point") as bar:
        for name, rule in found.rules.items():
            bar.describe(name)
            courses[name] = descend(rule, starts, progress=bar.update)
    write(found.folder, starts, courses)
    return courses


def plan(
    losses: Any = LOSSES, points: int = POINTS, rule: str = "exact", out: Path | None = None, seed: int = 0
) -> Plan:
    """Losses, number of start points, exact or paper, folder and seed of the start points -> Plan.

    A loss is a name, a dotted path or, as in a config, {name: ..., weight: ..., args: {...}}. Raises ValueError, one
    sentence, for an unknown loss and a value that is not allowed.
    """
    if rule not in ("exact", "paper"):
        raise ValueError(f"rule must be exact or paper, got {rule!r}")
    folder = out or Path(f"runs/simulate-boxes{'-paper' if rule == 'paper' else ''}")
    return Plan(dict(_rules(losses, rule)), points, rule, folder, seed)


def _rules(losses: Any, rule: str) -> Iterator[tuple[str, Rule]]:
    losses, seen = list(losses) if isinstance(losses, (list, tuple)) else [losses], set()
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
    component = loss if isinstance(loss, dict) else {"name": loss}
    weight, args = component.get("weight", 1.0), component.get("args") or {}
    if "name" not in component or set(component) - {"name", "weight", "args"} or not isinstance(args, dict):
        raise ValueError(f"a loss is a name or {{name: ..., weight: ..., args: {{...}}}}, got {label(loss)}")
    if type(weight) not in (int, float) or not 0 < weight < math.inf:
        raise ValueError(f"weight of {component['name']} must be a number above 0, got {weight!r}")
    built = build("box", component["name"], **args)
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


def _draw_errors(courses: dict[str, Course], path: Path) -> None:
    drawn = figure(6.4, 4)
    axes = drawn.subplots()
    for name, course in courses.items():
        axes.plot(scaled(course), label=name)
    axes.set(xlabel="iteration", ylabel=f"error, all cases of {POINTS} points", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    drawn.savefig(path, dpi=80)


def _draw_surface(name: str, starts: Tensor, course: Course, limits: tuple[float, float], path: Path) -> None:
    """Error at the end over the start point, in the same colours for all losses of a run."""
    from matplotlib.colors import LogNorm

    drawn = figure(4.2, 3.4)
    axes = drawn.subplots()
    size = min(60.0, 5e4 / starts.shape[1])  # points^2, so that the dots cover the disc
    dots = axes.scatter(*starts, c=course.by_point, s=size, norm=LogNorm(*limits), linewidths=0)
    axes.set(title=name, xlabel="x of the start", ylabel="y of the start", aspect="equal")
    drawn.colorbar(dots, label=f"error at the end, {CASES} cases a point")
    drawn.savefig(path, dpi=80)
