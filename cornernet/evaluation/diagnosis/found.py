"""What a diagnosis finds: of a set, of an object, of an image that is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch import Tensor

from cornernet.config import Nms, Precision
from cornernet.drawing import Labels
from cornernet.evaluation.backends import Backend
from cornernet.evaluation.metrics import Metrics
from cornernet.structures import ImageDetections

Parts = tuple[str, ...]
SIZES = {"small": 32**2, "medium": 96**2, "large": float("inf")}  # up to which area, in original pixels


class Setting(NamedTuple):
    """How images are seen and detections made."""

    scale: float
    longest_side: int | None
    nms: Nms
    max_per_image: int
    min_score: float  # of what is shown
    backend: Backend
    skip: bool  # images that cannot be read, instead of stopping
    labels: Labels = "auto"  # of the boxes in the images
    precision: Precision = "fp32"  # of the network


class Outcome(NamedTuple):
    """An annotated object and what became of it."""

    image_id: int | str
    file_name: str
    index: int  # type: ignore[assignment]  # among the objects of its image; hides tuple.index
    category_id: int
    name: str  # of the class
    box: list[float]  # xyxy, original pixels
    size: str  # a key of SIZES, by the area of the box
    reason: str  # why it is missed, "" if it is not
    limits: list[str]  # what even the truth cannot show of it
    called: str | None = None  # the class of the best detection on it, at any score; None: there is none


class Seen(NamedTuple):
    """An image with everything that is drawn of it."""

    file_name: str
    image: np.ndarray  # [h, w, 3] uint8 BGR
    boxes: Tensor  # [M, 4], of the objects, original pixels
    reasons: list[str]  # of the objects
    shown: ImageDetections
    objects: Tensor  # [n] int64, the object of each detection shown, -1 for none
    heat: dict[str, np.ndarray]  # title -> [h, w] float16 over the canvas
    extent: tuple[float, float, float, float]  # x1, x2, y2, y1 of the canvas in original pixels
    links: np.ndarray  # [k, 2, 2] (x, y), original pixels, of the detections shown
    names: Sequence[str] = ()  # classes of the objects
    found_as: Sequence[str] = ()  # classes and scores of the detections shown


@dataclass
class Diagnosis:
    """What was found."""

    setting: Setting
    parts: Parts
    vocabulary: dict[str, str]  # reason -> one line
    scores: dict[Parts, Metrics]  # by the parts that were replaced
    outcomes: list[Outcome]
    shown: int = 0  # detections
    stray: int = 0  # of these, matched to no object
    worst: list[Seen] = field(default_factory=list)  # most objects missed first
