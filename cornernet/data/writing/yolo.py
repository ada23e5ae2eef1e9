"""YOLO: data.yaml, images in images/<split>, and in labels/<split> a text an image, a line an object.

A line is `class x y w h`, the number of the class, the centre and the size as shares of the image, and where it was
found its score.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import yaml

from cornernet.data.labelled import Labelled

IMAGES, ONE_FOLDER = "images/{split}", False
KEEPS = frozenset({"classes"})
DIGITS = 9  # of a share: a millionth of a pixel in an image of a thousand


def files(
    parts: Mapping[str, Sequence[Labelled]], class_names: Sequence[str], category_ids: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Images by split and names of their labels -> each label file and data.yaml; classes are numbered from 0."""
    for split, images in parts.items():
        for image in images:
            name = PurePosixPath(image.record.file_name).with_suffix(".txt")
            yield f"labels/{split}/{name}", text(image, class_names)
    held = {split: f"images/{split}" for split in parts} | {"names": dict(enumerate(class_names))}
    yield "data.yaml", yaml.safe_dump(held, allow_unicode=True, sort_keys=False, width=1000)


def text(image: Labelled, class_names: Sequence[str] = ()) -> str:
    """One image -> its label file; empty where it has no object. Crowds are left out: no line can say what they are."""
    width, height = image.record.width, image.record.height
    lines = []
    for _, (x1, y1, x2, y2), label, crowd, score in image.objects():
        shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        numbers = [*shares] if score is None else [*shares, score]
        if not crowd:
            lines.append(" ".join([str(label), *(f"{number:.{DIGITS}f}" for number in numbers)]))
    return "".join(f"{line}\n" for line in lines)
