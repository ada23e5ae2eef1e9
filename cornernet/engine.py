"""The training loop. It knows batches, loss terms, steps and files, and no detector by name."""

import dataclasses
import logging
import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from cornernet import check_data, checkpoint, checks, config, detectors, evaluate, inference, optim, report, runs, state
from cornernet.config import Config
from cornernet.data.loader import train_loader
from cornernet.data.sources import sources
from cornernet.hardware import build_accelerator, seed_everything, to_device, train_mode
from cornernet.journal import Journal, check_finite
from cornernet.signals import StopRequest
from cornernet.state import State
from cornernet.structures import Batch

log = logging.getLogger("cornernet")
CLASSES = 2  # of the detector that settings are tried on before the data are known


def train(settings: Config, name: str = "run") -> dict[str, float]:
    """Run the training that the config describes -> the COCO figures of its last evaluation.

    The run's folder receives config.yaml, last.pt, best.pt, log.csv, eval.csv, metrics.json, predictions.json,
    curves.png, predictions.png, report/ and TensorBoard events. Raises ValueError or FileNotFoundError for bad input,
    before the first step wherever possible; FloatingPointError when the loss is not finite; Interrupted after a signal,
    with the state saved.
    """
    check(settings)
    accelerator = build_accelerator(settings)
    seed_everything(settings.seed)
    folder = _agreed_folder(settings, name, accelerator)
    train_source, val_source = sources(settings.data)
    now = state.start(settings, train_source.class_names, train_source.category_ids, accelerator.device)
    if accelerator.is_main_process:
        check_data.before_training(settings, now.detector, train_source, val_source)
    detector, now.optimizer = accelerator.prepare(now.detector, now.optimizer)
    _resume(now, folder, accelerator)
    if settings.train.compile:
        now.detector.network.compile()
    loader = train_loader(
        settings.data, train_source, settings.train.batch_size, settings.train.accumulate, settings.seed,
        now.step, settings.train.steps, accelerator.process_index, accelerator.num_processes,
    )  # fmt: skip
    if accelerator.is_main_process:
        _open(folder, now, len(train_source), len(val_source), accelerator)
    with (
        Journal(folder, now.step, settings.train.steps, accelerator) as journal,
        StopRequest() as stop,
        loader.watched(),
    ):
        _loop(now, detector, iter(loader), accelerator, journal, stop, val_source)
    blank = accelerator.reduce(torch.tensor(loader.dataset.skipped(), device=accelerator.device))
    if accelerator.is_main_process:
        for line in check_data.summary((train_source, val_source), int(blank)):
            log.warning("%s", line)
    return now.metrics


def check(settings: Config) -> None:
    """Raise ValueError for settings that do not go together, before any data is read: none shows up hours later."""
    checks.ranges(settings, {**checks.RANGES, **checks.TEST_RANGES})
    checks.weights(settings)
    with torch.device("meta"):  # shapes without numbers
        detector = detectors.build(settings, CLASSES)
    checks.whole_pictures(settings)
    optim.build_optimizer(detector, settings.train)
    optim.build_average(detector, settings.train.ema)
    inference.detect(detector, [], **inference.settings(settings))
    for role, loss in config.roles(settings).items():
        if "." in loss.name:  # one from elsewhere, tried beside the default ones
            alone = dataclasses.replace(settings, loss=config.Losses(**{role: loss}))
            checks.loss(detectors.build(alone, CLASSES), role, loss.name)


def _loop(now: State, detector, batches: Iterator[Batch], accelerator, journal: Journal, stop, val_source) -> None:
    """From the state's step to the last: optimise, log, save, evaluate.

    Every evaluation comes after a save and at the head of a round, so that a run killed in it resumes with it.
    """
    knobs = now.config.train
    while True:
        if _scoring(now):
            _evaluate(now, val_source, accelerator, journal)
        if now.step >= knobs.steps:
            return
        rate = optim.rate(now.step, knobs)
        terms, cut = _step(now, detector, batches, accelerator, rate)
        now.step += 1
        journal.tick(terms, knobs.batch_size, cut)
        if accelerator.device.type == "cpu" and accelerator.num_processes == 1:  # else it waits for the device or peers
            check_finite({name: float(value) for name, value in terms.items()}, now.step)
        stopping = stop.agreed(accelerator, now.step)
        saving = stopping or _scoring(now) or _every(knobs.save_every, now.step)
        if saving or _every(knobs.log_every, now.step):
            journal.flush(now.step, rate)
        if saving:
            _save(now, journal.folder / runs.LAST, accelerator)
            journal.curves()
        if stopping:
            stop.leave(f"stopped at step {now.step} of {knobs.steps}; train.resume=auto goes on from there")


