"""A set in COCO format as large as COCO 2017: annotation files with outlines, and a few images under all its names."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from benchmarks.files import HEIGHT, WIDTH, write_image
from cornernet.data import COCO_CLASSES

SPLITS = {"train": (118_287, 860_001), "val": (5_000, 36_781)}  # images and objects of COCO 2017
FIRST = {"train": 1, "val": 900_001}  # number of the first image
CROWDS = 0.0117  # share of the objects that are crowds there
POINTS, RUNS = 23, 300  # of an outline, and of the mask of a crowd, on average
FILES = 8  # images that are drawn; all others are links to them, of which a file has tens of thousands at most


def write(folder: Path, images: int, classes: Mapping[int, str] = COCO_CLASSES) -> list[str]:
    """Write annotations/instances_train2017.json and ..._val2017.json and the images, where they are not there yet.

    images: of the training set; objects and the validation set are as many as it takes for the shares of COCO 2017.
    Returns overrides with which a config trains and scores on the training set.
    """
    for split, (own, objects) in SPLITS.items():
        count = max(1, round(own * images / SPLITS["train"][0]))
        names = [f"{number:012d}.jpg" for number in range(FIRST[split], FIRST[split] + count)]
        file = folder / f"annotations/instances_{split}2017.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_images(folder / f"{split}2017", names)
        if not file.exists():
            part = file.with_suffix(".part")
            with part.open("w", encoding="ascii") as stream:
                _write_annotations(stream, names, round(objects * count / own), classes)
            part.rename(file)
    places = "images=train2017", "annotations=annotations/instances_train2017.json"
    both = [f"data.{split}.{place}" for split in SPLITS for place in places]
    return ["data.name=coco", f"data.root={folder}", "data.val.split=0", *both]


def _write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    there = set(os.listdir(folder))
    for at, name in enumerate(names):
        if name in there:
            continue
        if at < FILES:
            write_image(folder / name, at)
        else:
            os.link(folder / names[at % FILES], folder / name)


def _write_annotations(stream: TextIO, names: list[str], objects: int, classes: Mapping[int, str]) -> None:
    """Write the lists as COCO has them, an entry at a time."""
    stream.write('{"info": {"description": "as large as COCO 2017"}, "licenses": [{"id": 1, "name": "none"}], ')
    _list(stream, "images", (_image(number, name) for number, name in enumerate(names, 1)))
    stream.write(", ")
    _list(stream, "annotations", _objects(len(names), objects, list(classes)))
    stream.write(', "categories": ')
    json.dump([{"supercategory": "thing", "id": i, "name": name} for i, name in classes.items()], stream)
    stream.write("}")


def _list(stream: TextIO, key: str, entries: Iterator[dict]) -> None:
    stream.write(f'"{key}": [')
    for at, entry in enumerate(entries):
        stream.write((", " if at else "") + json.dumps(entry))
    stream.write("]")


def _image(number: int, name: str) -> dict:
    url = f"http://images.example.org/train2017/{name}"
    return {
        "license": 1, "file_name": name, "coco_url": url, "height": HEIGHT, "width": WIDTH,
        "date_captured": "2013-11-14 11:18:45", "flickr_url": f"http://farm9.example.org/8186/{name}", "id": number,
    }  # fmt: skip


def _objects(images: int, objects: int, classes: list[int]) -> Iterator[dict]:
    """Objects in an order that has nothing to do with that of the images, as in COCO."""
    rng = np.random.default_rng(0)
    for number in range(1, objects + 1):
        start, side = rng.random(2) * (WIDTH - 40, HEIGHT - 40), 4 + rng.random(2) ** 3 * 300
        x, y, w, h = (round(float(v), 2) for v in (*start, *np.minimum(side, (WIDTH, HEIGHT) - start)))
        entry = {
            "area": round(0.6 * w * h, 4), "iscrowd": int(rng.random() < CROWDS),
            "image_id": int(rng.integers(1, images + 1)), "bbox": [x, y, w, h],
            "category_id": classes[int(rng.random() ** 2 * len(classes))], "id": number,
        }  # fmt: skip
        yield {"segmentation": _mask(rng) if entry["iscrowd"] else _outline(rng, x, y, w, h), **entry}


def _outline(rng: np.random.Generator, x: float, y: float, w: float, h: float) -> list[list[float]]:
    points = (x, y) + rng.random((int(rng.integers(4, 2 * POINTS - 3)), 2)) * (w, h)
    return [points.round(2).ravel().tolist()]


def _mask(rng: np.random.Generator) -> dict:
    return {"counts": rng.integers(1, 2 * WIDTH * HEIGHT // RUNS, RUNS).tolist(), "size": [HEIGHT, WIDTH]}
