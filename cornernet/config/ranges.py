"""What settings may be: the range of every number, and whether a loss from elsewhere can be called in its place."""

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

from cornernet.config import Config, transforms
from cornernet.config.messages import flat
from cornernet.system.wording import typed


class Interval(NamedTuple):
    """Allowed numbers; round brackets leave their end out, so that the default demands a finite number."""

    low: float
    high: float = math.inf
    ends: str = "[)"
    null: bool = False  # null is allowed too
    empty: bool = False  # of a list: it may hold none

    def holds(self, value: Any) -> bool:
        """Whether this is a number that is allowed; NaN never is."""
        if value is None:
            return self.null
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        above = value >= self.low if self.ends[0] == "[" else value > self.low
        return above and (value <= self.high if self.ends[1] == "]" else value < self.high)

    def __str__(self) -> str:
        """The words for it."""
        low, high = (str(end).removesuffix(".0") for end in self[:2])
        words = f"{'at least' if self.ends[0] == '[' else 'above'} {low}"
        if self.high < math.inf:
            words += f" and {'at most' if self.ends[1] == ']' else 'below'} {high}"
        elif self.ends[1] == ")" and isinstance(self.low, float):  # no whole number is infinite
            words += " and finite"
        return f"{words} or null" if self.null else words


COUNT, WHOLE = Interval(1, 10**12, "[]"), Interval(0, 10**12, "[]")  # of whole numbers
POSITIVE, NOT_NEGATIVE, SHARE = Interval(0.0, 1e6, "(]"), Interval(0.0, 1e6, "[]"), Interval(0, 1, "[]")
SEED, SIDE, WIDTH = Interval(0, 2**63 - 1, "[]"), Interval(1, 2**14, "[]"), Interval(1, 2**16, "[]")
FEW, IMAGES, ROWS = Interval(1, 10**4, "[]"), Interval(1, 10**6, "[]"), Interval(1, 10**6, "[]")
RANGES = {
    "seed": SEED,
    **dict.fromkeys(("model.backbone.stacks", "model.backbone.blocks"), Interval(1, 1000, "[]")),
    **dict.fromkeys(("model.backbone.channels", "model.backbone.stem_channels"), WIDTH),
    "model.backbone.stride": Interval(1, 1024, "[]"),
    "train.steps": WHOLE,
    "train.batch_size": IMAGES,
    "train.accumulate": IMAGES,
    "train.lr": Interval(0.0, 1000, "(]"),
    "train.weight_decay": Interval(0.0, 1000, "[]"),
    "train.gamma": Interval(0.0, 1000, "(]"),
    "train.milestones": WHOLE._replace(empty=True),
    "train.warmup_steps": WHOLE,
    "train.max_nonfinite_steps": COUNT,
    "train.clip_norm": Interval(0, math.inf, "(]", null=True),
    "train.ema": Interval(0, 1, "()", null=True),
    "train.log_every": WHOLE,
    "train.eval_every": WHOLE,
    "train.save_every": WHOLE,
    "train.gradients_every": WHOLE,
    "train.patience": COUNT._replace(null=True),
    "train.val_loss_images": WHOLE,
    "test.report_images": WHOLE,
}
TEST_RANGES = {  # what a finished detector's config is held to as well
    "data.voc_offset": Interval(-1, 1, "[]"),
    **dict.fromkeys(("data.train.limit", "data.val.limit"), COUNT._replace(null=True)),
    "data.val.split": Interval(0, 1),
    "data.val.search": Interval(0, 1, "()", null=True),
    "data.shapes.size": Interval(32, 4096, "[]"),
    **dict.fromkeys((f"data.{x}.{y}_images" for x in ("shapes", "cards") for y in ("train", "val")), IMAGES),
    "data.shapes.max_objects": FEW,
    **dict.fromkeys(("data.shapes.seed", "data.cards.seed"), SEED),
    "data.input_size": SIDE,
    "data.longest_side": SIDE._replace(null=True),
    "data.max_objects": FEW,
    "data.mean": SHARE._replace(null=True),
    "data.std": Interval(0, 1, "(]", null=True),
    "data.workers": Interval(0, 1000, "[]"),
    "data.timeout": Interval(0, 10**9, "[]"),
    "test.batch_size": FEW,
    "test.scales": Interval(0.0, 10, "(]"),
    "test.slices.size": Interval(16, 2**14, "[]", null=True),
    "test.slices.overlap": Interval(0, 1),
    "test.saccade.sides": SIDE._replace(empty=True),
    "test.saccade.crops": FEW,
    **dict.fromkeys((f"test.saccade.{x}" for x in ("attention", "box", "keep")), SHARE),
    "test.saccade.zooms": Interval(1.0, 100, "[]"),
    "test.saccade.targets": Interval(1.0, 2**14, "[]"),
    "test.saccade.most": Interval(0.0, 100, "(]"),
    "test.top_k": FEW,
    "test.kernel": Interval(1, 1001, "[]"),
    "test.ae_threshold": Interval(0, math.inf, "[]"),
    "test.num_dets": ROWS,
    **dict.fromkeys((f"test.weights.{x}" for x in ("corner", "pair", "region", "distance")), NOT_NEGATIVE),
    **dict.fromkeys(("test.centre.small", "test.centre.large"), Interval(1.0, 1e6, "[]")),
    "test.centre.area": Interval(0.0, 1e12, "[]"),
    "test.nms.iou": SHARE,
    "test.nms.sigma": POSITIVE,
    "test.nms.min_score": SHARE,
    "test.nms.weight_exp": Interval(0.0, 100, "[]"),
    "test.max_per_image": ROWS,
    "test.draw_score": SHARE._replace(null=True),
    "test.draw_line": Interval(1, 100, "[]", null=True),
}


