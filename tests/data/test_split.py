"""data.val.split: which images are held out, that they stay the same, and what is refused."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornernet import config
from cornernet.config import Data, Shapes, Split, Validation
from cornernet.data import build_source, build_sources, write_division
from cornernet.data.splitting import group_names, held_out
from cornernet.training import engine


def spread(classes, share, groups=None):
    """Classes of each image -> positions of the images that are held out."""
    image = np.repeat(np.arange(len(classes)), [len(each) for each in classes])
    labels = np.array([label for each in classes for label in each], np.int64)
    names = groups or [f"{i:04d}.jpg" for i in range(len(classes))]
    return set(np.flatnonzero(held_out(names, image, labels, share)).tolist())


def test_a_share_of_every_class_is_held_out():
    classes = [[0]] * 60 + [[1]] * 25 + [[0, 2]] * 10 + [[]] * 5
    held = spread(classes, 0.2)
    counts = Counter(label for i in held for label in classes[i] or [-1])
    assert counts == {0: 14, 1: 5, 2: 2, -1: 1} and len(held) == 20


def test_a_rare_class_is_in_both_parts_and_a_single_image_is_trained_on():
    held = spread([[0]] * 20 + [[0, 1]] * 2 + [[2]], 0.1)
    assert len(held & {20, 21}) == 1 and 22 not in held


@given(st.lists(st.sets(st.integers(0, 4)), min_size=2, max_size=60), st.floats(0.05, 0.5), st.data())
def test_groups_stay_together_and_no_class_is_lost_to_training(classes, share, data):
    groups = [str(data.draw(st.integers(0, 12))) for _ in classes]
    held = spread([sorted(each) for each in classes], share, groups)
    assert not {groups[i] for i in held} & {groups[i] for i in range(len(classes)) if i not in held}
    kept = {label for i, each in enumerate(classes) if i not in held for label in each}
    assert kept == set().union(*classes)
    where = {label: {groups[i] for i, each in enumerate(classes) if label in each} for label in kept}
    alone = set().union(*(owners for owners in where.values() if len(owners) == 1))
    assert held or alone == set(groups) or len(set(groups)) == 1


def test_an_image_that_is_added_moves_few_others():
    rng = np.random.default_rng(0)
    classes = [sorted(set(rng.integers(0, 5, 3).tolist())) for _ in range(300)]
    before, after = spread(classes[:270], 0.2), spread(classes, 0.2)
    moved = before ^ {i for i in after if i < 270}
    assert len(before) == pytest.approx(54, abs=2) and len(moved) < 27


def test_the_split_is_the_same_on_every_machine():
    assert spread([[0]] * 10, 0.3) == {1, 6, 7}


def test_the_order_of_the_images_is_nothing_to_the_split():
    classes, names = [[i % 3] for i in range(40)], [f"{i}.jpg" for i in range(40)]
    held = {names[i] for i in spread(classes, 0.25, names)}
    assert {names[::-1][i] for i in spread(classes[::-1], 0.25, names[::-1])} == held


def test_groups_are_what_the_brackets_hold_and_folders_do_not_count_without():
    assert group_names(["a/p1_x.jpg", "p2_y.jpg"], r"(p\d+)_") == ["p1", "p2"]
    assert group_names(["a/p1_x.jpg", "p2_y.jpg"], "") == ["p1_x.jpg", "p2_y.jpg"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("p(", "no regular expression"),
        ("p", "no brackets around"),
        (r"(\d)", "not found in 1 file name, the first: p.jpg"),
    ],
)
def test_patterns_that_cannot_serve(pattern, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        group_names(["1.jpg", "p.jpg"], pattern)


@pytest.fixture
def photographs(tmp_path):
    """Data section of a COCO file of 20 images, 4 of each of 5 slides, with objects of two classes."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for i in range(20):
        name = f"slide{i % 5}_{i:02d}.png"
        cv2.imwrite(str(tmp_path / "images" / name), np.full((64, 64, 3), 8 * i, np.uint8))
        images.append({"id": i + 1, "file_name": name, "width": 64, "height": 64})
        entry = {
            "id": i + 1,
            "image_id": i + 1,
            "category_id": 1 + i % 2,
            "bbox": [8, 8, 30, 20],
            "iscrowd": 0,
            "area": 600,
        }
        annotations.append(entry)
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    held = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "all.json").write_text(json.dumps(held))
    return Data(root=str(tmp_path), train=Split(annotations="all.json"), val=Validation(split=0.2))


