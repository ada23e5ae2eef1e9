"""The schema of a run and the way from YAML files and overrides to plain dataclasses.

Every key a user can set is a field here; its default and the comment behind it are what `--help` prints.
"""

import dataclasses
import difflib
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass
class Component:
    name: str  # file name of the loss in its role's folder, or a dotted path to your own
    weight: float = 1.0  # factor of this term in the total
    args: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the loss


@dataclass
class Backbone:
    stacks: int = 2  # hourglasses in a row, each supervised
    stem_channels: int = 128  # width of the 7x7 convolution that opens the network
    channels: list[int] = field(
        default_factory=lambda: [256, 256, 384, 384, 384, 512]
    )  # width per level, fine to coarse
    blocks: list[int] = field(default_factory=lambda: [2, 2, 2, 2, 2, 4])  # residual blocks per level, fine to coarse


@dataclass
class Head:
    channels: int = 256  # width of the features behind each hourglass and of the six branches
    pool_channels: int = 128  # width of the maps that are corner-pooled
    tag_dim: int = 1  # numbers per corner by which the two corners of a box find each other


@dataclass
class Model:
    detector: Literal["corner"] = "corner"  # which detector
    backbone: Backbone = field(default_factory=Backbone)
    head: Head = field(default_factory=Head)
    min_overlap: float = 0.3  # IoU a box keeps when its corners move by the Gaussian radius


@dataclass
class Losses:
    heatmap: Component = field(default_factory=lambda: Component("neg"))
    grouping: Component = field(default_factory=lambda: Component("ae", 0.1))
    offset: Component = field(default_factory=lambda: Component("smooth_l1"))


@dataclass
class Split:
    images: str = ""  # folder of the pictures, relative to data.root
    annotations: str = ""  # COCO json, relative to data.root