MOST = {  # what a config that comes inside a file may ask for; what the user types may be more
    **dict.fromkeys(("data.input_size", "data.longest_side", "test.slices.size", "test.saccade.sides"), 8192),
    **dict.fromkeys((f"test.saccade.{x}" for x in ("crops", "zooms", "targets")), 10_000),
    "model.attention.sizes": 10_000,
    **dict.fromkeys(("data.max_objects", "data.shapes.max_objects", "train.batch_size", "test.batch_size"), 10_000),
    "data.shapes.size": 4096,
    **dict.fromkeys(("data.shapes.train_images", "data.shapes.val_images"), 10**6),
    **dict.fromkeys(("data.cards.train_images", "data.cards.val_images"), 10**6),
    **dict.fromkeys(("model.backbone.stacks", "model.backbone.blocks"), 1000),
    **dict.fromkeys(("model.backbone.stem_channels", "model.backbone.channels", "model.head.channels"), 2**16),
    **dict.fromkeys(("model.head.pool_channels", "model.head.tag_dim", "model.anchor.channels"), 2**16),
    "model.anchor.verify_channels": 2**16,
    "model.anchor.reg_max": 1000,
    **dict.fromkeys(("model.anchor.depth", "data.workers", "train.accumulate"), 1000),
    **dict.fromkeys(("model.anchor.scales", "model.anchor.ratios"), 1000),
    **dict.fromkeys(("test.top_k", "model.region.top_k", "model.anchor.candidates"), 10_000),
    **dict.fromkeys(("test.num_dets", "test.max_per_image", "model.region.proposals"), 10**6),
    "test.scales": 10,
    "test.kernel": 1001,
    "seed": 2**63 - 1,
}  # fmt: skip
MOST_NUMBERS = 64  # in a list; transforms, too
MOST_OF_TRANSFORMS = 1000  # of every number that is an argument of one


def most(settings: Config) -> None:
    """Raise ValueError for a config that came inside a file and asks for more than any should, before it is obeyed."""
    asked = [(key, reduce(getattr, key.split("."), settings), limit) for key, limit in MOST.items()]
    for key, value, limit in [*asked, *_of_transforms(settings.data.transforms)]:
        numbers = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        if len(numbers) > MOST_NUMBERS or not all(abs(x) <= limit for x in numbers):
            raise ValueError(
                f"the saved config has {key}={str(value)[:80]}, at most {limit} is allowed"
                + (f", and {MOST_NUMBERS} numbers" if len(numbers) > 1 else "")
            )


