"""The training loop. It knows batches, loss terms, steps and files, and no detector by name."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from cornernet import config, detectors
from cornernet.cli.commandline import Failed, Interrupted
from cornernet.config import Config, ranges
from cornernet.data.loader import TrainLoader, train_loader
from cornernet.data.sources import sources
from cornernet.data.sources.source import Source
from cornernet.data.storage import Away
from cornernet.evaluation import evaluate, report
from cornernet.evaluation.metrics import Metrics, Unwritten
from cornernet.hardware import build_accelerator, seed_everything, to_device, train_mode, unshaken
from cornernet.prediction import inference
from cornernet.structures import Batch
from cornernet.system.interruption import leaving
from cornernet.training import check_data, optim, replay, runs, state
from cornernet.training.agreement import agree
from cornernet.training.bad_steps import BadSteps, Buffers
from cornernet.training.logger import Journal
from cornernet.training.opening import record
from cornernet.training.peers import Peers
from cornernet.training.persistence import Saves, agreed_folder, resumable, resume
from cornernet.training.signals import StopRequest
from cornernet.training.state import State

log = logging.getLogger("cornernet")
CLASSES = 2  # of the detector that settings are tried on before the data are known


def train(settings: Config, name: str = "run") -> dict[str, float]:
    """Run the training that the config describes -> the COCO figures of its last evaluation.

    The run's folder receives config.yaml, last.pt and the one before it, best.pt, log.csv, eval.csv, metrics.json,
    predictions.json, curves.png, predictions.png, report/ and TensorBoard events. Raises ValueError or
    FileNotFoundError for bad input, before the first step wherever possible; FloatingPointError when too many steps in
    a row are not finite; Failed for a loader process that dies or hangs; Interrupted after a signal, with the state
    saved; Unsaved where the disk did not take the last state.
    """
    check(settings, weights=False)
    with Peers(settings.data.timeout) as peers:
        accelerator = build_accelerator(settings)
        seed_everything(settings.seed)
        with agreed_folder(settings, name, accelerator) as (folder, wanted):
            return _train(settings, accelerator, peers, folder, wanted)


def _train(settings: Config, accelerator: Accelerator, peers: Peers, folder: Path, wanted: str) -> dict[str, float]:
    """The same in a folder that is this run's alone, while the other processes are watched."""
    goes_on = resumable(folder, wanted)
    if not goes_on:
        check_weights(settings)
    train_source, val_source = sources(settings.data)
    agree(settings, train_source, val_source, accelerator)
    now = state.start(settings, train_source.class_names, train_source.category_ids, accelerator.device, goes_on)
    if accelerator.is_main_process:
        check_data.before_training(settings, now.detector, train_source, val_source)
    detector, now.optimizer = accelerator.prepare(now.detector, now.optimizer)
    resume(now, folder, wanted, accelerator)
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
        loader.stopping = lambda: stop.number != 0
        _loop(Run(now, detector, accelerator, journal, stop, peers, train_source, val_source), unshaken(iter(loader)))
    with leaving(" after the last step, which is saved"):
        _sum_up(now, loader, train_source, val_source, accelerator)
    return now.metrics


def _sum_up(now: State, loader: TrainLoader, train: Source, val: Source, accelerator: Accelerator) -> None:
    """Say what was left out of the training."""
    blank = accelerator.reduce(torch.tensor(loader.dataset.skipped(), device=accelerator.device))
    if accelerator.is_main_process:
        for line in check_data.summary((train, val), int(blank)):
            log.warning("%s", line)
    if now.skipped and accelerator.is_main_process:
        log.warning("%d steps were left out because their loss or gradient was not finite", now.skipped)


