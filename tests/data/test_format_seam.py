"""A data format is one file: found by its name among plug-ins or by its dotted path, and checked as COCO files are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cornernet
from cornernet import config
from cornernet.data import ShapesSet, build_sources, write
from cornernet.training import engine, report

ROOT = Path(__file__).resolve().parents[2]
MINE = '''
"""A line an object: image, class, x1, y1, x2, y2, parted by bars; a line `classes: a|b` first."""

from cornernet.data.annotations import Asked, Content, read_text


def recognises(path):
    return path.is_file() and path.read_bytes()[:8] == b"classes:"


def parse(asked: Asked, problems) -> Content:
    first, *lines = read_text(asked.path).splitlines()
    names = [name.strip() for name in first.partition(":")[2].split("|")]
    images, annotations = {}, []
    for at, line in enumerate(lines, 2):
        file, name, *edges = line.split("|")
        if len(edges) != 4:
            problems.skip("short line", f"line {at}: expected six parts, got {line!r}")
            continue
        x1, y1, x2, y2 = map(float, edges)
        entry = images.setdefault(file, {"id": len(images), "file_name": file, "width": 64, "height": 64})
        found = {"id": f"line {at}", "image_id": entry["id"], "bbox": [x1, y1, x2 - x1, y2 - y1]}
        annotations.append({**found, "category_id": names.index(name) if name in names else -1})
    categories = [{"id": at, "name": name} for at, name in enumerate(names)]
    return Content(list(images.values()), annotations, categories, asked.images or asked.path.parent)
'''
FAULTS = {  # a line: what check_data says of it
    "000001.png|ellipse|1|2|3": "short line",
    "000001.png|ellipse|10|10|10|30": "bbox has no area",
    "000001.png|ellipse|90|10|99|30": "bbox lies outside the image",
    "000001.png|ellipse|30|10|20|30": "bbox has a negative width or height",
    "000001.png|ellipse|nan|10|20|30": "bbox is not finite",
    "000001.png|ellipse|10|10|80|30": "box beyond the image",
    "000001.png|hexagon|10|10|20|30": "unknown category",
    "nowhere.png|ellipse|10|10|20|30": "missing image",
    "../000001.png|ellipse|10|10|20|30": "bad file name",
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """A folder with images, and train.boxes, val.boxes and bad.boxes of them in this format."""
    folder = tmp_path_factory.mktemp("labelled")
    for split, count in (("train", 4), ("val", 2)):
        shapes = ShapesSet(split, count, size=64, max_objects=3)
        write(folder, shapes)
        lines = ["classes: " + "|".join(shapes.class_names)]
        for i in range(count):
            for label, box in zip(shapes.labels(i), shapes.boxes(i), strict=True):
                edges = "|".join(str(edge) for edge in box.tolist())
                lines.append(f"{shapes.record(i).file_name}|{shapes.class_names[label]}|{edges}")
        (folder / f"{split}.boxes").write_text("\n".join(lines))
    good = (folder / "train.boxes").read_text()
    (folder / "bad.boxes").write_text("\n".join([good, *FAULTS]))
    return folder


TRAIN_AND_CHECK = """
import sys
from cornernet import config, drawing
from cornernet.cli.check_data import text
from cornernet.training import engine, report
drawing.curves = lambda folder, *texts: None  # which take longer than a step
tiny, train, check = sys.argv[1], sys.argv[2].split("\\n"), sys.argv[3].split("\\n")
engine.train(config.load(tiny, train))
print(text(report(tiny, check)))
"""


def words(folder: Path, *more: str) -> list[str]:
    paths = [f"data.{split}.{key}" for split in ("train", "val") for key in ("images", "annotations")]
    values = ["images/train", "train.boxes", "images/val", "val.boxes"]
    data = [f"{path}={value}" for path, value in zip(paths, values, strict=True)]
    return ["data.name=coco", f"data.root={folder}", *data, "train.steps=2", "train.eval_every=0", *more]


def test_one_file_is_found_by_its_name(tiny, labelled, tmp_path):
    file = tmp_path / "data/sources/mine.py"
    file.parent.mkdir(parents=True)
    file.write_text(MINE)
    train = words(labelled, f"work_dir={tmp_path / 'run'}")
    bad = words(labelled, "data.train.annotations=bad.boxes")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_CHECK, str(tiny), "\n".join(train), "\n".join(bad)],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CORNERNET_PLUGINS": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/best.pt").is_file()
    assert [kind for kind in FAULTS.values() if kind not in done.stdout] == []


@pytest.mark.slow
def test_one_file_is_found_by_its_dotted_path(tiny, labelled, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    named, best = "data.format=mine.parse", tmp_path / "run/best.pt"
    engine.train(config.load(tiny, words(labelled, named, f"work_dir={tmp_path / 'run'}")))
    found = report(tiny, words(labelled, named, "data.train.annotations=bad.boxes"))
    assert {finding.kind for _, finding in found.rows} >= set(FAULTS.values()) and "bad.boxes" in found.refusal()
    with pytest.raises(ValueError, match=r"'mine\.parse' is code from elsewhere"):  # a checkpoint is not believed
        cornernet.evaluate(best, out=tmp_path / "out")
    assert cornernet.evaluate(best, [named], out=tmp_path / "out").images == 2


def test_without_the_file_it_is_in_no_format(tiny, labelled):
    with pytest.raises(ValueError, match=r"train\.boxes holds no annotations in a format that can be read"):
        build_sources(config.load(tiny, words(labelled)).data)
