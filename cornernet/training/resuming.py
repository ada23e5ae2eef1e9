"""Resuming a run: from its last whole checkpoint, with what was trained, drawn and remembered."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.config import Config, elsewhere, from_container, to_dict, untyped
from cornernet.config.differences import differences
from cornernet.errors import Damaged
from cornernet.prediction import thresholds
from cornernet.system.reading import present
from cornernet.training import opening, run_folder
from cornernet.training.state import State

log = logging.getLogger("cornernet")
RESUMED: dict[str, type | tuple[type, ...]] = {  # what only a training checkpoint holds
    "optimizer": dict,
    "averaged": (dict, type(None)),
    "rng": torch.Tensor,
    "best": (int, float),
    "metrics": dict,
}
REMEMBERED = ({"step", "exp_avg", "exp_avg_sq"}, {"momentum_buffer"})  # of each weight, by Adam and AdamW, by SGD
SILENT = ("work_dir", "train.resume", "train.init")  # keys that may differ without a word


@contextmanager
def agreed_folder(settings: Config, name: str, accelerator: Accelerator) -> Iterator[tuple[Path, str]]:
    """The run's folder and what to resume from, which the main process claims for all, see `opening.claimed`."""
    own = opening.claimed(settings, name) if accelerator.is_main_process else nullcontext((None, None))
    with own as chosen:
        folder, resume_from = broadcast_object_list(list(chosen))
        yield Path(folder), resume_from


def resumable(folder: Path, resume_from: str) -> bool:
    """Whether `resume` will find something to go on from, or complain."""
    if resume_from != "auto":
        return bool(resume_from)
    return any(present(folder / name) for name in (run_folder.LAST, run_folder.PREVIOUS))


def depth_before(folder: Path, resume_from: str) -> Any:
    """data.bit_depth of the run in a folder, or of the checkpoint it goes on from where no config lies beside that."""
    if present(recorded := opening.recorded(folder)):
        return config.load(recorded).data.bit_depth
    return "auto" if resume_from == "auto" else checkpoint.load(resume_from)["config"]["data"].get("bit_depth", "auto")


def resume(state: State, folder: Path, resume_from: str, accelerator: Accelerator) -> None:
    """Load the checkpoint that `wanted` (see train.resume) asks for, if there is one."""
    chosen: list[Any] = [None]
    held = None
    if accelerator.is_main_process:
        path, held = _find(folder, resume_from)
        chosen = [path]
    path = broadcast_object_list(chosen)[0]
    if path is None:
        return
    held = checkpoint.load(path) if held is None else held
    restore(state, held, path)
    changed = differences(held["config"], state.config)
    # in another folder the best of the old one is not here; by another metric it is not the best
    if not present(folder / run_folder.BEST) or "train.metric" in changed:
        state.best, state.stale = -math.inf, 0
    if accelerator.scaler is not None and held.get("scaler") is not None:
        accelerator.scaler.load_state_dict(held["scaler"])
    if accelerator.is_main_process:
        log.info("resumed from %s at step %d", path, state.step)
        if words := [text for key, text in changed.items() if key not in SILENT]:
            log.info("other settings than before: %s", "; ".join(words))
        if "train.metric" in changed:
            log.warning(
                "%s; the next evaluation writes best.pt anew, and from then on this decides", changed["train.metric"]
            )


def _find(folder: Path, resume_from: str) -> tuple[Path | None, dict[str, Any] | None]:
    """The checkpoint to go on from, and what it holds. A damaged last one is put aside, so that it replaces no other.

    Raises ValueError where there are checkpoints and none is whole, OSError where the system does not hand one over.
    """
    last = folder / run_folder.LAST
    if resume_from != "auto":
        return (Path(resume_from), checkpoint.load(resume_from)) if resume_from else (None, None)
    before = checkpoint.previous(last)
    if not present(last) and not present(before):
        return None, None
    try:
        return last, checkpoint.load(last)
    except (FileNotFoundError, Damaged) as error:
        if not present(before):
            raise
        log.warning("%s; going on from that", error if isinstance(error, Damaged) else f"{error}, but {before}")
    held = checkpoint.load(before)
    if present(last):
        os.replace(last, folder / run_folder.DAMAGED)
    return before, held


