"""What was run: the command, the data, the losses, the time, what differs from the defaults, and the curves."""

from pathlib import Path
from typing import NamedTuple

from cornernet import config, detectors
from cornernet.config import Config
from cornernet.config.differences import differences
from cornernet.drawing import Points, charts, columns, page
from cornernet.evaluation.metrics import Metrics
from cornernet.system import invoked
from cornernet.system.wording import counted

TERMS, SCORES = ("total", "val_total"), ("AP", "AP50", "AP75")  # columns whose curves are drawn
LOOKS = ((charts.BLUE, "-"), (charts.ORANGE, "--"), (charts.INK, ":"))


class Run(NamedTuple):
    """The run that an evaluation is of."""

    settings: Config
    folder: Path  # of the training, in which log.csv and eval.csv may lie
    step: int | None = None  # of the evaluation, where it is one of the training


def section(run: Run, metrics: Metrics) -> tuple[str, bytes]:
    """HTML of the section, and the curves as an SVG file, empty where nothing was logged."""
    log, scores = columns.read(run.folder / "log.csv"), _scores(run, metrics)
    rows = [(what, page.text(value)) for what, value in _facts(run, metrics, log).items()]
    drawn = _curves(log, scores)
    plot = page.plot(drawn, "Loss and AP over the steps of the training", "") if drawn else ""
    return page.table(("what", "this run"), rows, "kt") + _differences(run.settings) + plot, drawn


def _facts(run: Run, metrics: Metrics, log: dict[str, Points]) -> dict[str, str]:
    settings = run.settings
    losses = ", ".join(f"{role} {loss.name}" for role, loss in detectors.roles(settings).items())
    facts = {
        "command": invoked.command(),
        "data": ", ".join(
            [settings.data.name, *(counted(n, noun) for n, noun in (
                (metrics.images, "image"), (metrics.objects, "object"), (len(metrics.per_class), "class")))]
        ),
        "detector": f"{settings.model.detector} on {settings.model.backbone.name}",
        "losses": losses,
        "training": _training(settings, log),
    }  # fmt: skip
    if metrics.seconds_per_image:
        facts["evaluation"] = f"{_time(metrics.images * metrics.seconds_per_image)} of prediction"
    return {what: text for what, text in facts.items() if text}


def _training(settings: Config, log: dict[str, Points]) -> str:
    """Steps, images and the time that they took, by the speed in the log."""
    speed = log.get("images_per_s", [])
    if not speed:
        return ""
    size, before, seconds = settings.train.batch_size, 0.0, 0.0
    for step, images in speed:
        seconds, before = seconds + (step - before) * size / max(images, 1e-9), step
    return f"{before:.0f} of {counted(settings.train.steps, 'step')} of {counted(size, 'image')}, {_time(seconds)}"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _differences(settings: Config) -> str:
    found = (line.rpartition(" -> ") for line in differences(config.to_dict(Config()), settings).values())
    lines = [f"{before} -> {invoked.cut(now)}" for before, _, now in found]
    if not lines:
        return "<p>Every setting is the default.</p>"
    head = f"{counted(len(lines), 'setting')} other than the default"
    return f"<details><summary>{head}</summary>{page.listed(lines)}</details>"


def _scores(run: Run, metrics: Metrics) -> dict[str, Points]:
    """AP of the evaluations so far, this one among them, and the validation losses."""
    held = columns.read(run.folder / "eval.csv")
    if run.step is None:
        return held
    return held | {name: [*held.get(name, []), (float(run.step), getattr(metrics, name))] for name in SCORES}


def _curves(log: dict[str, Points], scores: dict[str, Points]) -> bytes:
    losses = {name: points for name in TERMS if (points := (log | scores).get(name))}
    found = {name: points for name in SCORES if (points := columns.measured(scores.get(name, [])))}
    if not losses:
        return b""
    figure, (left, right) = charts.canvas(11, 3.4, 2)
    charts.title(left, "Loss", "step", "")
    charts.title(right, "AP on the validation images", "step", "")
    for axes, lines in ((left, losses), (right, found)):
        for (name, points), (colour, dash) in zip(lines.items(), LOOKS, strict=False):
            marker = "o" if len(points) < 30 else None
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=dash, marker=marker, markersize=4, gid=name)
        drawn = axes.get_lines()
        charts.legend(axes, drawn, [line.get_gid() for line in drawn], loc="best")
        if not drawn:
            charts.nothing(axes, "not measured yet")
        axes.set_xlim(0, 1.03 * max(points[-1][0] for points in [*losses.values(), *found.values()]))
    right.set_ylim(0, None)
    return charts.themed(figure)
