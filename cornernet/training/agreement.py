"""Whether the processes of a training are about to do the same: same settings, same data, same programs."""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from cornernet import config
from cornernet.config import Config
from cornernet.config.differences import flat
from cornernet.data import Source
from cornernet.version import __version__

OWN = (  # keys that may be another on each machine: what they lead to is compared instead, or is decided by rank 0
    "work_dir", "train.resume", "data.root", "data.train.images", "data.train.annotations", "data.val.images",
    "data.val.annotations", "data.workers", "data.timeout", "data.cache",
)  # fmt: skip
LONG = 80  # characters, from which on a digest says it


def agree(settings: Config, train: Source, val: Source, accelerator: Accelerator) -> None:
    """Raise ValueError in all processes, naming ranks and what differs, where they are not about to do the same."""
    if accelerator.num_processes == 1:
        return
    told = gather_object([facts(settings, train, val)])
    if differing := differences(told):
        raise ValueError(f"the processes are not about to do the same: {'; '.join(differing)}")


def facts(settings: Config, train: Source, val: Source) -> dict[str, str]:
    """What must be the same everywhere, by the name that people know it under."""
    versions = {"the version of cornernet": __version__, "the version of torch": str(torch.__version__)}
    data = {
        "the class names": ", ".join(train.class_names),
        "the category ids": str(train.category_ids),
        **_contents("training", train),
        **_contents("validation", val),
    }
    own = {key: str(value) for key, value in flat(config.to_dict(settings)).items() if key not in OWN}
    return {name: _short(text) for name, text in {**versions, **own, **data}.items()}


def _contents(what: str, source: Source) -> dict[str, str]:
    """Number of images and, where they were read and not drawn by the settings, digests of the list and of boxes."""
    found = {f"the number of {what} images": str(len(source))}
    if source.objects is not None:
        records = (json.dumps(source.record(i)).encode() for i in range(len(source)))
        boxes = (np.ascontiguousarray(x).data.cast("B") for x in source.objects if isinstance(x, np.ndarray) and x.size)
        found[f"the list of {what} images"] = _digest(records)
        found[f"the {what} boxes"] = _digest(boxes)
    return found


def differences(told: list[dict[str, str]]) -> list[str]:
    """What each rank told -> `rank 1 has train.lr 0.1 where rank 0 has 0.2`, one text for each that differs."""
    texts = []
    for rank, other in enumerate(told[1:], 1):
        names = [name for name in {**told[0], **other} if told[0].get(name) != other.get(name)]
        if names:
            both = [f"{name} {other.get(name)} where rank 0 has {told[0].get(name)}" for name in names]
            texts.append(f"rank {rank} has {', '.join(both)}")
    return texts


def _short(text: str) -> str:
    return text if len(text) <= LONG else _digest([text.encode()])


def _digest(content: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in content:
        digest.update(part)
    return digest.hexdigest()[:12]
