"""The family side by side: every corner detector, with and without a region stage, trained for equal minutes.

How many steps fit into the minutes, and what an image takes, is measured once, in turns, and kept in a file of its own.
Runs of so many steps, in the precision that was timed or another, may then train anywhere and beside anything, and a
row that is there is not trained again: the table grows over many days.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import results
from cornernet import config
from cornernet.checkpoints import load_detector
from cornernet.cli.commandline import Command, call
from cornernet.cli.keys import Reader, choice, whole
from cornernet.experiments.recording import commit

USAGE = """python -m benchmarks.family FILE.csv STEPS.csv [minutes=N] [seeds=1,2,3] [only=SET,MEMBER,...]
    [precision=NAME] [root=DIR]

Trains each member of the family on each set, with and without a region stage, and appends one row a run to FILE.csv:
figures of last.pt and the config's hash. Rows that are there are skipped. STEPS.csv, which python -m
benchmarks.family_steps writes, says how many steps fit into the minutes, and in which precision; precision=bf16 trains
as many in another.
root: the folder of BCCD, for set bccd. One core:
  OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.family docs/results/family.csv docs/results/family_steps.csv \\
      only=cards,centernet"""

TIMED = ("set", "member", "region")  # what a step's seconds are of
FIGURES = ("AP", "AP50", "AP_any_class", "FDR")  # of an evaluation
COLUMNS = (*TIMED, "seed", "minutes", "steps", "precision", *FIGURES, "parameters", "config", "commit")
SETS = {  # the config it is built on, what is changed for all members, the region stage, and what is without one
    "shapes12": (
        "configs/shapes.yaml",
        ["data.shapes.max_objects=12", "data.workers=0"],
        ["model.region={name: cpn, top_k: 50, proposals: 150, args: {pair_channels: 32, class_channels: 48, bins: 5, "
         "layers: 1}}", "loss.pair={name: focal, args: {alpha: null}}",
         "loss.classification={name: focal, args: {alpha: null}}"],
        [],
    ),
    # with ImageNet's weights, since from scratch ten minutes teach nobody what a glyph is
    "cards": (
        "configs/pretrained.yaml",
        ["data.name=cards", "data.workers=0"],
        [],
        ["model.region.name=none", "model.region.class_corners=true"],
    ),
    "bccd": (
        "configs/pretrained.yaml",
        [
            "data.train={images: images, annotations: annotations/train.json}",
            "data.val={images: images, annotations: annotations/val.json}", "data.input_size=[288, 384]",
            "data.transforms={crop: {scales: [0.8, 0.9, 1.0, 1.1, 1.2]}, flip: {vertical: 0.5}}", "data.workers=0",
        ],
        [],
        ["model.region.name=none", "model.region.class_corners=true"],
    ),
}  # fmt: skip
TAGS = ["loss.grouping={name: ae, weight: 0.1, args: {chunk_size: 5}}", "test.ae_threshold=0.5"]
TAGS += ["test.weights.distance=0"]
MEMBERS = {  # what makes the members of the same backbone and head
    "cornernet": TAGS,
    "half_sides": [
        "loss.grouping={name: half_sides, weight: 0.5, args: {beta: 0.2}}", "test.ae_threshold=0.4",
        "test.weights.distance=0.5",
    ],
    "centernet": [*TAGS, "model.head.centre=true", "model.head.pooling=cascade", "test.centre.choose=best"],
    "squeeze": [*TAGS, "model.backbone.name=squeeze", "model.backbone.stride=8", "model.head.kernel=1"],
    "centripetal": ["model.pairing.name=centripetal", "test.weights.distance=1"],
    "affinity": [*TAGS, "model.pairing.name=affinity"],
    "points": [
        "model.detector=points", "model.min_overlap=0.7", "model.radius_roots=old", "loss.offset.name=l1",
        "loss.size={name: l1, weight: 0.1}", "test.nms.name=none",
    ],
}  # fmt: skip
WITHOUT_WEIGHTS = ["model.backbone.weights=''", "model.backbone.args={}", "train.freeze=[]"]  # there are none of it


class Run(dict[str, Any]):
    """One row's first columns, by name."""

    @property
    def base(self) -> str:
        """The config that the run is built on."""
        return SETS[self["set"]][0]

    def overrides(self, root: str) -> list[str]:
        """Everything that is changed of the base."""
        base, both, staged, plain = SETS[self["set"]]
        where = [f"data.root={root}"] if self["set"] == "bccd" else []
        bare = WITHOUT_WEIGHTS if self["member"] == "squeeze" and "pretrained" in base else []
        stage = staged if self["region"] == "cpn" else plain
        return [*both, *stage, *bare, *MEMBERS[self["member"]], *where, f"seed={self['seed']}"]