@dataclass
class Augment:
    crop: bool = True  # random scaled crop; off: the whole picture is fitted into the input
    scales: list[float] = field(
        default_factory=lambda: [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
    )  # zoom-out factors of the crop
    border: int = 128  # pixels of the picture that the crop's centre keeps from its edges, halved until it fits
    flip: float = 0.5  # probability of a horizontal flip
    flip_vertical: float = 0.0  # probability of a vertical flip (microscopes, satellites)
    colour: float = 0.4  # strength of brightness, contrast and saturation jitter; 0: off
    lighting: float = 0.1  # standard deviation of the PCA lighting noise; 0: off


@dataclass
class Shapes:
    size: int = 128  # side of the square pictures in pixels
    train_images: int = 2000  # pictures in the training split
    val_images: int = 200  # pictures in the validation split
    max_objects: int = 6  # most shapes on one picture
    seed: int = 0  # seed of the drawings, independent of the run's seed


@dataclass
class Data:
    name: Literal["coco", "shapes"] = "coco"  # coco: any COCO-format set; shapes: drawn on the fly
    root: str = ""  # folder to which the paths below are relative
    train: Split = field(default_factory=Split)
    val: Split = field(default_factory=Split)
    shapes: Shapes = field(default_factory=Shapes)
    input_size: tuple[int, int] = (511, 511)  # height and width of the network's input in training
    longest_side: int | None = (
        None  # pictures are resized to this longest side first, in training and test; null: as they are
    )
    max_objects: int = 128  # object slots of an image; more are cut and counted
    mean: tuple[float, float, float] = (0.40789654, 0.44719302, 0.47026115)  # BGR mean of pictures in 0..1
    std: tuple[float, float, float] = (0.28863828, 0.27408164, 0.27809835)  # BGR standard deviation of pictures in 0..1
    augment: Augment = field(default_factory=Augment)
    workers: int = 2  # loader processes; 0: load in the training process
    on_error: Literal["stop", "skip"] = "stop"  # a bad record or picture: stop with a sentence, or skip and count


@dataclass
class Train:
    steps: int = 500_000  # optimiser steps
    batch_size: int = 49  # pictures per optimiser step, over all processes
    accumulate: int = 1  # parts into which each process splits its share of a batch
    lr: float = 2.5e-4  # peak learning rate
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"  # sgd has momentum 0.9
    weight_decay: float = 0.0  # of weights; norms and biases have none
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "step"  # shape of the learning rate over the steps
    warmup_steps: int = 0  # steps of linear warm-up
    milestones: list[int] = field(
        default_factory=lambda: [450_000]
    )  # steps after which `step` multiplies the rate by gamma
    gamma: float = 0.1  # see milestones
    clip_norm: float | None = None  # largest norm of the gradient; null: no clipping
    ema: float | None = None  # decay of the averaged weights that are evaluated; null: off
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # fp16 needs a GPU
    device: Literal["auto", "cpu"] = "auto"  # auto: a GPU if there is one
    channels_last: bool = False  # memory layout of the convolutions
    compile: bool = False  # torch.compile the network and the loss
    freeze_norm: bool = False  # BatchNorm uses its running statistics, as it must for equality over process counts
    log_every: int = 20  # steps between rows of the log
    eval_every: int = 5000  # steps between evaluations; 0: only at the end
    save_every: int = 500  # steps between saves of last.pt
    resume: str = ""  # auto: go on from last.pt in work_dir if there is one; or a checkpoint's path
    init: str = ""  # checkpoint whose weights start the run


@dataclass
class Nms:
    name: Literal["soft_gaussian", "soft_linear", "hard", "merge", "none"] = (
        "soft_gaussian"  # merge: soft-NMS that averages boxes
    )
    iou: float = 0.5  # overlap beyond which hard suppresses and linear decays
    sigma: float = 0.5  # width of the Gaussian decay
    min_score: float = 0.001  # boxes below are dropped
    weight_exp: float = 10.0  # exponent of the scores as weights in merge


@dataclass
class Test:
    batch_size: int = 1  # pictures at once, where their sizes agree
    scales: list[float] = field(default_factory=lambda: [1.0])  # zoom factors whose detections are pooled
    flip: bool = True  # pool with the detections of the mirrored picture
    top_k: int = 100  # corners of each kind kept
    kernel: int = 3  # side of the window in which a corner must be the maximum
    ae_threshold: float = 0.5  # largest tag distance of a pair
    num_dets: int = 1000  # pairs kept before NMS
    score: Literal["mean", "geometric"] = "mean"  # how the two corner scores become the box's
    nms: Nms = field(default_factory=Nms)
    max_per_image: int = 100  # detections kept per picture
    draw_score: float = 0.3  # detections below are not drawn


@dataclass
class Config:
    seed: int = 317  # of weights, order and augmentation
    work_dir: str = ""  # folder of the run; empty: runs/<config name>, numbered when taken
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    loss: Losses = field(default_factory=Losses)
    train: Train = field(default_factory=Train)
    test: Test = field(default_factory=Test)


def load(path: str | Path, overrides: list[str] = ()) -> Config:
    """YAML file with its bases, then `a.b=c` overrides, checked against the schema -> Config.

    Raises FileNotFoundError for a missing file and ValueError, one sentence, for anything wrong in it.
    """
    merged = OmegaConf.structured(Config)
    for layer in _layers(Path(path), ()):
        _merge(merged, layer, f"{path}")
    for text in overrides:
        _override(merged, text)
    return from_container(merged)


def from_container(values: dict[str, Any] | DictConfig) -> Config:
    """Plain dict (as saved in a checkpoint) or DictConfig -> Config; raises ValueError where the schema does not fit."""
    if not isinstance(values, DictConfig):
        merged = OmegaConf.structured(Config)
        _merge(merged, OmegaConf.create(values), "the saved config")
        values = merged
    try:
        return OmegaConf.to_object(values)
    except OmegaConfBaseException as error:
        raise ValueError(_sentence(error)) from None


def to_dict(config: Config) -> dict[str, Any]:
    """Config -> nested plain dict of YAML types, for saving."""
    return OmegaConf.to_container(OmegaConf.structured(config))


def save(config: Config, path: str | Path) -> None:
    """Write the resolved config as YAML."""
    Path(path).write_text(OmegaConf.to_yaml(OmegaConf.structured(config)), encoding="utf-8")


def override(config: Config, overrides: list[str]) -> Config:
    """Config and `a.b=c` overrides -> new Config; raises ValueError as `load` does."""
    merged = OmegaConf.structured(config)
    for text in overrides:
        _override(merged, text)
    return from_container(merged)


def _layers(path: Path, seen: tuple[Path, ...]) -> list[DictConfig]:
    """The file and its bases, bases first."""
    path = path.resolve()
    if path in seen:
        raise ValueError("configs inherit in a circle: " + " -> ".join(p.name for p in (*seen, path)))
    if not path.is_file():
        by = f", the base of {seen[-1].name}" if seen else ""
        raise FileNotFoundError(f"there is no config file {path}{by}")
    try:
        layer = OmegaConf.load(path)
    except Exception as error:  # the YAML reader has its own exception tree
        raise ValueError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(layer, DictConfig):
        raise ValueError(
            f"{path} must hold keys and values, got a {'list' if isinstance(layer, ListConfig) else 'scalar'}"
        )
    bases = layer.pop("base", None) or []
    names = [bases] if isinstance(bases, str) else list(bases)
    below = [x for name in names for x in _layers(path.parent / name, (*seen, path))]
    return [*below, layer]


def _merge(config: DictConfig, layer: DictConfig, source: str) -> None:
    """Merge one layer in place; a component that changes its name starts from empty args."""
    for role, component in (layer.get("loss") or {}).items():
        if isinstance(component, DictConfig) and "name" in component and role in config.loss:
            _rename(config, role, component.name)
    try:
        config.merge_with(layer)
    except OmegaConfBaseException as error:
        raise ValueError(f"{source}: {_sentence(error)}") from None


def _override(config: DictConfig, text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key or text.startswith("-"):
        raise ValueError(
            f"got {text!r} where an override key=value was expected, for example train.lr=1e-4 (--help lists the keys)"
        )
    renamed = re.fullmatch(r"loss\.(\w+)\.name", key)
    if renamed and renamed[1] in config.loss:
        _rename(config, renamed[1], value)
    try:
        config.merge_with_dotlist([text])
    except OmegaConfBaseException as error:
        raise ValueError(f"{text}: {_sentence(error)}") from None
    except Exception as error:  # the YAML reader's own exceptions, for a value such as [1,2
        raise ValueError(f"{text}: the value is not readable as YAML: {str(error).splitlines()[0]}") from None


def _rename(config: DictConfig, role: str, name: str) -> None:
    """Arguments belong to the loss they were written for: another name does not inherit them."""
    if config.loss[role].name != name:
        config.loss[role].args = {}


def _sentence(error: Exception) -> str:
    """OmegaConf's message as one line that names the full key and the nearest valid one."""
    text = str(error).strip().splitlines()[0]
    full = getattr(error, "full_key", None) or ""
    if "not in" in text or "not in struct" in text:
        parent, _, last = full.rpartition(".")
        allowed = [k for k in keys() if k.rpartition(".")[0] == parent or parent == ""]
        near = difflib.get_close_matches(full, [*allowed, *sections()], n=1) or difflib.get_close_matches(
            last, [k.rpartition(".")[2] for k in keys()], n=1
        )
        hint = f"; did you mean {near[0]}?" if near else "; --help lists every key"
        return f"unknown key {full}{hint}"
    return f"{full}: {text}" if full and full not in text else text


def sections(schema: type = Config, prefix: str = "") -> list[str]:
    """Dotted names of everything in the schema that holds keys of its own."""
    inner = [(prefix + f.name, f.type) for f in dataclasses.fields(schema) if dataclasses.is_dataclass(f.type)]
    return [x for name, type_ in inner for x in (name, *sections(type_, name + "."))]


def keys(schema: type = Config, prefix: str = "") -> dict[str, tuple[str, Any, str]]:
    """Dotted key -> (type, default, meaning) for every key of the schema, in the order of the file."""
    comments, default, found = _comments(schema), schema() if schema is not Component else Component("-"), {}
    return _walk(schema, default, prefix, comments, found)


def _walk(schema: type, default: Any, prefix: str, comments: dict[str, str], found: dict) -> dict:
    for item in dataclasses.fields(schema):
        value = getattr(default, item.name)
        if dataclasses.is_dataclass(item.type):
            _walk(item.type, value, f"{prefix}{item.name}.", _comments(item.type), found)
        else:
            found[prefix + item.name] = (_type_name(item.type), value, comments[item.name])
    return found


def _comments(schema: type) -> dict[str, str]:
    """The comment behind each field, read from this file so that it is written once."""
    found = {}
    for line in inspect.getsource(schema).splitlines():
        match = re.match(r"\s+(\w+): .*?(?:  # (.*))?$", line)
        if match:
            found[match[1]] = match[2] or ""
    return found


def _type_name(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    return re.sub(r"typing\.|Literal\[(.*)\]", lambda m: (m[1] or "").replace("'", "").replace(", ", "|"), text)


def help_text() -> str:
    """One line a key: name, type, default, meaning."""
    rows = [
        f"  {name:30} {kind:28} {OmegaConf.to_yaml({'v': v}, resolve=False)[3:].strip() if not isinstance(v, (list, tuple, dict)) else list(v) if not isinstance(v, dict) else {}!s:22} {meaning}"
        for name, (kind, v, meaning) in keys().items()
    ]
    return "\n".join(rows)
