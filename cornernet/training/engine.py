"""A training from its config to its figures: here what it needs is opened and agreed on, loop does its steps."""

import logging
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator

from cornernet import config, detectors
from cornernet.checkpoints import sentences
from cornernet.config import Config
from cornernet.data import (
    Source,
    TrainLoader,
    build_sources,
    summary,
    train_loader,
    typed_data,
    write_division,
)
from cornernet.hardware import build_accelerator, keeping_torch_rng, seed_everything
from cornernet.system.interruption import leaving
from cornernet.system.wording import counted
from cornernet.training import check_data, headings, preflight, run_folder
from cornernet.training.agreement import agree
from cornernet.training.gradients import starving
from cornernet.training.logger import RunLogger
from cornernet.training.loop import Run, loop
from cornernet.training.opening import record
from cornernet.training.peers import Peers
from cornernet.training.resuming import agreed_folder, depth_before, resumable, resume
from cornernet.training.signals import StopRequest
from cornernet.training.state import State, initial_state
from cornernet.training.telling import Callbacks, makers

log = logging.getLogger("cornernet")


def train(settings: Config, name: str = "run") -> dict[str, float]:
    """Run the training that the config describes -> the COCO figures of its last evaluation.

    The run's folder receives config.yaml, last.pt and the one before it, best.pt, log.csv, eval.csv, classes.csv,
    gradients.csv if asked for, metrics.json, predictions.json, curves.png, predictions.png, report/ and TensorBoard
    events. Raises ValueError or FileNotFoundError for bad input, before the first step wherever possible;
    FloatingPointError when too many steps in a row are not finite; Failed for a loader process that dies or hangs;
    Interrupted after a signal, with the state saved; Unsaved where the disk did not take the last state.
    """
    preflight.check(settings, weights=False)
    with Peers(settings.data.timeout) as peers:
        accelerator = build_accelerator(settings)
        seed_everything(settings.seed)
        with agreed_folder(settings, name, accelerator) as (folder, resume_from):
            return _train(settings, accelerator, peers, folder, resume_from, name)


def _train(
    settings: Config, accelerator: Accelerator, peers: Peers, folder: Path, resume_from: str, name: str
) -> dict[str, float]:
    """The same in a folder that is this run's alone, while the other processes are watched."""
    goes_on = resumable(folder, resume_from)
    if not goes_on:
        preflight.check_weights(settings)
    resumed = folder if resume_from == "auto" else Path(resume_from).parent
    if goes_on and settings.data.bit_depth == "auto":
        settings = replace(settings, data=replace(settings.data, bit_depth=depth_before(resumed, resume_from)))
    train_source, val_source = build_sources(settings.data, typed_data(settings), resumed if goes_on else None)
    settings = _noting(settings, val_source)
    agree(settings, train_source, val_source, accelerator)
    state = initial_state(settings, train_source.class_names, train_source.category_ids, accelerator.device, goes_on)
    if accelerator.is_main_process:
        check_data.before_training(settings, state.detector, train_source, val_source)
    detector, state.optimizer = accelerator.prepare(state.detector, state.optimizer)
    resume(state, folder, resume_from, accelerator)
    if settings.train.compile:
        state.detector.network.compile()
    loader = train_loader(
        settings.data, train_source, settings.train.batch_size, settings.train.accumulate, settings.seed,
        state.step, settings.train.steps, accelerator.process_index, accelerator.num_processes,
        typed=not config.untyped(settings, "data.transforms"),
    )  # fmt: skip
    if accelerator.is_main_process:
        _open(folder, state, train_source, val_source, accelerator)
    with (
        Callbacks(makers(settings) if accelerator.is_main_process else None) as callbacks,
        RunLogger(folder, state.step, settings.train.steps, accelerator, callbacks) as logger,
        StopRequest() as stop,
        loader.watched(),
    ):
        loader.stopping = lambda: stop.number != 0
        callbacks.start(settings, folder)
        logger.title = headings.title(settings, name, folder.name, state.detector.describe())
        logger.note = headings.few(settings)
        loop(
            Run(state, detector, accelerator, logger, stop, peers, train_source, val_source),
            keeping_torch_rng(iter(loader)),
        )
    with leaving(" after the last step, which is saved"):
        _sum_up(state, loader, train_source, val_source, accelerator)
        _tell_starved(logger)
    return state.metrics


def _noting(settings: Config, val: Source) -> Config:
    """The settings with the digest of the images that are held out, where some are, and the depth of the images."""
    digest = val.division.digest if val.division else ""
    part = replace(settings.data.val, digest=digest)
    depth = getattr(val, "bit_depth", settings.data.bit_depth)
    return replace(settings, data=replace(settings.data, val=part, bit_depth=depth))


def _sum_up(state: State, loader: TrainLoader, train: Source, val: Source, accelerator: Accelerator) -> None:
    """Say what was left out of the training."""
    blank = accelerator.reduce(loader.dataset.blank.int().to(accelerator.device)).cpu()
    if accelerator.is_main_process:
        for line in summary((train, val), [train.record(int(i)).file_name for i in blank.nonzero()]):
            log.warning("%s", line)
    if state.skipped and accelerator.is_main_process:
        log.warning("%s skipped: the loss or gradient was not finite", counted(state.skipped, "non-finite step"))


def _tell_starved(logger: RunLogger) -> None:
    """Name the terms whose gradient at the shared features is next to nothing, where gradients were logged."""
    if logger.writes and (weak := starving(logger.pulls.rows)):
        shares = ", ".join(f"{name} has {100 * share:.2g} %" for name, share in weak.items())
        log.warning(
            "starved at the shared features: %s of the largest term's gradient, in the median over gradients.csv; a "
            "larger weight lets a term shape them", shares,
        )  # fmt: skip


def _open(folder: Path, state: State, train: Source, val: Source, accelerator: Accelerator) -> None:
    """Save the resolved config and the split, and say what is about to run."""
    with run_folder.outliving_the_disk(f"{folder / 'config.yaml'}"):
        record(state.config, folder)
        if val.division:
            write_division(folder, val.division)
    parameters = sum(p.numel() for p in state.detector.parameters())
    log.info("run folder %s", folder)
    log.info(
        "%d training and %s, %s",
        len(train), counted(len(val), "validation image"), counted(len(state.class_names), "class"),
    )  # fmt: skip
    log.info(
        "%s with %.2f M parameters on %s x %d, %s",
        state.config.model.detector, parameters / 1e6, accelerator.device, accelerator.num_processes,
        accelerator.mixed_precision.replace("no", "fp32"),
    )  # fmt: skip
    detectors.tell_unused(state.config)
    for line in sentences(state.taken, state.config.train.init) if state.taken else ():
        log.info("%s", line)
    names = ", ".join(f"{role} {loss.name}" for role, loss in detectors.roles(state.config).items())
    log.info("losses %s; in the total %s", names, state.detector.describe())