def main(
    file: str,
    steps: str,
    minutes: int = 10,
    seeds: tuple[int, ...] = (1, 2, 3),
    only: tuple[str, ...] = (),
    precision: str = "",
    root: str = "",
) -> None:
    """Train what the file lacks; every run that is done is a row at once."""
    path = Path(file)
    timed = {tuple(row[name] for name in TIMED): row for row in results.read(Path(steps))}
    runs = [(run, tuple(run[name] for name in TIMED)) for run in wanted(minutes, seeds, only)]
    if missing := [key for _, key in runs if key not in timed]:
        raise ValueError(f"{steps} does not say what a step of {', '.join(missing[0])} takes")
    for run, key in runs:
        rows = results.read(path)  # read anew: another process may have added some
        if any(all(row[name] == str(run[name]) for name in COLUMNS[:5]) for row in rows):
            continue
        step = timed[key]
        run["precision"] = precision or step["precision"]
        fitting = int(60 * minutes / float(step["seconds"]))
        words = [*run.overrides(root), *computing_in(run["precision"]), f"train.steps={fitting}"]
        results.append(path, COLUMNS, [run | measured(run.base, words)])


def wanted(minutes: int, seeds: tuple[int, ...], only: tuple[str, ...]) -> Iterator[Run]:
    """All runs, the seeds outermost, so that a table that is not full compares like with like."""
    sets, members, regions = (
        [name for name in names if name in only] or [name for name in names if name != "bccd"]
        for names in (SETS, MEMBERS, ("none", "cpn"))
    )
    for seed, held, member, region in product(seeds, sets, members, regions):
        if member != "points" or region == "none":
            yield Run(zip(COLUMNS, (held, member, region, seed, minutes), strict=False))


def computing_in(precision: str) -> list[str]:
    """Return the overrides that choose a precision."""
    return [f"train.precision={precision}", f"test.precision={precision}"]


def measured(base: str, words: list[str]) -> dict[str, Any]:
    """Train one run -> the other columns of its row."""
    words = [*words, "test.report=false", "train.eval_every=0", "train.callbacks=[]", "train.save_every=0"]
    settings = config.load(base, words)
    with tempfile.TemporaryDirectory() as folder:
        _train(base, [*words, f"work_dir={folder}/run"])
        found = json.loads(Path(folder, "run", "metrics.json").read_text())
        detector = load_detector(Path(folder, "run", "last.pt"), [])[0]
    return {
        "steps": settings.train.steps,
        **{name: f"{found[name]:.4f}" for name in FIGURES},
        "parameters": sum(x.numel() for x in detector.network.parameters()),
        "config": hashlib.sha256(config.text(settings).encode()).hexdigest()[:12],
        "commit": commit(),
    }


def _train(base: str, words: list[str]) -> None:
    subprocess.run([sys.executable, "tools/train.py", base, *words], check=True, stdout=subprocess.DEVNULL)


NAMES = (*SETS, *MEMBERS, "none", "cpn")
KEYS = {
    "minutes": Reader(whole(1)), "seeds": Reader(results.numbers), "only": Reader(results.some_of(NAMES)),
    "precision": Reader(choice("fp32", "bf16")), "root": Reader(str),
}  # fmt: skip

COMMAND = Command(main, USAGE, paths=2, keys=KEYS, overrides=False)

if __name__ == "__main__":
    call(COMMAND, sys.argv[1:])
