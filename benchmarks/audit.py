"""What the audit of labels finds: wrong ones are planted into sets, a detector is trained on them, and it is asked."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.ops import box_iou

from benchmarks import results
from benchmarks.planting import Defect, plant
from cornernet import config
from cornernet.cli.commandline import Command, call, say
from cornernet.cli.keys import Reader, path, whole
from cornernet.data import build_source, write
from cornernet.evaluation import aligned
from cornernet.evaluation.audit import Finding, audit_checkpoint
from cornernet.experiments.recording import commit

USAGE = """python -m benchmarks.audit FOLDER [only=SET,...] [seed=N] [root=DIR] [checkpoint=FILE] [rows=FILE.csv]

Plants wrong labels into training and validation of each set (5 % dropped, 3 % shifted, 3 % of another class, 1 % given
twice, 1 % of nothing), trains on them, audits both splits and prints of each kind how many were planted, found and
right. FOLDER keeps the sets and the runs: what is there is not made again. root: the folder of BCCD, for set bccd.
checkpoint: a detector of these classes that is asked in place of one that is trained on the wrong labels. rows: a table
to which the figures are appended. One core:
  OMP_NUM_THREADS=1 taskset -c 1 python -m benchmarks.audit runs/audit only=shapes rows=docs/results/audit.csv"""

SETS = {  # the config, the set and what is changed where it is read, and what in training
    "shapes": (
        "configs/shapes.yaml", "shapes", ["data.shapes.train_images=1500", "data.shapes.val_images=300"],
        ["train.steps=500"],
    ),
    "cards": ("configs/pretrained.yaml", "cards", [], ["train.steps=200"]),
    "bccd": (
        "configs/pretrained.yaml", "coco",
        ["data.train.images=images", "data.train.annotations=annotations/train.json", "data.val.images=images",
         "data.val.annotations=annotations/val.json"],
        ["train.steps=500", "data.longest_side=256", "data.input_size=[192,256]"],
    ),
}  # fmt: skip
QUIET = ["test.report=false", "train.eval_every=0", "train.val_loss_images=0", "train.callbacks=[]", "data.workers=0"]
COLUMNS = ("set", "split", "kind", "planted", "found", "right", "precision", "recall", "seed", "commit", "command")
SAME = 0.5  # IoU from which on a proposed box is the one that was dropped


def main(
    folder: str, only: tuple[str, ...] = tuple(SETS), seed: int = 1, root: str = "", checkpoint: Path | None = None,
    rows: Path | None = None,
) -> None:  # fmt: skip
    """Plant, train, audit, and print what was found."""
    table: list[dict[str, Any]] = []
    for name in only:
        table += measured(name, Path(folder) / f"{name}-{seed}", seed, root, checkpoint)
    shown = [COLUMNS[:8], *([str(row[column]) for column in COLUMNS[:8]] for row in table)]
    say("\n".join(aligned(shown, "<<<>>>>>")))
    if rows:
        results.append(rows, COLUMNS, table)


def measured(name: str, folder: Path, seed: int, root: str, checkpoint: Path | None) -> list[dict[str, Any]]:
    """One set -> a row for each split and kind."""
    if not (folder / "planted.json").exists():
        _plant(name, folder, seed, root)
    planted = {split: [Defect(**x) for x in held] for split, held in _read(folder / "planted.json").items()}
    if checkpoint is None:
        _train(name, folder, seed)
    command = f"python -m benchmarks.audit FOLDER only={name} seed={seed}{' root=DIR' if name == 'bccd' else ''}"
    command += f" checkpoint={checkpoint.name}" if checkpoint else ""
    table = []
    for split, defects in planted.items():
        asked = checkpoint or folder / "run" / "last.pt"
        audit, _ = audit_checkpoint(asked, split, _labels(folder), folder / f"audit-{split}")
        for kind, (found, right) in judged(audit.findings, defects).items():
            count = sum(kind in (x.kind, "any") for x in defects)
            shares = [f"{right / all_:.3f}" if all_ else "-" for all_ in (found, count)]
            row = (name, split, kind, count, found, right, *shares, seed, commit(), command)
            table.append(dict(zip(COLUMNS, row, strict=True)))
    return table


def judged(findings: Sequence[Finding], defects: Sequence[Defect]) -> dict[str, tuple[int, int]]:
    """Findings about labels and what was planted -> of each kind how many there are, and how many are right.

    Right is one of its kind about a label that was planted, each but once; `any` asks for no kind.
    """
    kinds = dict.fromkeys(x.kind for x in defects)
    of = {kind: [x for x in findings if x.kind == kind] for kind in kinds}
    counts = {kind: (len(of[kind]), _right(of[kind], [x for x in defects if x.kind == kind])) for kind in kinds}
    every = [x for some in of.values() for x in some]
    return {**counts, "any": (len(every), _right(every, defects))}


def _right(findings: Sequence[Finding], defects: Sequence[Defect]) -> int:
    """How many of the findings are of what was planted."""
    left, right = list(defects), 0
    for one in findings:
        hit = next((x for x in left if x.image_id == one.image_id and _is_of(one, x)), None)
        if hit is not None:
            left.remove(hit)
            right += 1
    return right


def _is_of(found: Finding, planted: Defect) -> bool:
    """Whether a finding is about the label that was planted; of two of one object either may be named."""
    if planted.kind == "missing":
        return found.kind == "missing" and _iou(found.box_found, planted.bbox) >= SAME
    boxes = [planted.bbox, planted.true_bbox] if planted.kind == "doubled" else [planted.bbox]
    return found.box is not None and any(_iou(found.box, box) > 0.99 for box in boxes)


def _iou(xyxy: Sequence[float] | None, bbox: Sequence[float]) -> float:
    assert xyxy is not None
    box = torch.tensor([bbox])
    box[:, 2:] += box[:, :2]
    return box_iou(torch.tensor([xyxy]), box).item()


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _plant(name: str, folder: Path, seed: int, root: str) -> None:
    """Write the annotations of both splits as they were and as they are planted, and images that are drawn."""
    base, data, words, _ = SETS[name]
    settings = config.load(base, [f"data.name={data}", *words, *([f"data.root={root}"] if data == "coco" else [])])
    planted: dict[str, list[dict[str, Any]]] = {}
    shutil.rmtree(folder, ignore_errors=True)
    for at, split in enumerate(("train", "val")):
        source = build_source(settings.data, split)
        if source.root is None:
            write(folder, source)
        content, defects = plant(source.coco(), np.random.default_rng([seed, at]))
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        (folder / "labels" / f"{split}.json").write_text(json.dumps(content))
        images = folder / "images" / split if source.root is None else source.root
        (folder / "labels" / f"{split}.txt").write_text(str(images.resolve()))
        planted[split] = [x._asdict() for x in defects]
    (folder / "planted.json").write_text(json.dumps(planted))


def _labels(folder: Path) -> list[str]:
    """What makes a config use the planted labels."""
    where = [f"data.{split}.annotations={folder.resolve()}/labels/{split}.json" for split in ("train", "val")]
    where += [f"data.{split}.images={(folder / 'labels' / f'{split}.txt').read_text()}" for split in ("train", "val")]
    return ["data.name=coco", "data.train.limit=null", "data.val.limit=null", *where]


def _train(name: str, folder: Path, seed: int) -> None:
    if (folder / "run" / "metrics.json").exists():
        return
    base, _, _, changed = SETS[name]
    words = [*_labels(folder), *changed, *QUIET, f"seed={seed}", f"work_dir={folder}/run", "train.resume=auto"]
    subprocess.run([sys.executable, "tools/train.py", base, *words], check=True, stdout=subprocess.DEVNULL)


KEYS = {
    "only": Reader(results.some_of(SETS)),
    "seed": Reader(whole(0)),
    "root": Reader(str),
    "checkpoint": Reader(path),
    "rows": Reader(path),
}
COMMAND = Command(main, USAGE, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
