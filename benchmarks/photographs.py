"""A generated set in COCO format of images as large and detailed as COCO's; what they show does not matter here."""

import json
from pathlib import Path

import numpy as np

from benchmarks.files import HEIGHT, WIDTH, write_image

FILES, OBJECTS = 8, 7  # images that are drawn, which all others are links to; objects an image, as COCO 2017 has


def write(folder: Path, images: int, class_names: list[str]) -> list[str]:
    """Write images and annotations of these classes -> the overrides with which a config trains and scores on it."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(images):
        file = folder / "images" / f"{number:06d}.jpg"
        if number < FILES:
            write_image(file, number)
        else:
            file.symlink_to(f"{number % FILES:06d}.jpg")
    content = {
        "images": [_image(number) for number in range(images)],
        "annotations": [_object(number, rng, len(class_names)) for number in range(images * OBJECTS)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(class_names, 1)],
    }
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    own = [f"data.{split}.{key}={folder / value}" for split in ("train", "val") for key, value in PLACES.items()]
    return ["data.name=coco", "data.root=.", "data.val.split=0", *own]


PLACES = {"images": "images", "annotations": "annotations.json"}


def _image(number: int) -> dict:
    return {"id": number, "file_name": f"{number:06d}.jpg", "width": WIDTH, "height": HEIGHT}


def _object(number: int, rng: np.random.Generator, classes: int) -> dict:
    low, share = rng.random(2) * 0.6, 0.05 + rng.random(2) * 0.35
    x, y, width, height = (np.concatenate([low, share]) * [WIDTH, HEIGHT, WIDTH, HEIGHT]).round(1).tolist()
    place = {"id": number + 1, "image_id": number // OBJECTS, "category_id": 1 + int(rng.integers(classes))}
    return {**place, "bbox": [x, y, width, height], "area": width * height, "iscrowd": 0}
