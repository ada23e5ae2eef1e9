"""What of a set its figures cannot show, known before a detection is made: no objects at all, or more than are kept."""

import numpy as np

from cornernet.config import Config
from cornernet.data import Contents, Finding, Source
from cornernet.data.contents import contents
from cornernet.system.printing import printable
from cornernet.system.wording import counted


def beyond_reach(source: Source, settings: Config, held: Contents | None = None) -> list[Finding]:
    """A set that is scored, the settings of the run, and what it holds -> what its figures cannot show."""
    held = contents(source) if held is None else held
    if not len(held.boxes):
        what = f"{source.origin} holds no objects" + (f", only {counted(held.crowds, 'crowd')}" if held.crowds else "")
        what += f"; left out: {reasons}" if (reasons := source.problems.reasons()) else ""
        done = "every figure is -1, nothing tells which weights are best, so that best.pt is the latest"
        return [Finding("set without objects", 1, what, done)]
    return _crowded(source, held.per_image(), kept(settings))


def _crowded(source: Source, counts: np.ndarray, limits: dict[str, int]) -> list[Finding]:
    full, most = np.flatnonzero(counts > min(limits.values())), int(counts.argmax())
    if not len(full):
        return []
    low = [f"{key}={limit}" for key, limit in limits.items() if limit < counts[most]]
    example = f"{printable(source.record(most).file_name)} has {counts[most]} objects, more than {' and '.join(low)}"
    return [Finding("image with more objects than detections", len(full), example, "raise it, or the rest is missed")]


def kept(settings: Config) -> dict[str, int]:
    """Keys that say how many detections of an image are kept, and how many; the figures look at as many."""
    test, region = settings.test, settings.model.region
    staged = settings.model.detector == "corner" and region.name != "none"
    limits = {"test.max_per_image": test.max_per_image}
    if settings.model.detector == "points":
        limits |= {"test.top_k": test.top_k}
    elif settings.model.detector in ("corner", "anchor"):  # one from elsewhere need not know these
        pairs = {"model.region.proposals": region.proposals} if staged else {"test.num_dets": test.num_dets}
        limits |= {"test.top_k": test.top_k} | pairs
    return limits


def sentence(found: Finding) -> str:
    """A finding of a set that is scored, as a warning."""
    number = f" ({found.count} such images)" if found.count > 1 else ""
    return f"{found.example}: {found.outcome}{number}"
