"""The batch at which a run gave up: kept with the weights that met it, and run again."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from accelerate import Accelerator

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint, load
from cornernet.config import Config, elsewhere, ranges
from cornernet.data import Source, StepSampler, build_source, train_loader, typed_data
from cornernet.detectors import Detector
from cornernet.hardware import build_accelerator, to_device
from cornernet.structures import Batch
from cornernet.system.wording import counted
from cornernet.training import parts, run_folder
from cornernet.training.nonfinite_steps import NonFiniteStep, listed
from cornernet.training.state import State, snapshot, untrained


def keep(state: State, bad: NonFiniteStep, source: Source, folder: Path, accelerator: Accelerator) -> str:
    """Write bad_batch.pt, in the main process -> why the run ends, with every term and the ids of the images.

    The file is a checkpoint of the run, whose weights no step has changed since, with `bad`: the step, counted from 0,
    its terms, the number of processes and its samples, from which and from the seed the batch follows.
    """
    train, world = state.config.train, accelerator.num_processes
    state.step = bad.step + 1  # on a GPU the run is some steps further, which changed nothing
    samples = [
        {"epoch": epoch, "index": index, "image_id": source.record(index).image_id}
        for rank in range(world)
        for part in StepSampler(
            len(source), train.batch_size, train.accumulate, state.config.seed, rank=rank, world=world
        ).step(bad.step)
        for epoch, index, _ in part
    ]
    ids = ", ".join(str(sample["image_id"]) for sample in samples)
    path = folder / run_folder.BAD_BATCH
    text = (
        f"{counted(train.max_nonfinite_steps, 'step')} in a row not finite and skipped; at step {bad.step + 1} "
        f"{listed(bad.terms)}, images {ids}"
    )
    if not accelerator.is_main_process:
        return text
    held = {"step": bad.step, "terms": bad.terms, "processes": world, "samples": samples}
    try:
        checkpoint.save({**snapshot(state), "bad": held}, path)
    except OSError as error:
        return f"{text}; {path} could not be written: {error.strerror}"
    return (
        f"{text}; tools/replay_batch.py {path} runs it again, train.resume={path} goes on behind it in another work_dir"
    )


class Replay(NamedTuple):
    """What a bad batch comes to when it is run again."""

    step: int  # counted from 1
    terms: dict[str, float]  # in the run, when it gave up
    parts: dict[str, dict[str, float]]  # process, part and images -> terms
    weights: list[str]  # names of those that are not finite
    all_weights: int
    gradients: list[str]  # names of the parameters whose gradient is not finite
    all_gradients: int


def replay(path: str | Path, overrides: Sequence[str] = ()) -> Replay:
    """Run a bad batch forward and backward with the weights that met it -> every term, and what is not finite.

    path: bad_batch.pt or the folder of the run. overrides: keys of its config, for data that lie elsewhere now or
    another precision. Raises FileNotFoundError or ValueError for a file that holds no such batch, for data that are
    not the run's, and for a loss by dotted path that the overrides do not name: importing it runs code.
    """
    path = Path(path) / run_folder.BAD_BATCH if Path(path).is_dir() else Path(path)
    held = checkpoint.load(path)
    if not _is_bad(held.get("bad")):
        raise ValueError(f"{path} holds no bad batch; {run_folder.BAD_BATCH} does, which a run writes when it gives up")
    settings = config.override(load.from_file(held["config"], path), overrides)
    if words := config.untyped(settings):
        raise ValueError(elsewhere.refusal(str(path), words))
    if len(held["class_names"]) != len(held["category_ids"]):
        raise ValueError(f"{path} holds another number of class_names than of category_ids")
    ranges.ranges(settings, {**ranges.RANGES, **ranges.TEST_RANGES})
    bare, classes = load.without_weights(settings), len(held["class_names"])
    load.fit(partial(detectors.build, bare, classes), held, settings, path)
    accelerator = build_accelerator(settings)
    detector = untrained(bare, classes, accelerator.device)
    checkpoint.load_weights(detector, held["model"], str(path), finite=False)
    broken = checkpoint.not_finite(detector.state_dict())
    if detector.progress is not None:
        detector.progress.fill_(held["bad"]["step"] / max(1, settings.train.steps))
    parts = {
        name: _forward_backward(detector, batch, settings, accelerator) for name, batch in _batches(held, settings)
    }
    found = {name: p.grad for name, p in detector.named_parameters() if p.grad is not None}
    return Replay(
        held["bad"]["step"] + 1, held["bad"]["terms"], parts, broken, len(held["model"]),
        checkpoint.not_finite(found), len(found),
    )  # fmt: skip


def _is_bad(bad: Any) -> bool:
    """Whether this is what `keep` writes of a bad step."""
    if not isinstance(bad, dict) or bad.keys() != {"step", "terms", "processes", "samples"}:
        return False
    terms, samples, step = bad["terms"], bad["samples"], bad["step"]
    return (
        type(step) is int and 0 <= step < 2**53
        and isinstance(terms, dict) and all(type(x) is str and type(y) is float for x, y in terms.items())
        and isinstance(samples, list) and type(bad["processes"]) is int and 1 <= bad["processes"] <= len(samples)
        and all(isinstance(x, dict) and "image_id" in x for x in samples)
    )  # fmt: skip


def _batches(held: dict[str, Any], settings: Config) -> Iterator[tuple[str, Batch]]:
    """Every part of the step, of every process, and its name; raises ValueError where the data are others."""
    bad, train = held["bad"], settings.train
    ids, names = held["category_ids"], held["class_names"]
    source = build_source(settings.data, "train", ids, names, typed=typed_data(settings))
    alone, samples = dataclasses.replace(settings.data, workers=0), list(bad["samples"])
    for rank in range(bad["processes"]):
        loader = train_loader(
            alone, source, train.batch_size, train.accumulate, settings.seed, bad["step"], bad["step"] + 1, rank,
            bad["processes"], typed=not config.untyped(settings, "data.transforms"), whole=train.steps,
        )  # fmt: skip
        for part, batch in enumerate(loader):
            expected, samples = samples[: len(batch.index)], samples[len(batch.index) :]
            ids = [source.record(index).image_id for index in batch.index.tolist()]
            if ids != [sample["image_id"] for sample in expected]:
                raise ValueError(
                    f"these are other data than the run's: its step saw the images "
                    f"{[sample['image_id'] for sample in expected]}, here they are {ids}"
                )
            yield f"process {rank}, part {part}, images {', '.join(map(str, ids))}", batch


def _forward_backward(detector: Detector, batch: Batch, settings: Config, accelerator: Accelerator) -> dict[str, float]:
    """Terms of one part, whose gradient is added to that of the others; without a scaler."""
    parts.train_mode(detector, settings.train)
    with accelerator.autocast():
        terms = detector(to_device(batch, accelerator.device, settings.train.channels_last))
    terms["total"].backward()
    return {name: float(value.detach()) for name, value in terms.items()}
