"""Wrong labels of known kinds, planted into the annotations of a set."""

from typing import Any, NamedTuple

import numpy as np

SHARES = {"missing": 0.05, "box": 0.03, "class": 0.03, "doubled": 0.01, "spurious": 0.01}  # of the objects
SHIFT = (0.2, 0.4)  # of a shifted box, in parts of its sides
JITTER = 0.05  # of a box that is given twice, likewise
TRIES = 100  # places tried for a box of nothing


class Defect(NamedTuple):
    """One label that was made wrong."""

    kind: str
    image_id: Any
    bbox: list[float]  # x y width height: of a dropped object its own, else as the label has it now
    true_bbox: list[float]  # as it was
    true_category_id: int


def plant(content: dict[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], list[Defect]]:
    """COCO dict -> the same with wrong labels, annotations numbered anew, and what they are; no object has two."""
    sizes = {x["id"]: (x["width"], x["height"]) for x in content["images"]}
    ids = [x["id"] for x in content["categories"]]
    objects = [x for x in content["annotations"] if not x["iscrowd"]]
    order, defects, at = [objects[i] for i in rng.permutation(len(objects))], [], 0
    changed: dict[int, dict[str, Any] | None] = {}
    added: list[dict[str, Any]] = []
    for kind, share in SHARES.items():
        for one in order[at : (at := at + round(share * len(objects)))]:
            new = _changed(kind, one, sizes[one["image_id"]], ids, objects, rng)
            if kind in ("doubled", "spurious"):
                added += [new]
            else:
                changed[one["id"]] = None if kind == "missing" else new
            defects.append(Defect(kind, one["image_id"], new["bbox"], one["bbox"], one["category_id"]))
    kept = [changed.get(x["id"], x) for x in content["annotations"]]
    entries = [x for x in [*kept, *added] if x is not None]
    return {**content, "annotations": [{**x, "id": i} for i, x in enumerate(entries, 1)]}, defects


def _changed(
    kind: str, one: dict[str, Any], size: tuple[int, int], ids: list[int], objects: list[dict[str, Any]],
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    if kind == "class":
        return {**one, "category_id": int(rng.choice([i for i in ids if i != one["category_id"]]))}
    if kind == "missing":
        return one
    others = np.array([x["bbox"] for x in objects if x["image_id"] == one["image_id"]])
    make = {"box": _shifted, "doubled": _jittered, "spurious": _elsewhere}[kind]
    box = make(np.array(one["bbox"]), np.array(size, float), others, rng)
    return {**one, "bbox": box.tolist(), "area": float(box[2] * box[3])}


def _shifted(box: np.ndarray, size: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Box moved in any direction that leaves it in the image, if there is one."""
    for _ in range(TRIES):
        angle = rng.uniform(0, 2 * np.pi)
        start = box[:2] + rng.uniform(*SHIFT) * box[2:] * (np.cos(angle), np.sin(angle))
        if (start >= 0).all() and (start + box[2:] <= size).all():
            break
    first, last = np.clip(start, 0, size - 1), np.clip(start + box[2:], 1, size)
    return np.concatenate([first, last - first])


def _jittered(box: np.ndarray, size: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    edges = np.concatenate([box[:2], box[:2] + box[2:]]) + rng.uniform(-JITTER, JITTER, 4) * np.tile(box[2:], 2)
    edges = np.clip(edges, 0, np.tile(size, 2))
    return np.concatenate([edges[:2], edges[2:] - edges[:2]])


def _elsewhere(box: np.ndarray, size: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Box of the same size where it covers as little as can be of any object."""
    starts = rng.uniform(0, 1, (TRIES, 2)) * np.maximum(size - box[2:], 0)
    low = np.maximum(starts[:, None], others[:, :2])
    high = np.minimum(starts[:, None] + box[2:], others[:, :2] + others[:, 2:])
    covered = np.clip(high - low, 0, None).prod(-1).sum(1)
    return np.concatenate([starts[covered.argmin()], box[2:]])