def _of_transforms(given: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Every number and list of numbers in data.transforms with its limit, and how many transforms there are."""
    yield "the number of data.transforms", len(given), MOST_NUMBERS
    for key, value in flat(given, "data.transforms."):
        single = isinstance(value, (int, float))
        yield key, value if single else list(_numbers(value)), MOST_OF_TRANSFORMS


def _numbers(value: Any) -> Iterator[float]:
    """Every number in lists and dicts inside each other."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    yield from (number for x in inner for number in ([x] if isinstance(x, (int, float)) else _numbers(x)))


def ranges(settings: Config, table: dict[str, Interval]) -> None:
    """Raise ValueError for the first key of the table whose number, or one of whose numbers, is not allowed."""
    for key, allowed in table.items():
        allow(key, reduce(getattr, key.split("."), settings), allowed)


def allow(key: str, value: Any, allowed: Interval) -> None:
    """Raise ValueError for a number, or for a list of which one, that is not allowed."""
    if isinstance(value, (list, tuple)):
        if not (value or allowed.empty) or not all(map(allowed._replace(null=False).holds, value)):
            numbers = "numbers" if allowed.empty or isinstance(value, tuple) else "one number or more"
            raise ValueError(f"{key} must hold {numbers}, each {allowed}, got {typed(value)}")
    elif not allowed.holds(value):
        raise ValueError(f"{key} must be {allowed}, got {typed(value)}")


def weights(settings: Config) -> None:
    """Raise ValueError for the weight of a loss that is negative or not finite."""
    allowed = NOT_NEGATIVE._replace(null=True)
    held = vars(settings.loss) | {f"features.{at}": loss for at, loss in enumerate(settings.loss.features)}
    for role, loss in ((role, loss) for role, loss in held.items() if role != "features"):
        if not allowed.holds(loss.weight):
            raise ValueError(f"loss.{role}.weight must be {allowed}, got {typed(loss.weight)}")


def compiling(settings: Config) -> None:
    """Raise ValueError where a compiled network is to compute its features twice: a compiler decides that itself."""
    if settings.train.compile and settings.train.gradient_checkpointing:
        raise ValueError("train.compile=true and train.gradient_checkpointing=true do not go together; choose one")


def patience(settings: Config) -> None:
    """Raise ValueError where train.patience counts evaluations that there are not."""
    if settings.train.patience is not None and settings.train.eval_every == 0:
        raise ValueError(
            f"train.patience={settings.train.patience} counts evaluations, and train.eval_every=0 has none on the way; "
            "give train.eval_every in steps"
        )


def whole_images(settings: Config) -> None:
    """Raise ValueError where training fits whole images into another size than that in which they are tested."""
    data = settings.data
    tested = data.shapes.size if data.longest_side is None and data.name == "shapes" else data.longest_side
    if transforms.whole_images(data.transforms) and tested != max(data.input_size):
        raise ValueError(
            f"data.transforms.fit resizes whole images to data.input_size {list(data.input_size)} in training "
            f"alone; for the same size in the test data.longest_side must be {max(data.input_size)}, "
            f"got {'null' if data.longest_side is None else data.longest_side}"
        )


def searching(settings: Config) -> None:
    """Raise ValueError where test.saccade does not go with the other settings, or repeats itself."""
    saccade, sizes, test = settings.test.saccade, settings.model.attention.sizes, settings.test
    for key, given in (("model.attention.sizes", sizes), ("test.saccade.sides", saccade.sides)):
        if len(set(given)) < len(given):
            raise ValueError(f"{key} must hold numbers that differ, got {given}")
    if not saccade.sides:
        return
    if not sizes:
        raise ValueError("test.saccade.sides needs attention maps, such as model.attention.sizes=[32,96]")
    for key, given in (("zooms", saccade.zooms), ("targets", saccade.targets)):
        if len(given) != len(sizes) + 1:
            raise ValueError(
                f"test.saccade.{key} needs one number for each of the {len(sizes) + 1} attention maps of "
                f"model.attention.sizes={sizes}, got {len(given)}"
            )
    for key, longest in (("sides", saccade.sides), ("targets", saccade.targets)):
        if max(longest) > min(settings.data.input_size):
            raise ValueError(
                f"test.saccade.{key}={longest} must fit into data.input_size={list(settings.data.input_size)}, that "
                "of every glance and look"
            )
    if test.slices.size or list(test.scales) != [1.0] or settings.data.longest_side is not None:
        raise ValueError(
            "test.saccade.sides chooses sizes and places itself: it needs test.slices.size=null, test.scales=[1.0] and "
            "data.longest_side=null"
        )
