"""What slices are worth: a checkpoint's validation images, sixteen to a large image, predicted in several ways.

Objects are as large as in training and the images four times as wide, so that resizing costs what slices give back.
"""

import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks import results
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.keys import Reader, whole
from cornernet.data import Source, build_source
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.experiments.recording import commit
from cornernet.prediction import Predictor

USAGE = """python -m benchmarks.slices CHECKPOINT FILE.csv [images=N] [key=value ...]

Lays N validation images of a set whose images have one size (default 96) out four by four, appends a row for each way
of predicting them to FILE.csv, and one with the peak of memory for an image of 6000 x 4000. One core:
  OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.slices runs/shapes/best.pt docs/results/slices.csv"""

SIDE = 4  # images along each side of a mosaic
LARGE = (4000, 6000, 3)
COLUMNS = ("images", "way", "AP", "AP50", "AP75", "peak_MB", "command", "commit")


def mosaics(source: Source, count: int, folder: Path) -> int:
    """Write mosaics of the first images of a source and annotations.json into a folder -> side of an image."""
    truth: dict[str, list] = {"images": [], "annotations": [], "categories": source.coco()["categories"]}
    for number in range(count // SIDE**2):
        tiles = [source.image(number * SIDE**2 + k) for k in range(SIDE**2)]
        side = len(tiles[0])
        image = np.concatenate([np.concatenate(tiles[k : k + SIDE], 1) for k in range(0, SIDE**2, SIDE)])
        cv2.imwrite(str(folder / f"{number}.png"), image)
        truth["images"].append(
            {"id": number, "file_name": f"{number}.png", "height": image.shape[0], "width": image.shape[1]}
        )
        for k in range(SIDE**2):
            corner = np.array([k % SIDE, k // SIDE, k % SIDE, k // SIDE]) * side
            index = number * SIDE**2 + k
            for box, label in zip(source.boxes(index) + corner, source.labels(index), strict=True):
                x1, y1, x2, y2 = map(float, box)
                truth["annotations"].append(
                    {
                        "id": len(truth["annotations"]) + 1, "image_id": number, "iscrowd": 0,
                        "category_id": source.category_ids[label], "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                    }
                )  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(truth))
    return side


def ways(side: int, folder: Path, count: int, attends: bool) -> Iterator[tuple[str, list[str]]]:
    """(what is predicted how, overrides), the single images first; attends: by glances and looks, too."""
    yield "single images", [f"data.val.limit={count}", *["test.saccade.sides=[]"] * attends]
    large = ["data.name=coco", f"data.val.images={folder}", f"data.val.annotations={folder}/annotations.json"]
    large += ["data.val.limit=null", "test.max_per_image=1000"]
    if attends:
        yield "mosaics by saccades", [*large, "test.saccade.crops=100"]
        large += ["test.saccade.sides=[]"]
    slices = f"test.slices.size={side}"
    for name, how in {
        "mosaics resized": [f"data.longest_side={side}"],
        "mosaics as they are": ["data.longest_side=null"],
        "mosaics by slices": [slices],
        "mosaics by slices, whole=false": [slices, "test.slices.whole=false"],
        "mosaics by slices, whole=false overlap=0": [slices, "test.slices.whole=false", "test.slices.overlap=0"],
    }.items():
        yield name, [*large, *how]


def peak(predictor: Predictor, size: int) -> float:
    """Megabytes that a large image takes at most beyond what the process held before, the image included."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    image = np.random.default_rng(0).integers(0, 255, LARGE, np.uint8)
    for _ in predictor.stream(image, slices={"size": [size, size]}):
        pass
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main(checkpoint: str, path: str, overrides: list[str], images: int = 96) -> None:
    """Append the rows."""
    attends = bool(Predictor.load(checkpoint, overrides=overrides).settings.test.saccade.sides)
    plain = [*overrides, *["test.saccade.sides=[]"] * attends]
    predictor = Predictor.load(checkpoint, overrides=plain)
    data = predictor.settings.data
    source = build_source(data, "val", predictor.category_ids, predictor.class_names, typed=True)
    common = {"command": " ".join(["python -m benchmarks.slices", checkpoint, *overrides]), "commit": commit()}
    large = {"way": "6000 x 4000 by slices of 512", "images": 1, "peak_MB": f"{peak(predictor, 512):.0f}"}
    results.append(Path(path), COLUMNS, [common | large])
    with tempfile.TemporaryDirectory() as name:
        side = mosaics(source, images, folder := Path(name))
        for way, given in ways(side, folder, images, attends):
            metrics = evaluate_checkpoint(checkpoint, [*overrides, *given, "test.report=false"], folder / "out").metrics
            count = images if way == "single images" else images // SIDE**2
            figures = {key: f"{getattr(metrics, key):.3f}" for key in ("AP", "AP50", "AP75")}
            row = common | figures | {"way": way, "images": count}
            results.append(Path(path), COLUMNS, [row])
            say(str(row))


COMMAND = Command(main, USAGE, paths=2, keys={"images": Reader(whole(SIDE**2))})

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