def added(photographs):
    """Add an image that a split made anew would hold out -> its name."""
    path = Path(photographs.root) / "all.json"
    held = json.loads(path.read_text())
    for number in range(100):
        name = f"slide9_{number}.png"
        (path.parent / "images" / name).write_bytes((path.parent / "images" / "slide0_00.png").read_bytes())
        image = {**held["images"][0], "id": 99, "file_name": name}
        objects = [*held["annotations"], {**held["annotations"][0], "id": 99, "image_id": 99}]
        path.write_text(json.dumps({**held, "images": [*held["images"], image], "annotations": objects}))
        if name in build_sources(photographs)[1].division.val:
            return name
    raise AssertionError("none of a hundred names would be held out")


def names(source):
    return {source.record(i).file_name for i in range(len(source))}


def test_both_sources_are_parts_of_the_one_set(photographs):
    train, val = build_sources(photographs)
    assert len(train) == 16 and len(val) == 4 and not names(train) & names(val)
    assert names(build_source(photographs, "val")) == names(val)
    assert names(build_source(photographs, "train")) == names(train)
    assert {label for i in range(4) for label in val.labels(i).tolist()} == {0, 1}
    assert ("held out", "4 of 20 images by data.val.split=0.2") in val.notes


def test_a_search_holds_out_training_images_and_never_reads_the_others(photographs, tmp_path):
    """Neither an annotation file of validation that is damaged, nor the part that is held out for it."""
    (tmp_path / "val.json").write_text("{")
    given = replace(photographs, val=Validation(annotations="val.json", search=0.2))
    train, val = build_sources(given)
    assert len(train) == 16 and len(val) == 4 and not names(train) & names(val)
    assert names(build_source(given, "val", train.category_ids, train.class_names)) == names(val)
    assert names(build_source(given, "train")) == names(train)
    outer = build_source(photographs, "train")
    both = replace(photographs, val=Validation(split=0.2, search=0.25))
    train, val = build_sources(both)
    assert names(train) | names(val) == names(outer) and len(train) == 12 and len(val) == 4
    grouped = replace(given, split_by=r"^slide(\d)_")
    assert len({name[:6] for name in names(build_sources(grouped)[1])}) == 1


def test_a_search_holds_out_the_last_drawn_training_images():
    shapes = Shapes(size=48, train_images=10, val_images=3)
    whole = build_source(Data(name="shapes", shapes=shapes), "train")
    train, val = build_sources(Data(name="shapes", shapes=shapes, val=Validation(search=0.2)))
    assert (len(train), len(val)) == (8, 2) and [x["id"] for x in val.coco()["images"]] == [9, 10]
    assert {x["image_id"] for x in val.coco()["annotations"]} <= {9, 10}
    for part, begin in ((train, 0), (val, 8)):
        for i in range(len(part)):
            assert np.array_equal(part.image(i), whole.image(begin + i)) and part.record(i) == whole.record(begin + i)


@pytest.mark.parametrize(("share", "message"), [(1.0, "above 0 and below 1"), (0.01, "holds out 0 of 10 images")])
def test_a_search_that_holds_out_nothing_is_refused(share, message):
    with pytest.raises(ValueError, match=message):
        build_sources(Data(name="shapes", shapes=Shapes(train_images=10), val=Validation(search=share)))


def test_slides_stay_together_and_limits_hold_after_the_split(photographs):
    grouped = replace(photographs, split_by=r"^slide(\d)_", train=replace(photographs.train, limit=3))
    train, val = build_sources(grouped)
    assert len(train) == 3 and len({name[:6] for name in names(val)}) == 1 and len(val) == 4
    assert not {name[:6] for name in names(train)} & {name[:6] for name in names(val)}


