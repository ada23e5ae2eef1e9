"""The text of `profile`: what was measured and estimated, as tables."""

import math

from cornernet.config import Config
from cornernet.evaluation import aligned
from cornernet.profiling import (
    CLASSES,
    COSTS,
    GIGA,
    OBJECTS,
    QUANTITIES,
    TERA,
    Breakdown,
    Estimate,
    Exponent,
    Growth,
    Measured,
    Reality,
    Table,
    place,
)
from cornernet.system.wording import counted

GIB = 2**30
LEFT_OUT = (
    "Left out: kernels reach but a part of the peak rate; the time to start them, waiting for the loader, evaluations",
    "and saves; memory that allocator and libraries keep for themselves. So expect more hours and a smaller batch.",
)


def _where(settings: Config) -> str:
    device, precision, threads = place(settings)
    return f"{device}, {precision}, {counted(threads, 'thread')}"


def _batch(settings: Config) -> str:
    height, width = settings.data.input_size
    return f"{counted(settings.train.batch_size, 'image')} of {height} x {width}"


def step(settings: Config, found: Measured) -> str:
    """Median seconds of the parts of a step, peak memory and loss."""
    times = {**found.seconds, "step": sum(found.seconds.values())}
    lines = [f"{name:18} {value:8.3f} s" for name, value in times.items()]
    loss = ", ".join(f"{name} {value:.4g}" for name, value in found.terms.items())
    memory = f"{'peak memory':18} {found.peak / GIB:8.2f} GiB"
    return "\n".join([f"{_batch(settings)} on {_where(settings)}", *lines, memory, f"loss: {loss}"])


def breakdown(found: Breakdown, advice: list[str]) -> str:
    """Parts of a step with their shares and the bytes of their layers, the loader, and what to do about it."""
    whole = found.step + found.waiting
    rows = [(part.name, part.seconds, _mib(part.bytes)) for part in found.parts]
    if isinstance(found.loading, str):
        notes = [f"the loader is not measured: {found.loading}"]
    else:
        rows.append((f"waiting, {counted(found.workers, 'worker')}", found.waiting, ""))
        each = f"reading {found.loading.reading:.3f} s, transforms {found.loading.transforms:.3f} s"
        notes = [f"a batch in one process: {each}"]
    lines = [(name, f"{took:.3f} s", f"{took / whole:.0%}", size) for name, took, size in rows]
    table = aligned([("part", "time", "share", "layers hand on"), *lines], "<>>>")
    return "\n".join(["", *table, *notes, "", *(f"- {text}" for text in advice)])


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB" if size else ""


# -- growth -----------------------------------------------------------------------------------------------------


def growth(settings: Config, found: Growth, repeats: int) -> str:
    """All tables of costs, with the exponents below, and what was left out."""
    head = (
        f"training steps of {_batch(settings)}, {CLASSES} classes, {OBJECTS} objects each, but for what varies; "
        f"{_where(settings)}, medians of {repeats} processes a row\nactivations: the peak less weights, gradients, "
        "optimiser state and what the process held before it built the network"
    )
    return "\n\n".join([head, *map(growth_table, found.tables), *found.notes])


def growth_table(found: Table) -> str:
    """Costs of each point, exponents below."""
    rows = zip(found.points, found.costs, strict=True)
    lines = [
        (QUANTITIES[found.name].title, *COSTS),
        *((point.shown, *map(_seconds, row[:4]), *map(_gib, row[4:])) for point, row in rows),
        ("exponent", *map(_fitted, found.exponents)),
        ("between neighbours", *map(_spread, found.exponents)),
    ]
    return "\n".join(aligned(lines, "<" + ">" * len(COSTS)))


def _two(slope: float) -> str:
    return f"{round(slope, 2) + 0.0:.2f}"  # no -0.00


def _fitted(slope: Exponent) -> str:
    return "-" if math.isnan(slope.fitted) else _two(slope.fitted)


def _spread(slope: Exponent) -> str:
    return "-" if math.isnan(slope.low) else f"{_two(slope.low)} to {_two(slope.high)}"


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f} s" if value < 10 else f"{value:.2f} s"


def _gib(value: float) -> str:
    return "-" if math.isnan(value) else f"{value / GIB:.2f} GiB"


