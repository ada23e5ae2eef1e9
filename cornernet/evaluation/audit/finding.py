"""What an audit finds: its kinds, and what is known of each finding."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

KINDS = {  # in the order of the page
    "missing": "an object without a label",
    "box": "a label whose box is off",
    "class": "a label under another class",
    "doubled": "a second label of one object",
    "spurious": "a label of nothing",
    "alike": "an image that is nearly another one",
}


class Finding(NamedTuple):
    """One doubt about the labels or the images of a set; boxes are xyxy, in pixels of the image."""

    kind: str  # one of KINDS
    sureness: float  # in [0, 1], see `doubts` and `alike`
    position: int  # of the image in its split
    image_id: Any
    image: str  # file name
    label: int | None = None  # row of the label in the truth; None: of a missing one, and of images
    box: tuple[float, ...] | None = None  # of the label; None likewise
    box_found: tuple[float, ...] | None = None  # of the detection, or of the other label of an object with two
    class_said: str | None = None  # of the label
    class_found: str | None = None  # of the detection, or of the other label
    category_found: Any = None  # its id
    score: float | None = None  # of the detection
    other: tuple[str, int, str] | None = None  # split, position and file name of an image that is alike


@dataclass
class Audit:
    """What was found in a split, the surest first, and what was looked at."""

    split: str
    findings: list[Finding]
    images: int  # that could be read
    labels: int  # in them, crowds not counted
    least: float  # sureness from which on there is a finding
    unreadable: list[str] = field(default_factory=list)  # file names of images that could not be read
    seen: bool = False  # whether the detector may have been trained on these images

    def of(self, kind: str) -> list[Finding]:
        """Return the findings of a kind, the surest first."""
        return [x for x in self.findings if x.kind == kind]
