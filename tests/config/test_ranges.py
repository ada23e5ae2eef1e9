"""Every number of the schema has a range; each of a table of odd values is meant, or refused in one sentence."""

import math
from typing import get_args, get_origin

import pytest
from omegaconf import OmegaConf

from cornernet import config
from cornernet.config import overrides, ranges
from cornernet.config.messages import FAULTS, keys
from cornernet.detectors import anchor, corner

RANGES = {**ranges.RANGES, **ranges.TEST_RANGES, **anchor.building.RANGES, **corner.building.RANGES}
ODD = ("nan", "inf", "-inf", "0", "-1", "1000000000", "1e9", "1e30", "true", "x", "null")
MEANT = {  # what may be one of these, and is: key -> values
    "train.clip_norm": "inf null 1e9 1000000000 1e30", "test.ae_threshold": "inf 0 1e9 1000000000 1e30",
    "test.centre.area": "0 1e9 1000000000",
    "data.voc_offset": "-1 0", "data.timeout": "0 1000000000",
    **dict.fromkeys(("seed", "data.shapes.seed", "data.cards.seed"), "0 1000000000"),
    **dict.fromkeys(("data.train.limit", "data.val.limit", "train.patience"), "null 1000000000"),
    **dict.fromkeys(("data.mean", "test.draw_score"), "0 null"),
    **dict.fromkeys(("data.std", "data.longest_side", "data.val.search", "train.ema", "test.slices.size"), "null"),
    **dict.fromkeys(("model.anchor.candidates", "test.draw_line"), "null"),
    **dict.fromkeys((f"model.anchor.{x}" for x in ("alpha", "beta", "iou_weight")), "0"),
    **dict.fromkeys(("data.val.split", "data.workers", "model.anchor.depth", "model.anchor.positive_iou"), "0"),
    "test.slices.overlap": "0",
    **dict.fromkeys(("model.anchor.negative_iou", "model.region.min_pair", "test.nms.iou", "test.nms.min_score"), "0"),
    **dict.fromkeys(("test.nms.weight_exp", "train.weight_decay"), "0"),
    **dict.fromkeys((f"test.weights.{x}" for x in ("corner", "pair", "region", "distance")), "0"),
    **dict.fromkeys((f"train.{x}" for x in ("steps", "warmup_steps", "milestones", "val_loss_images")), "0 1000000000"),
    **dict.fromkeys((f"train.{x}_every" for x in ("log", "eval", "save", "gradients")), "0 1000000000"),
    **dict.fromkeys(("model.attention.least", *(f"test.saccade.{x}" for x in ("attention", "box", "keep"))), "0"),
    "train.max_nonfinite_steps": "1000000000", "test.report_images": "0 1000000000",
}  # fmt: skip


def numbers(kind):
    """How many numbers a type takes as one types them: 0 for none, 1, of a list or tuple its length."""
    if get_origin(kind) in (list, tuple):
        return len(get_args(kind)) * bool(numbers(get_args(kind)[0]))
    return int(kind in (int, float) or any(numbers(x) for x in get_args(kind) if x is not type(None)))


def length(kind):
    kinds = [kind, *get_args(kind)]
    return next((len(get_args(x)) for x in kinds if get_origin(x) in (list, tuple)), 0)


NUMBERS = {
    name: item.type
    for name, _, item in keys(config.Config)
    if numbers(item.type) and not name.startswith(("loss.", "train.lr_f"))
}
HELD = OmegaConf.structured(config.Config)


def test_every_number_of_the_schema_has_a_range_and_defaults_lie_in_theirs():
    assert NUMBERS.keys() == RANGES.keys()
    ranges.ranges(config.Config(), RANGES)


@pytest.mark.parametrize("key", NUMBERS)
def test_an_odd_value_is_refused_or_meant(key):
    accepted, before = [], OmegaConf.select(HELD, key)
    for value in ODD:
        many = length(NUMBERS[key])
        typed = f"[{','.join([value] * many)}]" if many and value != "null" else value
        try:
            OmegaConf.update(HELD, *overrides.read(f"{key}={typed}"))
            found = OmegaConf.select(HELD, key)
            ranges.allow(key, list(found) if many and found is not None else found, RANGES[key])
            accepted.append(value)
        except FAULTS:  # another type than the schema's, whose sentences test_config.py holds
            continue
        except ValueError as error:
            assert "\n" not in str(error) and str(error).startswith(f"{key} must ") and "None" not in str(error)
    OmegaConf.update(HELD, key, before)
    assert sorted(accepted) == sorted(MEANT.get(key, "").split())


def test_weights_of_losses_have_a_range():
    settings = config.Config()
    for value in (math.nan, -1.0, math.inf, 1e30):
        settings.loss.heatmap.weight = value
        with pytest.raises(ValueError, match=r"loss\.heatmap\.weight must be at least 0 and at most 1000000 or null"):
            ranges.weights(settings)