def test_what_does_not_go_together_is_a_sentence(photographs):
    root = photographs.root
    cases = {
        "data.val.annotations names others": replace(photographs, val=Validation(annotations="b.json", split=0.2)),
        "data.val.images names others": replace(photographs, val=Validation(images="b", split=0.2)),
        "below 1, got 1.0": replace(photographs, val=Validation(split=1.0)),
        "at least 0": replace(photographs, val=Validation(split=-0.1)),
        "is for sets of files": Data(name="shapes", val=Validation(split=0.2)),
        "and that is 0": replace(photographs, val=Validation(), split_by="(a)"),
        "data.val.split=0.2 holds out a fifth of the training images": replace(photographs, val=Validation()),
        "holds out 0 of 20 images, which data.split_by=(s)": replace(photographs, split_by="(s)"),
        "no file or folder": replace(photographs, root=f"{root}/no"),
    }
    for words, data in cases.items():
        with pytest.raises((ValueError, OSError), match=re.escape(words)):
            build_sources(data)


def test_a_set_that_holds_a_validation_set_is_not_split(shared):
    data = Data(train=Split(annotations=str(shared / "data/formats/voc")), val=Validation(split=0.2))
    for build in (build_sources, lambda data: build_source(data, "train")):
        with pytest.raises(ValueError, match="voc holds a validation set"):
            build(data)


def test_the_split_of_a_run_holds_where_images_came_and_went(photographs, tmp_path, caplog):
    before = build_sources(photographs)[1].division
    write_division(tmp_path, before._replace(train=before.train[1:], val=[*before.val, "gone.png"]))
    held = replace(photographs, val=Validation(split=0.5))
    val = build_sources(held, run=tmp_path)[1]
    assert names(val) == set(before.val)
    assert "1 are new and not held out, 1 of those held out are gone" in caplog.text
    other = replace(held, val=replace(held.val, digest="0123456789ab"))
    assert len(build_sources(other, run=tmp_path)[1]) == 10  # the file is of another run
    assert "some of those held out now may have been trained on" in caplog.text


def test_a_split_file_that_is_something_else_is_named(photographs, tmp_path):
    for text in ("[", '{"train": 1}', '{"train": [], "val": [1]}'):
        (tmp_path / "split.json").write_text(text)
        with pytest.raises(ValueError, match=r"split\.json .* the split is made anew"):
            build_sources(photographs, run=tmp_path)


def test_a_run_writes_its_split_and_a_copied_checkpoint_finds_it_again(photographs, tiny, tmp_path, caplog):
    from cornernet.evaluation import evaluate_checkpoint

    given = ["data.name=coco", f"data.root={photographs.root}", "data.train.annotations=all.json", "data.val.split=0.2"]
    run = tmp_path / "run"
    engine.train(config.load(tiny, [*given, f"work_dir={run}", "train.steps=1", "seed=5"]))
    split, val = json.loads((run / "split.json").read_text()), build_sources(photographs)[1]
    assert set(split["val"]) == names(val) and len(split["train"]) == 16
    saved = config.load(run / "config.yaml")
    assert saved.data.val.digest == val.division.digest
    again = ["train.steps=2", "train.resume=auto", f"work_dir={run}"]
    with pytest.raises(ValueError, match=r"of another run: data\.val\.split: 0\.2 -> 0\.5"):
        engine.train(config.load(run / "config.yaml", [*again, "data.val.split=0.5"]))
    new = added(photographs)  # would be held out, were the split made anew
    engine.train(config.load(run / "config.yaml", again))
    after = json.loads((run / "split.json").read_text())
    assert after["val"] == split["val"] and after["train"] == [*split["train"], new]
    copied = tmp_path / "elsewhere" / "best.pt"
    copied.parent.mkdir()
    copied.write_bytes((run / "best.pt").read_bytes())
    evaluate_checkpoint(copied, ["test.ae_threshold=99"])
    assert "some of those held out now may have been trained on" in caplog.text
    caplog.clear()
    (copied.parent / "split.json").write_bytes((run / "split.json").read_bytes())
    evaluate_checkpoint(copied, ["test.ae_threshold=99"])
    found = json.loads((copied.parent / "evaluation" / "predictions.json").read_text())
    ids = {val.record(i).image_id for i in range(len(val))}
    assert found and {row["image_id"] for row in found} <= ids and "changed since" not in caplog.text
