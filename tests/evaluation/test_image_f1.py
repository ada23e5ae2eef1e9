"""F1 of each image, by hand."""

from cornernet.evaluation.scoring import coco_metrics

BOX, OTHER = [10, 10, 20, 20], [100, 100, 20, 20]


def rows(image, *boxes, score=0.9, category=1):
    return [{"image_id": image, "category_id": category, "bbox": box, "score": score} for box in boxes]


def test_every_image_has_its_own():
    names = ["a", "b", "c", "d", "e"]
    truth = {
        "images": [{"id": name} for name in names],
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
        "annotations": [
            {"id": k, "image_id": image, "category_id": 1, "bbox": box, "area": 400, "iscrowd": crowd}
            for k, (image, box, crowd) in enumerate(
                [("a", BOX, 0), ("b", BOX, 0), ("b", OTHER, 0), ("c", BOX, 0), ("e", OTHER, 1)], 1
            )
        ],
    }
    found = [
        *rows("a", BOX), *rows("a", BOX, category=2),  # right, and again under another class
        *rows("b", BOX), *rows("b", OTHER, score=0.01),  # one right, one too faint to be drawn
        *rows("c", OTHER), *rows("e", OTHER),  # nothing right; in a crowd, which does not count
        *rows("c", *([k, 200, 5, 5] for k in range(0, 60, 10)), score=0.02),  # faint and wrong: best F1 lies above
    ]  # fmt: skip
    expected = {"a": 2 / 3, "b": 2 / 3, "c": 0, "d": 1, "e": 1}
    metrics = coco_metrics(truth, found, "pycocotools")
    assert 0.01 < metrics.per_class[0].best_f1_threshold < 0.9
    assert {k: round(v, 6) for k, v in metrics.image_f1.items()} == {k: round(v, 6) for k, v in expected.items()}