# -- estimates --------------------------------------------------------------------------------------------------


def estimate(found: Estimate) -> str:
    """What was counted and what follows for the machine, each said to be an estimate."""
    return "\n".join([*_counted(found), "", *_estimated(found), "", *LEFT_OUT])


def _counted(found: Estimate) -> list[str]:
    (height, width), costs, once = found.settings.data.input_size, found.costs, found.costs.once
    images = counted(costs.part, "image")
    rows = [
        ("forward", once.forward_flops / costs.part, "GFLOP an image"),
        ("forward and backward", costs.flops, "GFLOP an image"),
        ("bytes moved", costs.moved, "GB an image, by each operation on its own; fusing lowers it"),
        ("kept for backward", costs.kept, f"GB an image; {costs.peak / GIGA:.2f} at the peak"),
        ("weights", once.weights, "GB"),
        ("gradients", once.gradients, "GB"),
        ("optimiser state", once.state, "GB"),
        ("without an image", costs.fixed, "GB: weights, state and what else there is whatever the batch"),
    ]
    return [
        "ESTIMATE from counted operations and published figures of the hardware; nothing of it was run there.",
        "",
        f"a training step of {images} of {height} x {width} a device, {found.settings.train.precision}:",
        *_rows((name, f"{value / GIGA:10.2f}", unit) for name, value, unit in rows),
    ]


def _estimated(found: Estimate) -> list[str]:
    took, costs, machine, train = found.times, found.costs, found.machine, found.settings.train
    devices, steps, most = machine.devices, train.steps, found.largest_batch
    images, workers = devices * costs.part * costs.parts, max(1, found.settings.data.workers) * devices
    fits = "" if costs.part <= most else f": {costs.part} do NOT fit; train.accumulate divides them"
    slow = took.one_by_one + took.all_reduce
    rows = [
        ("arithmetic", took.arithmetic * 1e3, "ms a step"),
        ("memory traffic", took.traffic * 1e3, "ms a step"),
        ("one by one", took.one_by_one * 1e3, "ms a step, each operation by what bounds it"),
        ("all-reduce", took.all_reduce * 1e3, "ms a step, if the backward pass hides none of it"),
        ("roofline, 1 device", images / devices / took.roofline, "images/s"),
        (f"roofline, {counted(devices, 'device')}", images / took.roofline, "images/s"),
        ("the same, one by one", images / slow, "images/s, with the all-reduce"),
        (counted(steps, "step"), steps * took.roofline / 3600, "hours at the roofline"),
        ("the same, one by one", steps * slow / 3600, "hours, with the all-reduce"),
        ("loader", images / took.roofline / workers, f"images/s of each of {counted(workers, 'worker process')}"),
    ]
    gpu = f"{machine.flops / TERA:g} TFLOP/s, {machine.bandwidth / TERA:g} TB/s, {machine.memory / GIGA:g} GB"
    return [
        f"ESTIMATE for {devices} x {gpu}, link {machine.link / GIGA:g} GB/s one way:",
        *_rows([("largest batch", f"{most:10}", f"images a device at once{fits}")]),
        *_rows((name, f"{value:10.1f}", unit) for name, value, unit in rows),
    ]


def reality(settings: Config, found: Reality, repeats: int) -> str:
    """The measured step beside its roofline by the rates measured here."""
    beside = f"{found.over_roofline:.2f} x the roofline, {found.over_one_by_one:.2f} x one by one"
    rows = [
        ("bare convolution", f"{found.convolution / GIGA:10.1f}", "GFLOP/s measured"),
        ("copy", f"{found.copy / GIGA:10.1f}", "GB/s measured, read and written"),
        ("roofline", f"{found.roofline:10.3f}", "s a step ESTIMATED"),
        ("one by one", f"{found.one_by_one:10.3f}", "s a step ESTIMATED, each operation by what bounds it"),
        ("step", f"{found.step:10.3f}", f"s measured: {beside}"),
    ]
    return "\n".join([f"{_batch(settings)} on {_where(settings)}, medians of {repeats} rounds", *_rows(rows)])


def _rows(rows) -> list[str]:
    return [f"{name:22} {value} {unit}" for name, value, unit in rows]
