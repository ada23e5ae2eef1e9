"""Files of the published CornerNet code -> checkpoints of this toolkit."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.config import Config
from cornernet.data import COCO_CLASSES
from cornernet.detectors.corner import check, convert

RECIPE = (
    "data.root=data/coco",
    "data.val.images=images/val2017",
    "data.val.annotations=annotations/instances_val2017.json",
)


def convert_file(published: str | Path, out: str | Path, overrides: Sequence[str] = ()) -> int:
    """Published checkpoint file -> checkpoint of this toolkit for the defaults of the schema -> tensors converted.

    overrides change the network for other widths and depths. Raises FileNotFoundError, or ValueError for a file that
    does not hold such weights or does not fit, and where `out` exists.
    """
    if Path(out).exists():
        raise ValueError(f"{out} exists already; give another name")
    settings = config.override(Config(), [*RECIPE, *overrides])
    held = checkpoint.read_tensors(published)
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not all(isinstance(value, Tensor) for value in held.values()):
        raise ValueError(f"{published} does not hold a dict of tensors, as the published checkpoints do")
    detector = detectors.build(settings, len(COCO_CLASSES))
    weights = convert(held)
    check(weights, detector.network.state_dict())
    detector.network.load_state_dict(weights)
    checkpoint.save(
        {
            "model": detector.state_dict(),
            "averaged": None,
            "config": config.to_dict(settings),
            "class_names": list(COCO_CLASSES.values()),
            "category_ids": list(COCO_CLASSES),
            "step": 0,
        },
        out,
    )
    return len(weights)
