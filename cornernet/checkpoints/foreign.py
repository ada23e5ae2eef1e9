"""Weights of any file of torch: a checkpoint of this toolkit, a published one, or a plain dict of tensors."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from cornernet.checkpoints import checkpoint, load
from cornernet.data import COCO_CLASSES
from cornernet.detectors.corner import published, recognise

INSIDE = ("state_dict", "model")  # under which files of others hold their weights beside other things
DEPTH = 64  # of the words in a name


class Weights(NamedTuple):
    """What a file holds."""

    tensors: dict[str, Tensor]
    class_names: list[str] | None  # None where the file does not say
    held: dict[str, Any] | None  # all of it, where it is a checkpoint of this toolkit


def read(path: str | Path) -> Weights:
    """Read weights, averaged ones where there are; errors as in `checkpoint.load`, and nothing in the file is run.

    Raises ValueError for a file that holds no weights as well.
    """
    held = checkpoint.read_tensors(path)
    if ours(held):
        held = checkpoint.checked(held, path)
        return Weights(load.weights(held), held["class_names"], held)
    found = weights_in(held)
    tensors = {key: x for key, x in found.items() if isinstance(x, Tensor)} if isinstance(found, dict) else {}
    if not tensors or not all(isinstance(key, str) and checkpoint.ordinary(x) for key, x in tensors.items()):
        raise ValueError(f"{path} is no checkpoint of this toolkit and holds no dict of ordinary tensors by name")
    return _published(tensors) if published(tensors) else Weights(tensors, None, None)


def ours(held: Any) -> bool:
    """Whether what a file holds is a checkpoint of this toolkit."""
    return isinstance(held, dict) and {"model", "config", "class_names"} <= held.keys()


def weights_in(held: Any) -> Any:
    """What a file of others holds -> what of it should be its weights: the tensors in one of INSIDE, or all of it."""
    inner = [held[key] for key in INSIDE if isinstance(held.get(key), dict)] if isinstance(held, dict) else []
    return next((x for x in inner if any(isinstance(value, Tensor) for value in x.values())), held)


def _published(tensors: dict[str, Tensor]) -> Weights:
    """The same of published code, whose classes are those of COCO where there are as many."""
    found = recognise(tensors)
    return Weights(found.tensors, list(COCO_CLASSES.values()) if found.classes == len(COCO_CLASSES) else None, None)


def start(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What stands before the names of a file: the start behind which most of the wanted ones lie, of their shape.

    Such as `network.` or `module.backbone.body.`; an empty text where they stand alone, or nowhere.
    """
    found: Counter[str] = Counter()
    for key, value in tensors.items():
        words = key.split(".") if key.count(".") < DEPTH else []
        for cut in range(len(words)):
            name = ".".join(words[cut:])
            if name in wanted and wanted[name].shape == value.shape:
                found[key.removesuffix(name)] += 1
    return max(found, key=lambda text: found[text], default="")


def below(tensors: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    """Those tensors that lie below a place, a dotted name with its last dot, by the rest of their names."""
    return {key.removeprefix(place): value for key, value in tensors.items() if key.startswith(place)}
