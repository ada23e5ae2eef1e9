"""Models of the package timm by their names, `model.backbone.name=timm/<name>`, as far as they give a pyramid."""

import copy
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, hub, nn

from cornernet.backbones import pretrained
from cornernet.backbones.backbone import Backbone

KEYS = ("weights",)
STRIDES = (4, 8, 16, 32)
SAFE = ".safetensors"
FETCH = "python -c \"import timm; timm.create_model('{name}', pretrained=True)\" fetches them from the network"


def colours(name: str) -> pretrained.Colours:
    """Mean and standard deviation, BGR, with which timm's weights of that name were trained."""
    about = _about(name.partition("/")[2])
    return tuple(about.mean[::-1]), tuple(about.std[::-1])


class Timm(Backbone):
    """Images [B, 3, H, W] BGR -> one stack of those levels of a model of timm's that have strides 4, 8, 16 and 32.

    state: what timm's file of its weights holds, trained on RGB; None for random ones. Raises ValueError, one
    sentence, for a model that is unknown or gives no such levels, and what timm raises where the weights do not fit.
    """

    multiple = STRIDES[-1]

    def __init__(self, name: str, state: pretrained.State | None = None):
        super().__init__()
        self.name, self.places = name, _places(name)
        self.body = _made(name, self.places, state)
        about: Any = self.body.feature_info
        self.strides, self.channels = about.reduction(), about.channels()
        if state:
            _turn(self.body)

    def keep(self, first: int, last: int) -> None:
        """Take out what lies behind the last level."""
        if last + 1 == len(self.strides):
            return
        part = _made(self.name, self.places[: last + 1], None)
        held = self.body.state_dict()
        part.load_state_dict({key: held[key] for key in part.state_dict()})
        self.body = part

    def segments(self) -> list[nn.Module]:
        """The largest parts that take one tensor and give one, found by running a copy without numbers."""
        outer: list[str] = []
        for name in _alone(self.body):
            if not any(f"{name}.".startswith(f"{taken}.") for taken in outer):
                outer.append(name)
        return [self.body.get_submodule(name) for name in outer]

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Map images as the class says."""
        return [list(self.body(images))]


def timm(variant: str, weights: str = "") -> Timm:
    """Model of the package timm by its name, `timm/resnet50d`: its levels of stride 4, 8, 16 and 32.

    weights: imagenet, timm's in its cache, or a file of them; empty for random ones.
    """
    if not weights:
        return Timm(variant)
    path = pretrained.file(weights, partial(cached, variant), FETCH.format(name=variant))
    state = _read(path)
    try:
        return Timm(variant, state)
    except (RuntimeError, KeyError, AttributeError) as error:  # timm raises what the model's own reader does
        raise pretrained.unfit(path, error) from None


def cached(name: str) -> Path | None:
    """The file of a model's weights in the cache of the hub, or in that of torch; None if it is in neither."""
    import huggingface_hub

    about = _about(name)
    names = [about.hf_hub_filename] if about.hf_hub_filename else [f"model{SAFE}", "pytorch_model.bin"]
    found = [huggingface_hub.try_to_load_from_cache(about.hf_hub_id, file) for file in names if about.hf_hub_id]
    paths = [Path(path) for path in found if isinstance(path, str)]
    if about.url:
        paths.append(Path(hub.get_dir()) / "checkpoints" / about.url.rpartition("/")[2])
    return next((path for path in paths if path.is_file()), None)


def _read(path: Path) -> pretrained.State:
    if path.suffix != SAFE:
        return pretrained.read(path)
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # the reader has a class of its own for every fault
        raise pretrained.unfit(path, error) from None


def _library() -> ModuleType:
    try:
        import timm as library
    except ModuleNotFoundError:
        raise ValueError("model.backbone.name=timm/... needs the package timm: pip install 'cornernet[timm]'") from None
    return library


def _about(name: str) -> Any:
    """What timm knows of a model and its weights; raises ValueError, one sentence, for a name that it does not know.

    A name with a colon would lead it to a folder or to a server.
    """
    library = _library()
    about = library.get_pretrained_cfg(name) if name.replace(".", "_").isidentifier() else None
    if about is None:
        raise ValueError(f"unknown backbone 'timm/{name}': expected the name of a model, see timm.list_models()")
    return about


def _places(name: str) -> list[int]:
    """Which of a model's outputs have the STRIDES; raises ValueError, one sentence, where there are not all of them."""
    _about(name)
    with torch.device("meta"):
        body = _made(name, None, None)
    about: Any = body.feature_info
    strides = about.reduction()
    if getattr(body, "output_fmt", "NCHW") != "NCHW" or not set(STRIDES) <= set(strides):
        raise ValueError(
            f"backbone 'timm/{name}' gives no maps [B, C, H, W] of strides 4, 8, 16 and 32, "
            f"as detection asks for, its strides are {', '.join(map(str, strides))}"
        )
    return [strides.index(stride) for stride in STRIDES]


def _made(name: str, places: list[int] | None, state: pretrained.State | None) -> nn.Module:
    own: dict[str, Any] = {} if places is None else {"out_indices": places}
    if state is not None:
        own |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state}}
    return _library().create_model(name, features_only=True, **own)


def _turn(body: nn.Module) -> None:
    """Have a model that was trained on RGB read BGR: the weights of what reads the image are turned round."""
    first = [part for part in body.modules() if isinstance(part, nn.Conv2d) and part.in_channels == 3]
    if not first:
        raise RuntimeError("no convolution of it reads the three colours, so that they cannot be put in its order")
    with torch.no_grad():
        for conv in first:
            conv.weight.copy_(conv.weight.flip(1))


def _alone(body: nn.Module) -> list[str]:
    """Names of the parts with two convolutions or more that are called once, with one tensor, and give one."""
    called: list[str] = []
    trial = copy.deepcopy(body).to("meta")

    def seen(name: str, given: tuple, out: Any) -> None:
        if len(given) == 1 and isinstance(given[0], Tensor) and isinstance(out, Tensor):
            called.append(name)

    for name, part in trial.named_modules():
        if name and sum(isinstance(inner, nn.Conv2d) for inner in part.modules()) > 1:
            part.register_forward_hook(lambda _, given, out, name=name: seen(name, given, out))
    with torch.no_grad():
        trial(torch.empty(1, 3, 64, 64, device="meta"))
    return sorted(name for name in set(called) if called.count(name) == 1)
