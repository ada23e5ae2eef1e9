"""The loop of a training: fetch, step, log, save, evaluate. It knows batches, terms and files, no detector by name."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor

from cornernet.data import Away, Source
from cornernet.detectors import Detector
from cornernet.errors import Failed, Interrupted
from cornernet.evaluation import Metrics, Unwritten, chosen, evaluate, report, thresholds
from cornernet.hardware import to_device
from cornernet.prediction import inference
from cornernet.structures import Batch
from cornernet.training import optim, parts, patience, replay, run_folder
from cornernet.training.gradients import gradient_norms
from cornernet.training.logger import RunLogger
from cornernet.training.nonfinite_steps import Buffers, NonFiniteSteps
from cornernet.training.peers import Peers
from cornernet.training.saving import Saves
from cornernet.training.signals import StopRequest
from cornernet.training.state import State
from cornernet.training.validation_loss import validation_loss


class Run:
    """What the loop works with; the state is what changes."""

    def __init__(
        self, state: State, detector: Detector, accelerator: Accelerator, logger: RunLogger, stop: StopRequest,
        peers: Peers, train: Source, val: Source,
    ):  # fmt: skip
        """State, detector as called in training; what computes, writes, asks to stop, waits; the two sources."""
        self.state, self.detector, self.accelerator, self.logger, self.stop = (
            state,
            detector,
            accelerator,
            logger,
            stop,
        )
        self.peers, self.train, self.val = peers, train, val
        self.metric = chosen(state.config.train.metric, typed=True)
        self.saves = Saves(logger.folder, accelerator, state.step if state.step else None)
        self.nonfinite_steps = NonFiniteSteps(state.config.train.max_nonfinite_steps, accelerator, state.skipped)


def loop(run: Run, batches: Iterator[Batch]) -> None:
    """From the state's step to the last: optimise, log, save, evaluate.

    Every evaluation comes after a save and at the head of a round, so that a run killed in it resumes with it.
    """
    state, logger, cfg = run.state, run.logger, run.state.config.train
    while True:
        if _scoring(state):
            with run.peers.patience():
                _evaluate(run)
        if state.step >= cfg.steps or patience.over(state, run.metric.figure, run.accelerator.is_main_process):
            return run.saves.close(state.step)
        rate = optim.rate(state.step, cfg)
        parts = _fetched(run, batches, rate)
        terms, cut, bad = _step(run, parts, rate)
        state.step += 1
        run.peers.moved()
        run.peers.patient = False  # the first step may take as long as a compiler does
        logger.tick(terms, cfg.batch_size, cut, bad)
        stopping = run.stop.agreed(run.accelerator, state.step)
        saving = stopping or _scoring(state) or _every(cfg.save_every, state.step)
        _give_up_after_too_many(run, wait=saving)
        if saving or _every(cfg.log_every, state.step):
            logger.flush(state.step, rate)
            run.saves.check(state)
        if saving:
            with run.peers.patience():
                run.saves.save(state)
                with run_folder.outliving_the_disk("curves.png"):
                    logger.curves()
        if stopping:
            run.saves.close(state.step)
            run.stop.leave(f"stopped at step {state.step} of {cfg.steps}; train.resume=auto goes on from there")


def _give_up_after_too_many(run: Run, wait: bool) -> None:
    """Write the bad batch and raise FloatingPointError where too many steps in a row were not finite."""
    stop = run.nonfinite_steps.too_many(wait)
    run.state.skipped = run.nonfinite_steps.count
    if stop:
        bad = run.nonfinite_steps.in_row[-1]
        raise FloatingPointError(replay.keep(run.state, bad, run.train, run.logger.folder, run.accelerator))


def _scoring(state: State) -> bool:
    """Whether this step is one after which the run is evaluated, and has not been yet."""
    cfg = state.config.train
    return state.scored != state.step and (state.step >= cfg.steps or _every(cfg.eval_every, state.step))


def _every(interval: int, step: int) -> bool:
    return interval > 0 and step > 0 and step % interval == 0


def _fetched(run: Run, batches: Iterator[Batch], rate: float) -> list[Batch]:
    """The `accumulate` batches of a step; where they cannot be had, what was trained is saved before the run ends."""
    state = run.state
    try:
        return [next(batches) for _ in range(state.config.train.accumulate)]
    except Interrupted:
        raise
    except Exception as error:
        _save_before_leaving(run, rate)
        if isinstance(error, Away) and run.stop.number:
            run.stop.leave(_joined(f"stopped at step {state.step}, {error}", run.saves.standing()))
        with _going_on(run.saves.standing()):
            raise


def _save_before_leaving(run: Run, rate: float) -> None:
    """Save what no save holds yet; of many processes the others may be waiting elsewhere, so nothing is agreed on."""
    if run.state.step == (run.saves.last or 0):
        return
    _give_up_after_too_many(run, wait=True)
    if run.accelerator.num_processes == 1:
        run.logger.flush(run.state.step, rate)
    run.saves.save_alone(run.state)


@contextmanager
def _going_on(words: str) -> Iterator[None]:
    """Add to the sentence about images that cannot be had how the run goes on."""
    try:
        yield
    except Failed as error:
        raise type(error)(_joined(error, words)) from error
    except (ValueError, OSError) as error:
        raise ValueError(_joined(error, words)) from error


def _joined(error: Exception | str, words: str) -> str:
    return f"{error}; {words}" if words else str(error)


def _step(run: Run, batches: list[Batch], rate: float) -> tuple[dict[str, Tensor], Tensor | int, Tensor]:
    """One optimiser step over its micro-batches, or none if it is bad.

    -> means of their loss terms, objects cut, whether the step is bad; all of it on the device.
    """
    state, accelerator, cfg = run.state, run.accelerator, run.state.config.train
    means: dict[str, Tensor] = {}
    cut: Tensor | int = 0
    parts.train_mode(state.detector, cfg)
    kept = Buffers(state.detector)
    if state.detector.progress is not None:
        state.detector.progress.fill_(state.step / cfg.steps)
    if _every(cfg.gradients_every, state.step + 1):
        _log_gradients(run, batches[0])
    for part, batch in enumerate(batches):
        batch = to_device(batch, accelerator.device, cfg.channels_last)
        run.peers.moved()
        cut = cut + batch.dropped.sum()
        last = part == cfg.accumulate - 1
        with nullcontext() if last else accelerator.no_sync(run.detector):
            terms = run.detector(batch)
            run.peers.moved()
            accelerator.backward(terms["total"] / cfg.accumulate)
        means = {k: means.get(k, 0) + v.detach() / cfg.accumulate for k, v in terms.items()}
    bad = run.nonfinite_steps.judge(state.step, means, state.detector.parameters())
    if cfg.clip_norm is not None:
        accelerator.clip_grad_norm_(run.detector.parameters(), cfg.clip_norm)
    optim.set_rate(state.optimizer, rate)
    run.nonfinite_steps.update(bad, state.optimizer, kept, state.detector, state.averaged)
    state.optimizer.zero_grad()
    return means, cut, bad


def _log_gradients(run: Run, batch: Batch) -> None:
    """Log how strongly each term pulls at the shared features in the coming step, by the first of its micro-batches."""
    state, accelerator = run.state, run.accelerator
    batch = to_device(batch, accelerator.device, state.config.train.channels_last)
    scale = 1.0 if accelerator.scaler is None else accelerator.scaler.get_scale()
    with accelerator.autocast():
        run.logger.gradients(state.step + 1, gradient_norms(state.detector, batch, scale))
    run.peers.moved()


def _evaluate(run: Run) -> None:
    """Score the weights that count, keep them if they are the best so far."""
    state, logger = run.state, run.logger
    model = state.evaluated.eval()
    if run.accelerator.num_processes > 1:  # BatchNorm statistics drift apart; those of the main process are saved
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)
    alone = run.accelerator.num_processes == 1  # others would wait for one that leaves
    words = f"stopped in the evaluation after step {state.step}; train.resume=auto goes on with it"
    again = f"train.resume=auto goes on with the evaluation after step {state.step}"
    with run.stop.at_once(words) if alone else nullcontext(), _going_on(again):
        metrics = _metrics(run, model)
        progress = state.step / max(1, state.config.train.steps)
        losses = validation_loss(model, run.val, state.config, run.accelerator, progress)
    state.metrics, state.scored = metrics.figures(), state.step
    state.best_f1 = thresholds(metrics, state.category_ids)
    with run_folder.outliving_the_disk(f"what {logger.folder} shows of the evaluation"):
        logger.evaluation(state, metrics, model, run.val, losses)
    _keep_the_best(run)
    run.saves.save(state)
    logger.callbacks.tell("evaluation_done", state.step, state.metrics, logger.folder)


def _keep_the_best(run: Run) -> None:
    """Save best.pt where the figures are better, and where there is none to compare with: the latest is as good."""
    state, before = run.state, run.state.best
    rank = run.metric.rank(state.metrics)
    better = rank > before
    unmeasured = state.metrics[run.metric.figure] < 0 and rank == before
    state.stale = 0 if better or unmeasured else state.stale + 1
    if better or unmeasured or not run.saves.there(run_folder.BEST):
        state.best = rank  # before the save, so that the file holds it
        state.best = rank if run.saves.save(state, run_folder.BEST) else before


def _metrics(run: Run, model: Detector) -> Metrics:
    """The figures of the validation set; a full disk costs their files, not the figures."""
    settings, folder = run.state.config, run.logger.folder
    try:
        return evaluate.evaluate(
            model, run.val, category_ids=run.state.category_ids, device=run.accelerator.device,
            folder=folder, metric=run.metric, on_error=settings.data.on_error, backend=settings.test.backend,
            report=report.options(settings, f"{folder.name}, step {run.state.step}", folder, run.state.step),
            **inference.settings(settings),
        )  # fmt: skip
    except Unwritten as error:
        with run_folder.outliving_the_disk(error.filename):
            raise
        return error.metrics
