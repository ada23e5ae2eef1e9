"""A set in memory whose detector is good but not perfect, into which single wrong labels are put by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from cornernet.evaluation.audit import judge
from cornernet.evaluation.truth import from_coco
from cornernet.prediction.found import from_results

SIZE, IMAGES = 200, 30
PLACES = [(10, 10), (80, 10), (140, 20), (20, 100), (100, 110)]  # of objects of 40 x 30 pixels


class Set:
    """Images in memory with five objects each, and detections of them: one a little off, and a faint one of nothing."""

    origin, objects = "memory", None

    def __init__(self, classes=("a", "b", "c")):
        rng = np.random.default_rng(0)
        self.class_names, self.category_ids = list(classes), [10 * k + 5 for k in range(len(classes))]
        self.images = [{"id": i, "file_name": f"{i}.png", "width": SIZE, "height": SIZE} for i in range(IMAGES)]
        self.annotations, self.results = [], []
        for i in range(IMAGES):
            for place in PLACES:
                category = int(rng.choice(self.category_ids))
                self.label(i, [*place, 40, 30], category)
                self.detect(i, (np.array([*place, 40, 30]) + rng.normal(0, 0.7, 4)).tolist(), category, rng.beta(12, 2))
            self.detect(i, [150, 150, 30, 30], 5, rng.beta(1, 12))

    def label(self, image, bbox, category, crowd=0):
        entry = {"image_id": image, "bbox": bbox, "category_id": category, "iscrowd": crowd, "area": bbox[2] * bbox[3]}
        self.annotations.append(entry)
        return entry

    def detect(self, image, bbox, category, score):
        self.results.append({"image_id": image, "bbox": bbox, "category_id": category, "score": float(score)})

    def of(self, image):
        """Labels of an image."""
        return [x for x in self.annotations if x["image_id"] == image]

    def coco(self):
        categories = [{"id": i, "name": n} for i, n in zip(self.category_ids, self.class_names, strict=True)]
        numbered = [{"id": i, **x} for i, x in enumerate(self.annotations, 1)]
        return {"images": self.images, "annotations": numbered, "categories": categories}

    def found(self):
        """Detections of all images, also of those without any."""
        found = from_results(self.results)
        return found._replace(image_ids=list(dict.fromkeys([*found.image_ids, *range(len(self.images))])))

    def audit(self, least=0.5):
        return judge(from_coco(self.coco()), self.found(), "val", least)

    # -- as a Source, for pictures --

    def __len__(self):
        return len(self.images)

    def record(self, i):
        x = self.images[i]
        return SimpleNamespace(image_id=x["id"], file_name=x["file_name"], width=x["width"], height=x["height"])

    def image(self, i):
        return np.full((SIZE, SIZE, 3), 90, np.uint8)

    def boxes(self, i):
        boxes = np.array([x["bbox"] for x in self.of(i) if not x["iscrowd"]], np.float32).reshape(-1, 4)
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)

    def labels(self, i):
        return np.array([self.category_ids.index(x["category_id"]) for x in self.of(i) if not x["iscrowd"]], np.int64)


@pytest.fixture
def labelled():
    return Set()