def check(settings: Config, weights: bool = True) -> None:
    """Raise ValueError for settings that do not go together, before any data is read: none shows up hours later.

    weights: open the file of model.backbone.weights too, which a run that goes on from a checkpoint does not need.
    """
    settings = settings if weights else state.without_weights(settings)
    ranges.ranges(settings, {**ranges.RANGES, **ranges.TEST_RANGES})
    ranges.weights(settings)
    with torch.device("meta"):  # shapes without numbers
        detector = detectors.build(settings, CLASSES)
    ranges.whole_pictures(settings)
    ranges.compiling(settings)
    optim.build_optimizer(detector, settings.train)
    optim.build_average(detector, settings.train.ema)
    inference.detect(detector, [], **inference.settings(settings))
    for role, loss in config.roles(settings).items():
        if "." in loss.name:  # one from elsewhere, tried beside the default ones
            alone = dataclasses.replace(settings, loss=config.Losses(**{role: loss}))
            ranges.loss(detectors.build(alone, CLASSES), role, loss.name)


def check_weights(settings: Config) -> None:
    """Raise ValueError or FileNotFoundError where model.backbone.weights does not fit, for a run that begins there."""
    if settings.model.backbone.weights:
        with torch.device("meta"):
            detectors.build(settings, CLASSES)


class Run:
    """What the loop works with; the state is what changes."""

    def __init__(
        self, now: State, detector: nn.Module, accelerator: Accelerator, journal: Journal, stop: StopRequest,
        peers: Peers, train: Source, val: Source,
    ):  # fmt: skip
        """State, detector as called in training; what computes, writes, asks to stop, waits; the two sources."""
        self.now, self.detector, self.accelerator, self.journal, self.stop = now, detector, accelerator, journal, stop
        self.peers, self.train, self.val = peers, train, val
        self.saves = Saves(journal.folder, accelerator, now.step if now.step else None)
        self.bad_steps = BadSteps(now.config.train.max_bad_steps, accelerator, now.skipped)


def _loop(run: Run, batches: Iterator[Batch]) -> None:
    """From the state's step to the last: optimise, log, save, evaluate.

    Every evaluation comes after a save and at the head of a round, so that a run killed in it resumes with it.
    """
    now, journal, knobs = run.now, run.journal, run.now.config.train
    while True:
        if _scoring(now):
            with run.peers.patience():
                _evaluate(run)
        if now.step >= knobs.steps:
            return run.saves.close(now.step)
        rate = optim.rate(now.step, knobs)
        parts = _fetched(run, batches, rate)
        terms, cut, bad = _step(run, parts, rate)
        now.step += 1
        run.peers.moved()
        run.peers.patient = False  # the first step may take as long as a compiler does
        journal.tick(terms, knobs.batch_size, cut, bad)
        stopping = run.stop.agreed(run.accelerator, now.step)
        saving = stopping or _scoring(now) or _every(knobs.save_every, now.step)
        _give_up_after_too_many(run, wait=saving)
        if saving or _every(knobs.log_every, now.step):
            journal.flush(now.step, rate)
        if saving:
            with run.peers.patience():
                run.saves.save(now)
                with runs.sparing("curves.png"):
                    journal.curves()
        if stopping:
            run.saves.close(now.step)
            run.stop.leave(f"stopped at step {now.step} of {knobs.steps}; train.resume=auto goes on from there")


def _give_up_after_too_many(run: Run, wait: bool) -> None:
    """Write the bad batch and raise FloatingPointError where too many steps in a row were not finite."""
    stop = run.bad_steps.too_many(wait)
    run.now.skipped = run.bad_steps.count
    if stop:
        bad = run.bad_steps.in_row[-1]
        raise FloatingPointError(replay.keep(run.now, bad, run.train, run.journal.folder, run.accelerator))


def _scoring(now: State) -> bool:
    """Whether this step is one after which the run is evaluated, and has not been yet."""
    knobs = now.config.train
    return now.scored != now.step and (now.step >= knobs.steps or _every(knobs.eval_every, now.step))


def _every(interval: int, step: int) -> bool:
    return interval > 0 and step > 0 and step % interval == 0


def _fetched(run: Run, batches: Iterator[Batch], rate: float) -> list[Batch]:
    """The `accumulate` batches of a step; where they cannot be had, what was trained is saved before the run ends."""
    now = run.now
    try:
        return [next(batches) for _ in range(now.config.train.accumulate)]
    except Interrupted:
        raise
    except Exception as error:
        _save_before_leaving(run, rate)
        if isinstance(error, Away) and run.stop.number:
            run.stop.leave(_joined(f"stopped at step {now.step}, {error}", run.saves.standing()))
        with _going_on(run.saves.standing()):
            raise


