"""Weights that others have trained on ImageNet: where their files lie and how they are read. Nothing is fetched."""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

IMAGENET = "imagenet"  # in place of a file: the weights that the package or the cache of a library holds
MEAN, STD = (0.406, 0.456, 0.485), (0.225, 0.224, 0.229)  # BGR, of images in 0..1: with which torchvision's are trained

State = dict[str, Tensor]
BGR = tuple[float, float, float]
Colours = tuple[BGR, BGR]  # mean and standard deviation of images in 0..1


def file(weights: str, known: Callable[[], Path | None], cure: str) -> Path:
    """model.backbone.weights -> the file; `known` finds that of `imagenet`, `cure` says how it comes there.

    Raises FileNotFoundError, one sentence, where there is none.
    """
    path = known() if weights == IMAGENET else Path(weights).expanduser()
    if path is not None and path.is_file():
        return path
    if weights != IMAGENET:
        raise FileNotFoundError(f"model.backbone.weights: there is no file {path}")
    place = f" at {path}" if path else ""
    raise FileNotFoundError(
        f"model.backbone.weights=imagenet: the weights are not here{place}, and none are fetched while a command "
        f"runs; {cure}, or name a file of them: model.backbone.weights=FILE"
    )


def load(body: nn.Module, path: Path, renamed: Callable[[State], State] = dict) -> None:
    """Load a file's state dict, whose keys are made those of `body` by `renamed`.

    Raises ValueError, one sentence, where it does not fit.
    """
    held = read(path)
    try:
        with warnings.catch_warnings():  # where a config is checked, into shapes without numbers, which is warned of
            warnings.filterwarnings("ignore", ".*non-meta parameter")
            body.load_state_dict(renamed(held))
    except Exception as error:  # torch raises many kinds for foreign files
        raise unfit(path, error) from None


def read(path: Path) -> State:
    """State dict of a file of torch's; raises ValueError, one sentence, for another file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for foreign files
        raise unfit(path, error) from None


def unfit(path: Path, error: Exception) -> ValueError:
    """The error to raise for a file that does not fit the backbone."""
    reason = " ".join(str(error).split())[:200]
    return ValueError(f"model.backbone.weights: {path} does not hold the weights of this backbone: {reason}")
