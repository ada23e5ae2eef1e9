"""A data set in memory with any number of classes and images, and detections that are partly right."""

from types import SimpleNamespace

import numpy as np
import pytest

from cornernet.evaluation import report, scoring
from cornernet.evaluation.truth import from_coco, placed
from cornernet.prediction.found import from_results

NAMES = ["<script>alert(1)</script>", "貓的", "Ωё", "a \"b\" & 'c'", "$x_1$", "_hidden", "قطة", " ", "long " * 20, "ok"]


class Source:
    """Grey images with a bright box for every object; those in `broken` cannot be read."""

    objects = None

    def __init__(self, classes: int, images: int, objects: int, broken: tuple[int, ...] = ()):
        self.class_names = [NAMES[k] if k < len(NAMES) else f"class {k}" for k in range(classes)]
        self.category_ids = [10 * k + 3 for k in range(classes)]
        self.broken, self.reads = broken, []
        rng = np.random.default_rng(317)
        self.annotations = [
            {"image_id": i, "category_id": int(self.category_ids[int(classes * rng.random() ** 2)]), "iscrowd": 0,
             "bbox": [float(v) for v in (*rng.uniform(0, 60, 2), *rng.uniform(8, 60, 2))]}
            for i in range(images) for _ in range(int(rng.integers(0, objects + 1)) if objects else 0)
        ]  # fmt: skip
        self.images = [{"id": i, "file_name": f"<b>{i}.png", "width": 120, "height": 120} for i in range(images)]

    def __len__(self):
        return len(self.images)

    def record(self, i):
        return SimpleNamespace(image_id=self.images[i]["id"])

    def image(self, i):
        self.reads.append(i)
        if i in self.broken:
            raise ValueError(f"<i>{i}.png is cut short")
        image = np.full((120, 120, 3), 90, np.uint8)
        for x in self.annotations:
            if x["image_id"] == i:
                left, top, width, height = map(int, x["bbox"])
                image[top : top + height, left : left + width] = 180
        return image

    def coco(self):
        categories = [{"id": i, "name": n} for i, n in zip(self.category_ids, self.class_names, strict=True)]
        return {"images": self.images, "annotations": self.annotations, "categories": categories}

    def guesses(self, seed: int = 0) -> list[dict]:
        """Some objects found as they are, some under another class or moved, some invented."""
        rng, results = np.random.default_rng(seed), []
        for x in self.annotations:
            category = x["category_id"] if rng.random() < 0.8 else int(rng.choice(self.category_ids))
            box = (np.array(x["bbox"]) * rng.normal(1, 0.1, 4)).tolist()
            score = float(rng.beta(4, 3))
            results.append({"image_id": x["image_id"], "category_id": category, "bbox": box, "score": score})
            if rng.random() < 0.5:
                results.append(results[-1] | {"bbox": [5.0, 5.0, 9.0, 9.0], "score": float(rng.beta(1.5, 6))})
        return results


@pytest.fixture
def source():
    """Function (classes, images, most objects an image, broken=()) -> Source."""
    return Source


@pytest.fixture
def written(tmp_path):
    """Function (source, results=None, pictures={}, options...) -> (folder with a report, Score)."""

    def write(source, results=None, pictures=report.NOTHING, title="a <title>", draw_score=0.3, **options):
        results = source.guesses() if results is None else results
        truth = from_coco(source.coco())
        found = placed(from_results(results), truth)
        score = scoring.score(truth, found)
        options = report.Options(title, draw_score, **options)
        report.write(tmp_path / "report", source, truth, found, score, options, pictures)
        return tmp_path / "report", score

    return write
