"""COCO: a JSON file a split with the lists images, annotations and categories, in annotations/, images in images/."""

import json
from collections.abc import Iterator, Mapping, Sequence

from cornernet.data.annotations.ground_truth import annotation, ground_truth
from cornernet.data.labelled import Labelled

IMAGES, ONE_FOLDER = "images/{split}", False
KEEPS = frozenset({"crowds", "classes", "ids", "areas"})
ROUNDED = 6  # digits of a pixel; what corners and sizes make of each other has sixteen


def files(
    parts: Mapping[str, Sequence[Labelled]], class_names: Sequence[str], category_ids: Sequence[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Images by split, names and ids of their labels -> annotations/<split>.json and its text."""
    for split, images in parts.items():
        text = json.dumps(dataset(images, class_names, category_ids), ensure_ascii=False)
        yield f"annotations/{split}.json", text


def dataset(images: Sequence[Labelled], class_names: Sequence[str], category_ids: Sequence[int] | None = None) -> dict:
    """Images and names of their labels -> the dict of a COCO file, complete; ids of the classes from 1 unless given."""
    ids = list(category_ids) if category_ids is not None else list(range(1, len(class_names) + 1))
    entries = [entry for image in images for entry in _entries(image, ids)]
    return ground_truth([image.record for image in images], entries, ids, list(class_names))


def _entries(image: Labelled, ids: list[int]) -> Iterator[dict]:
    for row, (x1, y1, x2, y2), label, crowd, score in image.objects():
        bbox = [round(v, ROUNDED) for v in (x1, y1, x2 - x1, y2 - y1)]
        area = (x2 - x1) * (y2 - y1) if image.areas is None else float(image.areas[row])
        entry = annotation(
            image.record.image_id, ids[label], bbox, round(area, ROUNDED), int(crowd), image.masks.get(row)
        )
        yield entry if score is None else {**entry, "score": score}