def _save_before_leaving(run: Run, rate: float) -> None:
    """Save what no save holds yet; of many processes the others may be waiting elsewhere, so nothing is agreed on."""
    if run.now.step == (run.saves.last or 0):
        return
    _give_up_after_too_many(run, wait=True)
    if run.accelerator.num_processes == 1:
        run.journal.flush(run.now.step, rate)
    run.saves.save_alone(run.now)


@contextmanager
def _going_on(words: str) -> Iterator[None]:
    """Add to the sentence about pictures that cannot be had how the run goes on."""
    try:
        yield
    except Failed as error:
        raise type(error)(_joined(error, words)) from error
    except (ValueError, OSError) as error:
        raise ValueError(_joined(error, words)) from error


def _joined(error: Exception | str, words: str) -> str:
    return f"{error}; {words}" if words else str(error)


def _step(run: Run, batches: list[Batch], rate: float) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """One optimiser step over its micro-batches, or none if it is bad.

    -> means of their loss terms, objects cut, whether the step is bad; all of it on the device.
    """
    now, accelerator, knobs, means, cut = run.now, run.accelerator, run.now.config.train, {}, 0
    train_mode(run.detector, knobs.freeze_norm)
    kept = Buffers(now.detector)
    for part, batch in enumerate(batches):
        batch = to_device(batch, accelerator.device, knobs.channels_last)
        run.peers.moved()
        cut = cut + batch.dropped.sum()
        last = part == knobs.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(run.detector):
            terms = run.detector(batch)
            run.peers.moved()
            accelerator.backward(terms["total"] / knobs.accumulate)
        means = {k: means.get(k, 0) + v.detach() / knobs.accumulate for k, v in terms.items()}
    bad = run.bad_steps.judge(now.step, means, now.detector.parameters())
    if knobs.clip_norm is not None:
        accelerator.clip_grad_norm_(run.detector.parameters(), knobs.clip_norm)
    for group in now.optimizer.param_groups:
        group["lr"] = rate
    run.bad_steps.update(bad, now.optimizer, kept, now.detector, now.averaged)
    now.optimizer.zero_grad()
    return means, cut, bad


def _evaluate(run: Run) -> None:
    """Score the weights that count, keep them if they are the best so far."""
    now, journal = run.now, run.journal
    model = now.evaluated.eval()
    if run.accelerator.num_processes > 1:  # BatchNorm statistics drift apart; those of the main process are saved
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)
    alone = run.accelerator.num_processes == 1  # others would wait for one that leaves
    words = f"stopped in the evaluation after step {now.step}; train.resume=auto goes on with it"
    again = f"train.resume=auto goes on with the evaluation after step {now.step}"
    with run.stop.at_once(words) if alone else nullcontext(), _going_on(again):
        metrics = _metrics(run, model)
    now.metrics, now.scored = metrics.figures(), now.step
    with runs.sparing(f"what {journal.folder} shows of the evaluation"):
        journal.evaluation(now.step, metrics, model, run.val, now.config)
    before = now.best
    if now.metrics["AP"] > before:
        now.best = now.metrics["AP"]
        now.best = now.best if run.saves.save(now, runs.BEST) else before
    run.saves.save(now)


def _metrics(run: Run, model: nn.Module) -> Metrics:
    """The figures of the validation set; a full disk costs their files, not the figures."""
    settings = run.now.config
    try:
        return evaluate.evaluate(
            model, run.val, category_ids=run.now.category_ids, device=run.accelerator.device, folder=run.journal.folder,
            on_error=settings.data.on_error, backend=settings.test.backend,
            report=report.wanted(settings, f"{run.journal.folder.name}, step {run.now.step}"),
            **inference.settings(settings),
        )  # fmt: skip
    except Unwritten as error:
        with runs.sparing(error.filename):
            raise
        return error.metrics


def _open(folder: Path, now: State, train_images: int, val_images: int, accelerator: Accelerator) -> None:
    """Save the resolved config and say what is about to run."""
    with runs.sparing(f"{folder / 'config.yaml'}"):
        record(now.config, folder)
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
