"""From a checkpoint to a detector: its config held to limits, its network to the weights that the file holds."""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.config import Config, Losses, differences, elsewhere, ranges
from cornernet.detectors import Detector
from cornernet.system.allocator import keep_memory

log = logging.getLogger(__name__)
SLACK = 1000  # tensors of a network that a checkpoint may lack before it is told what is missing


def weights(held: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint that count: the averaged ones if it has them."""
    return held["model"] if held.get("averaged") is None else held["averaged"]


def load_detector(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Detector, Config, dict[str, Any]]:
    """Checkpoint and `a.b=c` overrides -> (detector in eval mode on the CPU, its config, the checkpoint).

    The detector has no loss, and the file of weights that its training began with is not opened. The process keeps the
    memory that it frees from here on. Raises ValueError for a network from elsewhere that nobody typed.
    """
    keep_memory()
    held = checkpoint.load(path)
    saved = from_file(held["config"], path)
    settings = config.override(saved, overrides)
    check_numbers(settings, overrides, path)
    if words := config.untyped(settings, "model"):
        raise ValueError(elsewhere.refusal(str(path), words))
    with _named(path):
        settings = _only_known_losses(settings, path)
    build = partial(detectors.build, without_weights(settings), len(held["class_names"]), with_loss=False)
    fit(build, held, settings, path)
    if len(held["class_names"]) != len(held["category_ids"]):
        raise ValueError(
            f"{path} has {len(held['class_names'])} class_names and {len(held['category_ids'])} category_ids"
        )
    detector = build()
    load_weights(detector, held, settings, path)
    return detector.eval().to(memory_format=torch.channels_last), settings, held


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Whose config it is that does not fit, or names what is not here: the checkpoint's."""
    try:
        yield
    except ValueError as error:
        raise ValueError(error if str(path) in str(error) else f"{path}: {error}") from None


def from_file(values: dict[str, Any], path: str | Path) -> Config:
    """Config as a file holds it -> Config; raises ValueError naming the file where it does not fit or asks too much."""
    with _named(path):
        settings = config.from_container(values)
        ranges.most(settings)
    return settings


def check_numbers(settings: Config, overrides: Sequence[str], path: str | Path) -> None:
    """Raise ValueError for a number that no detector can have, naming the file where nothing of its config is set."""
    with nullcontext() if overrides else _named(path):
        ranges.ranges(settings, ranges.TEST_RANGES)


def without_weights(settings: Config) -> Config:
    """The config with no file of weights, for a detector whose weights come from a checkpoint."""
    backbone = dataclasses.replace(settings.model.backbone, weights="")
    return dataclasses.replace(settings, model=dataclasses.replace(settings.model, backbone=backbone))


def fit(build: Callable[[], nn.Module], held: dict[str, Any], settings: Config, path: str | Path) -> None:
    """Raise ValueError where a network is not the one whose weights a checkpoint holds, before it takes any memory."""
    with told_apart(held, settings), _named(path), torch.device("meta"), at_most(len(held["model"]) + SLACK, path):
        detector = build()
        checkpoint.check_fit(detector, _without_loss(weights(held), detector), str(path))


@contextmanager
def at_most(count: int, path: str | Path) -> Iterator[None]:
    """Raise ValueError as soon as a network has more parameters: a config of few words may describe millions."""
    left = iter(range(count))

    def counted(*_: Any) -> None:
        if next(left, None) is None:
            raise ValueError(
                f"{path} holds another model than the config describes, which has more than {count} tensors"
            )

    hook = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


def load_weights(detector: nn.Module, held: dict[str, Any], settings: Config, path: str | Path) -> None:
    """Load the weights that count."""
    with told_apart(held, settings):
        checkpoint.load_weights(detector, _without_loss(weights(held), detector), str(path))


@contextmanager
def told_apart(held: dict[str, Any] | None, settings: Config) -> Iterator[None]:
    """Where weights do not fit the error says what is set otherwise than in training."""
    try:
        yield
    except ValueError as error:
        others = differences.differences(held["config"], settings) if held else {}
        changed = [text for key, text in others.items() if key.startswith("model.")]
        raise ValueError(
            f"{error}; other settings than it was made with: {'; '.join(changed)}" if changed else error
        ) from None


def _without_loss(held: dict[str, torch.Tensor], detector: nn.Module) -> dict[str, torch.Tensor]:
    """The weights with the detector's own in place of what the losses learnt, which may be others by now."""
    own = {key: value for key, value in detector.state_dict().items() if key.startswith("loss.")}
    return {**{key: value for key, value in held.items() if not key.startswith("loss.")}, **own}


def _only_known_losses(settings: Config, path: str | Path) -> Config:
    """Defaults in place of losses that ask for code from elsewhere which nobody typed, so that none further on finds
    them in the config: to look up what a checkpoint names would be to run code that came with it.

    A detector predicts without its loss, but reads its tags as the grouping loss declares: that it cannot is logged.
    """
    asked = {role: config.untyped(settings, f"loss.{role}") for role in vars(settings.loss)}
    if "grouping" in detectors.roles(settings) and asked["grouping"]:
        log.warning(
            "%s; without that corners are paired by the distance of their tags, whatever its pair_distance is",
            elsewhere.refusal(str(path), asked["grouping"]),
        )
    return dataclasses.replace(
        settings, loss=Losses(**{role: getattr(settings.loss, role) for role in asked if not asked[role]})
    )