def restore(state: State, held: dict[str, Any], path: Path) -> None:
    """Put a checkpoint's weights, optimiser and position into the state.

    Raises ValueError where the checkpoint belongs to another model, other classes, another optimiser or averaging.
    """
    _check_resumable(held, state, path)
    checkpoint.load_weights(state.detector, held["model"], str(path))
    _restore_optimizer(state.optimizer, held["optimizer"], path)
    if (held["averaged"] is None) != (state.averaged is None):
        raise ValueError(f"{path} holds {'no' if state.averaged else 'an'} average of the weights, against train.ema")
    if state.averaged is not None:
        checkpoint.load_weights(state.averaged.module, held["averaged"], str(path))
        state.averaged.n_averaged.fill_(held["step"])
    state.step, state.best, state.metrics = held["step"], held["best"], held["metrics"]
    state.scored, state.skipped, state.stale = held.get("scored", -1), held.get("skipped", 0), held.get("stale", 0)
    state.best_f1 = thresholds.held(held.get("best_f1"), len(held["class_names"]), path)
    try:
        torch.set_rng_state(held["rng"])
    except (RuntimeError, TypeError):
        raise ValueError(f"{path} holds no state of torch's random numbers at rng") from None


def _check_resumable(held: dict[str, Any], state: State, path: Path) -> None:
    if missing := [key for key, kind in RESUMED.items() if key not in held or not isinstance(held[key], kind)]:
        raise ValueError(f"{path} holds no {', '.join(missing)}, so it cannot be resumed; train.init starts from it")
    if (held["class_names"], held["category_ids"]) != (state.class_names, state.category_ids):
        raise ValueError(f"{path} was trained on the classes {held['class_names']}, the data has {state.class_names}")
    if words := _untyped(held["config"], state.config):
        raise ValueError(elsewhere.refusal(f"{path}, whose run can only go on with the parts it began with,", words))
    if refused := [text for key, text in differences(held["config"], state.config).items() if _belongs(key, text)]:
        raise ValueError(
            f"{path} is of another run: {'; '.join(refused)}. Resume it with the same, or start from its weights with "
            "train.init"
        )


def _untyped(before: dict[str, Any], state: Config) -> list[str]:
    """Return what of a checkpoint's config leads to code from elsewhere, and is not in that of now."""
    again = elsewhere.typed(to_dict(state))
    return [word for word in untyped(from_container(before)) if word not in again]


def _belongs(key: str, text: str) -> bool:
    """Whether a run cannot go on with another value: another network, another state of the optimiser, other images."""
    if key == "train.ema":
        return "null" in text  # an average cannot begin or end on the way; its decay may change
    if key.startswith("train.lr_factors."):
        return "null" in text  # groups of the optimiser cannot come or go; their factors may change
    return key in (
        "train.optimizer",
        "train.freeze",
        "loss.feature.name",
        "loss.features",
        "data.val.split",
        "data.val.search",
        "data.split_by",
    ) or (key.startswith("model.") and key != "model.backbone.weights")


def _restore_optimizer(optimizer: torch.optim.Optimizer, held: dict[str, Any], path: Path) -> None:
    """Load what the optimiser remembers; its settings stay those of the config, which may have been changed."""
    try:
        groups = [
            {**own, "params": group["params"]}
            for group, own in zip(held["param_groups"], optimizer.param_groups, strict=True)
        ]
        optimizer.load_state_dict({"state": held["state"], "param_groups": groups})
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise ValueError(f"{path} holds an optimizer that is not this run's: {error}") from None
    for parameter, remembered in optimizer.state.items():
        if fault := _stray(parameter, remembered):
            raise ValueError(f"{path} holds an optimizer that is not this run's: {fault}")
        remembered.update({name: _laid_out(value, parameter) for name, value in remembered.items()})


def _laid_out(value: Any, parameter: torch.Tensor) -> Any:
    """What is remembered of a weight, in its memory layout, which another train.channels_last may have changed."""
    if not isinstance(value, torch.Tensor) or value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def _stray(parameter: torch.Tensor, remembered: Any) -> str:
    """What of the memory of a weight cannot be this optimiser's, or ""."""
    if not isinstance(remembered, dict) or set(remembered) not in REMEMBERED:
        return f"it remembers {sorted(remembered) if isinstance(remembered, dict) else remembered} of a weight"
    for name, value in remembered.items():
        if name == "momentum_buffer" and value is None:  # of SGD before its first step
            continue
        resume_from = () if name == "step" else tuple(parameter.shape)
        if not isinstance(value, torch.Tensor) or tuple(value.shape) != resume_from:
            return f"{name} of shape {list(getattr(value, 'shape', []))} for a weight of shape {list(parameter.shape)}"
        if not value.isfinite().all():
            return f"{name} of a weight of shape {list(parameter.shape)} is not finite"
    return ""
