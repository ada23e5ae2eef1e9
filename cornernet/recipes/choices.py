"""What the facts of a data set decide: keys of a config with their values and reasons, a pure function."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from cornernet.recipes.facts import Facts
from cornernet.recipes.inputs import Sizes, sizes
from cornernet.recipes.means import PRETRAINED, WEIGHTS, Means
from cornernet.system.wording import counted

COST = 1.5e-6  # seconds a pixel: a step of 8 images of 288x384 takes 1.3 to 1.4 s on custom.yaml
KNOWN_COST = 1.1e-6  # and 0.95 s on pretrained.yaml, which does not learn its first level
CORES = 2  # below which a step was measured to take no longer, and above which it is taken to take less
BATCH, SMALL_BATCH = 8, 4
LARGE = 2**19  # pixels of an input from which a batch is small
SIGHTS, KNOWN_SIGHTS = 60, 28  # times that a training shall see each image, from scratch and from ImageNet's weights
FEWEST, KNOWN_FEWEST, MOST_STEPS = 1000, 500, 6000
FEW = 100  # images below which objects are shown in more sizes
STEADY = 2.0  # spread of sizes in a class below which a camera keeps its distance
NEAR, WIDE = [0.8, 0.9, 1.0, 1.1, 1.2], [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]  # sides of crops
SLOTS, MOST_SLOTS = 32, 2048
KEPT, MOST_KEPT = 100, 1000  # detections of an image
STAGE = "cpn"
SHARE = 0.2  # held out where there is no validation set
OWN = "as you asked"


class Choice(NamedTuple):
    """A key of the config, what it becomes and why."""

    key: str
    value: Any
    why: str


def decide(facts: Facts, means: Means, typed: dict[str, Any] | None = None) -> list[Choice]:
    """Facts of a training set, means and what the user typed, by key -> what a config for it says."""
    typed, seen = typed or {}, sizes(facts, means)
    free = [*_data(facts, means, seen), *_model(facts, means, seen), *_train(facts, means, seen), *_test(facts, means)]
    kept = [each for each in free if not any(each.key.startswith(key + ".") for key in typed)]
    own = [Choice(each.key, typed[each.key], OWN) if each.key in typed else each for each in kept]
    return [*own, *(Choice(key, value, OWN) for key, value in typed.items() if key not in {each.key for each in own})]


def _data(facts: Facts, means: Means, seen: Sizes) -> Iterator[Choice]:
    height, width = seen.input_size
    yield Choice("data.longest_side", seen.longest_side, seen.why)
    share = f"three of four images are at most {facts.height:.2f} high and {facts.width:.2f} wide of their longer side"
    yield Choice("data.input_size", [height, width], f"{share}; multiples of 32")
    most = facts.most * (2 if _mixed(facts, means) else 1)
    slots = min(max(2 * SLOTS, SLOTS * math.ceil(most / SLOTS)), MOST_SLOTS)
    twice = ", mixed ones hold up to about twice as many" if most > facts.most else ""
    fullest = f"the fullest image has {counted(facts.most, 'object')}"
    yield Choice("data.max_objects", slots, f"{fullest}{twice}; more are cut")
    yield from _transforms(facts, means, seen)


def _mixed(facts: Facts, means: Means) -> tuple[str, ...]:
    """The transforms that make more of few images."""
    return means.mixing if facts.images < FEW else ()


def _transforms(facts: Facts, means: Means, seen: Sizes) -> Iterator[Choice]:
    """All of them, so that the file has their order."""
    few = f"{counted(facts.images, 'image')} {'is' if facts.images == 1 else 'are'} few"
    for name in _mixed(facts, means):
        yield Choice(f"data.transforms.{name}.p", 0.5, f"{few}: half of them are shown with parts of others")
    steady = facts.spread < STEADY and facts.images >= FEW
    number = f"and there are {facts.images} images" if facts.images >= FEW else f"and {few}"
    why = f"in a class the 90th percentile of the sides is {facts.spread:.2f} times the 10th, {number}"
    yield Choice("data.transforms.crop.scales", NEAR if steady else WIDE, why)
    border = f"a crop's centre keeps a quarter of the longest side, {seen.longest_side // 4}, from the edges"
    yield Choice("data.transforms.crop.border", seen.longest_side // 4, border)
    yield Choice("data.transforms.flip.p", 0.5, "left-right; 0 where a mirror makes another class: letters, arrows")
    yield Choice("data.transforms.flip.vertical", 0.0, "never assumed; 0.5 where no side is up, as under microscopes")
    yield Choice("data.transforms.colour.strength", 0.4, "the published change; 0 where colours are to be measured")
    yield Choice("data.transforms.lighting.std", 0.1, "the published noise on colours")


def _model(facts: Facts, means: Means, seen: Sizes) -> Iterator[Choice]:
    if means.pretrained:
        why = f"its ImageNet weights are installed ({WEIGHTS}), and {counted(facts.images, 'image')} alone teach less"
        yield Choice("model.backbone.name", PRETRAINED, why)
        yield Choice("model.backbone.weights", "imagenet", "those of the package")
        cells = f"there the 5th percentile of objects spans {facts.small * seen.longest_side / seen.stride:.1f} cells"
        yield Choice("model.backbone.stride", seen.stride, cells)
    if means.corner:
        told = f"{facts.told:.0%} are told by size, chance is {1 / len(facts.seen):.0%}" if facts.seen else ""
        many = f"{len(facts.seen)} classes: it looks into the boxes; {told}"
        why = many if len(facts.seen) > 1 else "it tells the pairs of corners that are an object from the others"
        yield Choice("model.region.name", STAGE, why)
        kept = _kept(facts)
        pairs = f"pairs of corners that it looks at, half as many again as the {kept} detections of an image"
        yield Choice("model.region.proposals", kept * 3 // 2, pairs)


def _train(facts: Facts, means: Means, seen: Sizes) -> Iterator[Choice]:
    usual = SMALL_BATCH if seen.area >= LARGE else BATCH
    batch = min(usual, max(2, facts.images))
    yield Choice("train.batch_size", batch, f"of {counted(facts.images, 'image')} with {seen.area} pixels each")
    count, why = _steps(facts, means, batch, seen.area)
    yield Choice("train.steps", count, why)
    ema = round(1 - 1 / max(2.0, count * 0.13), 4)
    yield Choice("train.ema", ema, f"weights averaged over about an eighth of {count} steps")
    every = max(1, math.ceil(count / 6))
    yield Choice("train.eval_every", every, "six evaluations in all, enough for a curve")


def _steps(facts: Facts, means: Means, batch: int, area: int) -> tuple[int, str]:
    """How many steps, and why: as many as the images ask for, and as the time allows on a CPU."""
    sights, fewest, cost = (KNOWN_SIGHTS, KNOWN_FEWEST, KNOWN_COST) if means.pretrained else (SIGHTS, FEWEST, COST)
    wanted = min(max(math.ceil(sights * facts.images / batch), fewest), MOST_STEPS)
    are = "is" if facts.images == 1 else "are"
    seen = f"{counted(facts.images, 'image')} {are} seen {wanted * batch / facts.images:.3g} times in {wanted} steps"
    if means.gpu:
        return wanted, f"{seen}; the GPU is not counted in minutes"
    step = cost * area * batch / max(1.0, means.cores / CORES)
    allowed = max(1, int(60 * means.minutes / step))
    time = f"a step takes about {step:.2g} s on {means.cores} {'core' if means.cores == 1 else 'cores'}"
    if wanted <= allowed:
        return wanted, f"{seen}; {time}, {math.ceil(wanted * step / 60)} of the {counted(means.minutes, 'minute')}"
    return allowed, f"{seen}, and there is time for {allowed} in {counted(means.minutes, 'minute')}: {time}"


def _kept(facts: Facts) -> int:
    """Detections of an image: half as many again as the fullest one has objects."""
    return min(max(KEPT, 100 * math.ceil(1.5 * facts.most / 100)), MOST_KEPT)


def _test(facts: Facts, means: Means) -> Iterator[Choice]:
    kept = _kept(facts)
    full = f"the fullest image has {counted(facts.most, 'object')}, 95 % of them at most {facts.busy:.3g}"
    yield Choice("test.max_per_image", kept, f"{full}; the figures look at as many, COCO's own at {KEPT}")
    if means.keypoints:
        yield Choice("test.top_k", kept, f"{means.keypoints}, for {kept} detections")
