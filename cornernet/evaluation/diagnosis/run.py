"""From a checkpoint to a diagnosis on disk."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from cornernet.data import build_source, typed_data
from cornernet.detectors import Detector
from cornernet.evaluation.diagnosis.diagnose import diagnose, settings
from cornernet.evaluation.diagnosis.found import Diagnosis, Outcome
from cornernet.evaluation.diagnosis.images import draw, palette
from cornernet.evaluation.diagnosis.table import contents
from cornernet.prediction import Predictor, is_exported, outputs
from cornernet.system import writing
from cornernet.system.printing import printable

IMAGES = 12  # drawn if the call does not say how many
COLUMNS = ("image_id", "file_name", "object", "category_id", "class", "x1", "y1", "x2", "y2", "size", "reason")


def diagnose_checkpoint(
    checkpoint: str | Path, overrides: Sequence[str] = (), images: int = IMAGES, out: Path | None = None
) -> tuple[Diagnosis, Path]:
    """Diagnose a checkpoint on its validation split, write what was found -> (diagnosis, folder that holds it).

    overrides: `a.b=c` of the config; images: how many are drawn; out: the folder, diagnosis beside the checkpoint
    unless it is given. Raises as Predictor.load does, and for data that cannot be read or whose classes the checkpoint
    does not know.
    """
    if is_exported(checkpoint):
        raise ValueError(f"{checkpoint} is an exported file, and a diagnosis needs the checkpoint it was made from")
    predictor = Predictor.load(checkpoint, overrides=overrides)
    config = predictor.settings
    ids, names = predictor.category_ids, predictor.class_names
    data, run = config.data, Path(checkpoint).parent
    source = build_source(data, "val", ids, names, typed=typed_data(config), run=run)
    folder = outputs.folder(checkpoint, out, "diagnosis")
    assert isinstance(predictor.detector, Detector)
    found = diagnose(predictor.detector, source, settings(config), images)
    write(found, folder)
    return found, folder


def write(found: Diagnosis, folder: Path) -> None:
    """Write diagnosis.json, missed.csv, worst-01.png, ... into a folder, made if need be; older ones are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(contents(found), indent=2, ensure_ascii=False, allow_nan=False)
    with writing.replacing(folder / "diagnosis.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    with (
        writing.replacing(folder / "missed.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([COLUMNS, *(_row(outcome) for outcome in found.outcomes if outcome.reason)])
    for old in folder.glob("worst-[0-9]*.png"):
        old.unlink()
    looks = palette(found.vocabulary)
    for number, seen in enumerate(found.worst, 1):
        draw(seen, looks, folder / f"worst-{number:02d}.png", found.setting.min_score, found.setting.labels)


def _row(outcome: Outcome) -> tuple:
    o = outcome
    names = printable(o.file_name), printable(o.name)  # as they would be shown by `cat`
    return (o.image_id, names[0], o.index, o.category_id, names[1], *o.box, o.size, o.reason)
