"""Annotations of any format: what a format is asked and what it gives back, and the checks that hold for all of them.

A file of `cornernet.data.sources` turns what is on disk into a `Content`, in COCO's terms; `checked` looks at every
record of it and makes the set that training, evaluation and checks see. Formats import from here.
"""

from cornernet.data.annotations.annotated import AnnotatedSet, checked, chosen, first, with_classes
from cornernet.data.annotations.classes import COCO_CLASSES
from cornernet.data.annotations.content import Asked, Content
from cornernet.data.annotations.text import read_text, require

__all__ = [
    "COCO_CLASSES",
    "AnnotatedSet",
    "Asked",
    "Content",
    "checked",
    "chosen",
    "first",
    "read_text",
    "require",
    "with_classes",
]