def _scoring(now: State) -> bool:
    """Whether this step is one after which the run is evaluated, and has not been yet."""
    knobs = now.config.train
    return now.scored != now.step and (now.step >= knobs.steps or _every(knobs.eval_every, now.step))


def _every(interval: int, step: int) -> bool:
    return interval > 0 and step > 0 and step % interval == 0


def _step(now: State, detector: nn.Module, batches: Iterator[Batch], accelerator, rate: float) -> tuple[dict, Tensor]:
    """One optimiser step over `accumulate` micro-batches -> means of their loss terms, objects cut; on the device."""
    knobs, means, cut = now.config.train, {}, 0
    train_mode(detector, knobs.freeze_norm)
    for part in range(knobs.accumulate):
        batch = to_device(next(batches), accelerator.device, knobs.channels_last)
        cut = cut + batch.dropped.sum()
        last = part == knobs.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(detector):
            terms = detector(batch)
            accelerator.backward(terms["total"] / knobs.accumulate)
        means = {k: means.get(k, 0) + v.detach() / knobs.accumulate for k, v in terms.items()}
    if knobs.clip_norm is not None:
        accelerator.clip_grad_norm_(detector.parameters(), knobs.clip_norm)
    for group in now.optimizer.param_groups:
        group["lr"] = rate
    now.optimizer.step()
    now.optimizer.zero_grad()
    if now.averaged is not None:
        now.averaged.update_parameters(now.detector)
    return means, cut


def _evaluate(now: State, source, accelerator: Accelerator, journal: Journal) -> None:
    """Score the weights that count, keep them if they are the best so far."""
    model = now.evaluated.eval()
    if accelerator.num_processes > 1:  # BatchNorm statistics drift apart; those of the main process are saved
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)
    metrics = evaluate.evaluate(
        model, source, category_ids=now.category_ids, device=accelerator.device, folder=journal.folder,
        on_error=now.config.data.on_error, backend=now.config.test.backend,
        report=report.wanted(now.config, f"{journal.folder.name}, step {now.step}"), **inference.settings(now.config),
    )  # fmt: skip
    now.metrics, now.scored = metrics.figures(), now.step
    journal.evaluation(now.step, metrics, model, source, now.config)
    if now.metrics["AP"] > now.best:
        now.best = now.metrics["AP"]
        _save(now, journal.folder / runs.BEST, accelerator)
    _save(now, journal.folder / runs.LAST, accelerator)


def _save(now: State, path: Path, accelerator: Accelerator) -> None:
    if accelerator.is_main_process:
        scaler = None if accelerator.scaler is None else accelerator.scaler.state_dict()
        checkpoint.save(state.snapshot(now, scaler), path)
    accelerator.wait_for_everyone()


def _resume(now: State, folder: Path, accelerator: Accelerator) -> None:
    """Load the checkpoint that train.resume asks for, if there is one."""
    wanted = now.config.train.resume
    path = folder / runs.LAST if wanted == "auto" else Path(wanted)
    if not wanted or (wanted == "auto" and not path.exists()):
        return
    held = state.restore(now, path)
    if not (folder / runs.BEST).exists():  # resumed into another folder: the best of the old one is not here
        now.best = -math.inf
    if accelerator.scaler is not None and held["scaler"] is not None:
        accelerator.scaler.load_state_dict(held["scaler"])
    if accelerator.is_main_process:
        log.info("resumed from %s at step %d", path, now.step)


def _agreed_folder(settings: Config, name: str, accelerator: Accelerator) -> Path:
    """The main process chooses the run's folder for all."""
    chosen = [None]
    if accelerator.is_main_process:
        chosen = [runs.folder(settings.work_dir, name, settings.train.resume)]
    return Path(broadcast_object_list(chosen)[0])


def _open(folder: Path, now: State, train_images: int, val_images: int, accelerator: Accelerator) -> None:
    """Make the folder, save the resolved config and say what is about to run."""
    folder.mkdir(parents=True, exist_ok=True)
    config.save(now.config, folder / "config.yaml")
    parameters = sum(p.numel() for p in now.detector.parameters())
    log.info("run folder %s", folder)
    log.info("%d training and %d validation images, %d classes", train_images, val_images, len(now.class_names))
    log.info(
        "%s with %.2f M parameters on %s x %d, %s",
        now.config.model.detector, parameters / 1e6, accelerator.device, accelerator.num_processes,
        accelerator.mixed_precision.replace("no", "fp32"),
    )  # fmt: skip
    names = ", ".join(f"{role} {loss.name}" for role, loss in config.roles(now.config).items())
    log.info("losses %s; in the total %s", names, now.detector.describe())
