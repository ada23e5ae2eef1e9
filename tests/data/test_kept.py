"""What was read of a large annotation file is kept: used while it is right, by all processes, and never believed."""

import hashlib
import json
import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from cornernet.data.annotations import Asked, annotated, kept, stored
from cornernet.data.annotations.packed import KINDS, Place
from cornernet.data.opening import opened
from cornernet.data.sources import coco
from tests.data import layouts
from tests.data.layouts import draw, write


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """Folder of what is kept, of files of any size."""
    monkeypatch.setattr(kept, "LEAST", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/cornernet/annotations"


@pytest.fixture
def file(tmp_path) -> Path:
    """A set with a crowd, a box that leaves its image, one without area and one of an image that is not there."""
    held = json.loads(layouts.coco(layouts.TRAIN))
    for image in held["images"]:
        draw(tmp_path / "set" / image["file_name"], Path(image["file_name"]).stem)
    first = held["annotations"][0]
    crowd = {"id": 900, "iscrowd": 1, "segmentation": {"counts": [3, 4], "size": [30, 40]}}
    held["images"].append({"id": 77, "file_name": "gone.jpg", "width": 40, "height": 30})
    held["annotations"] += [first | crowd, first | {"id": 901, "bbox": [5, 5, 500, 9]}]
    held["annotations"] += [first | {"id": 902, "bbox": [5, 5, 0, 9]}, first | {"id": 903, "image_id": 77}]
    return write(tmp_path / "set/a.json", json.dumps(held))


@pytest.fixture
def readings(monkeypatch) -> list:
    """A list that grows with each time that an annotation file is read."""
    found, load = [], coco.load
    monkeypatch.setattr(coco, "load", lambda path: (found.append(path), load(path))[1])
    return found


def asked(file: Path, on_error: str = "skip", **more):
    return opened(Asked(file), on_error, True, **more)


def same(one, other) -> bool:
    """Whether two sets hold the same and say the same."""
    told = [(x.coco(), x.problems.findings(), x.problems.summary(), x.root, x.origin) for x in (one, other)]
    return told[0] == told[1]


def only(place: Path) -> Path:
    (path,) = place.glob("*.set")
    return path


def renew(path: Path, data: bytes) -> None:
    """Put another file in place of one that is mapped, as `writing.replacing` does."""
    path.unlink()
    path.write_bytes(data)


def sign(path: Path, data: bytes) -> None:
    """Write a file as whole as ours, whatever it holds."""
    renew(path, data + hashlib.blake2b(data, digest_size=stored.DIGEST).digest())


def test_it_is_read_once_and_the_same(file, readings, place):
    without = asked(file, cache=False)
    assert not place.exists()
    first, second = asked(file), asked(file)
    assert len(readings) == 2 and same(without, first) and same(first, second)
    assert without.problems.skipped == {"missing image": 1, "bbox has no area": 1} and without.problems.repaired
    assert sorted(x.name.rpartition(".")[2] for x in place.iterdir()) == ["set"]  # neither a lock nor a temporary file


@pytest.mark.parametrize(
    "change",
    [
        lambda file: write(file, file.read_text() + " "),
        lambda file: draw(file.parent / "gone.jpg", layouts.TRAIN[0]),
        lambda file: (file.parent / f"{layouts.TRAIN[0]}.jpg").unlink(),
    ],
    ids=["another file", "an image more", "an image less"],
)
def test_what_has_changed_is_read_anew(file, readings, change):
    asked(file)
    change(file)
    assert same(asked(file), asked(file, cache=False)) and len(readings) == 3


def test_another_question_has_another_answer(file, readings, tmp_path):
    asked(file)
    with pytest.raises(ValueError, match=r"there is no file .*gone\.jpg"):
        asked(file, "stop")
    opened(Asked(file, "val", tmp_path / "set"), "skip", True)
    assert len(readings) == 3


def test_images_found_elsewhere_are_those_that_are_used(file, readings, tmp_path):
    asked(file)
    (file.parent / "images").mkdir()
    for image in file.parent.glob("*.jpg"):
        image.rename(file.parent / "images" / image.name)
    assert asked(file).root == file.parent / "images" and len(readings) == 2


def test_sizes_that_come_from_images_are_not_kept(file, place):
    held = json.loads(file.read_text())
    del held["images"][0]["width"]
    assert asked(write(file, json.dumps(held))).problems.repaired["image without a size"] == 1
    assert not list(place.glob("*.set"))


def test_a_small_file_is_not_kept(file, place, monkeypatch):
    monkeypatch.setattr(kept, "LEAST", file.stat().st_size + 1)
    asked(file)
    assert not place.exists()


@pytest.mark.parametrize("at", [0, 20, 40, 200, 0.5, -40, -1], ids=str)
def test_damage_is_said_and_made_good(file, place, caplog, at):
    first = asked(file)
    path = only(place)
    data = bytearray(path.read_bytes())
    data[int(at * len(data)) if at == 0.5 else at] ^= 1
    renew(path, bytes(data))
    assert same(first, asked(file)) and "is damaged, the annotations are read anew" in caplog.text
    caplog.clear()
    assert same(first, asked(file)) and not caplog.text


@pytest.mark.parametrize("length", [0, 10, 100, -1])
def test_a_file_cut_short_is_made_good(file, place, length):
    first = asked(file)
    path = only(place)
    renew(path, path.read_bytes()[:length])
    assert same(first, asked(file))


def header(**changes):
    """Change of the header of a file."""

    def change(data: bytes) -> bytes:
        size = int.from_bytes(data[16:24], "little")
        held = json.loads(data[24 : 24 + size]) | changes
        text = json.dumps(held).encode()
        text += b" " * (-(len(text) - size) % stored.ALIGNED)
        return data[:16] + len(text).to_bytes(8, "little") + text + data[24 + size :]

    return change


def array(name: str, value, at: int = 0):
    """Change of a number of an array."""

    def change(data: bytes) -> bytes:
        size = int.from_bytes(data[16:24], "little")
        rows, place = json.loads(data[24 : 24 + size])["rows"], 24 + size
        for other, (kind, width) in KINDS.items():
            place += -place % stored.ALIGNED
            if other == name:
                break
            place += rows[other] * max(1, width) * np.dtype(kind).itemsize
        changed = bytearray(data)
        number = np.array([value], KINDS[name][0].replace("b", "u")).tobytes()
        changed[place + at * len(number) : place + (at + 1) * len(number)] = number
        return bytes(changed)

    return change


HOSTILE = {
    "a label that is none": array("labels", 99),
    "a negative label": array("labels", -1),
    "a start beyond the objects": array("start", 2**40, 1),
    "a name that leads out": array("name_data", ord("/")),
    "a name that is no text": array("name_data", 0xFF),
    "names out of order": array("name_start", 2**40, 1),
    "a size of 0": array("sizes", 0),
    "a negative size": array("sizes", -40, 3),
    "an id of two images": array("ids", 2),
    "a box that is no number": array("bbox", np.nan),
    "edges that are no number": array("boxes", np.nan),
    "a mask of no object": array("mask_rows", 10**6),
    "a crowd that is neither": array("iscrowd", 2),
    "a class name that commands": header(class_names=["\x1b[2J", "b", "c"]),
    "classes for numbers": header(category_ids=["1", "2", "3"]),
    "no classes": header(category_ids=[], class_names=[]),
    "another number of rows": header(rows=dict.fromkeys(KINDS, 1)),
    "rows below nothing": header(rows=dict.fromkeys(KINDS, -1)),
    "rows that are none": header(rows={}),
    "a name that is absent and elsewhere": header(absent=["../../x"]),
    "problems that are none": header(first=5),
    "counts that are none": header(skipped={"a": "x"}),
    "a number without end": header(rows=dict.fromkeys(KINDS, float("inf"))),
    "another header": header(root=None),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_makes_no_sense_is_not_believed(file, place, caplog, what):
    first = asked(file)
    path = only(place)
    sign(path, HOSTILE[what](path.read_bytes()[: -stored.DIGEST]))
    assert same(first, asked(file)), what
    assert "is damaged, the annotations are read anew" in caplog.text, what


def test_ids_that_are_texts_are_of_one_image_each(file, place, caplog):
    names = {n: f"id {n}" for n in (0, 1, 2, 77)}
    held = json.loads(file.read_text())
    for entry in held["images"]:
        entry["id"] = names[entry["id"]]
    for entry in held["annotations"]:
        entry["image_id"] = names[entry["image_id"]]
    first = asked(write(file, json.dumps(held)))
    path = only(place)
    assert same(first, asked(file)) and not caplog.text
    sign(path, array("id_data", ord("1"), 3)(path.read_bytes()[: -stored.DIGEST]))
    assert same(first, asked(file)) and "read anew: its 3 images do not have one id each" in caplog.text


def test_a_message_from_a_file_is_printable(file, place):
    asked(file)
    path, first = only(place), {"bad area": ["bad area", 1, "\x1b[2J", "\x07", False]}
    sign(path, header(first=first, repaired={"bad area": 1}, skipped={})(path.read_bytes()[: -stored.DIGEST]))
    (found,) = asked(file).problems.findings()
    assert "\x1b" not in found.example and "\x07" not in found.outcome


def test_where_nothing_can_be_kept_it_is_read_all_the_same(file, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(write(tmp_path / "file", "x")))
    assert same(asked(file), asked(file, cache=False))
    assert "checked annotations cannot be kept in" in caplog.text and "data.cache=false" in caplog.text


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="follows links")
def test_a_link_in_place_of_the_lock_is_not_followed(file, place, tmp_path, caplog):
    first = asked(file)
    path = only(place)
    path.rename(tmp_path / "away")
    path.with_suffix(".lock").symlink_to(write(tmp_path / "other", "of someone else"))
    assert same(first, asked(file)) and (tmp_path / "other").read_text() == "of someone else"
    assert f"{path.stem}.lock is a symbolic link, which a lock does not follow (data.cache=false" in caplog.text


def test_without_a_home_it_is_read_all_the_same(file, monkeypatch, caplog):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", _homeless)
    assert same(asked(file), asked(file, cache=False))
    assert "checked annotations cannot be kept: Could not determine home" in caplog.text


def _homeless(path):
    raise RuntimeError("Could not determine home directory.")


def test_a_full_disk_costs_nothing_but_the_file(file, place, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored.writing.os, "replace", full)
    assert same(asked(file), asked(file, cache=False))
    assert "could not be kept: [Errno 28] No space left" in caplog.text and not list(place.iterdir())


def test_a_file_that_changes_while_it_is_read_is_not_kept(file, place, monkeypatch):
    load = coco.load
    monkeypatch.setattr(coco, "load", lambda path: (write(path, path.read_text() + " "), load(path))[1])
    asked(file)
    assert not list(place.glob("*.set"))


def _reads(file: Path, log: Path, gate) -> None:
    load = coco.load

    def slow(path):
        with log.open("a") as stream:
            stream.write("x")
        time.sleep(0.3)
        return load(path)

    coco.load = slow
    gate.wait()
    assert len(asked(file)) == len(layouts.TRAIN)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("keepable", [True, False])
def test_of_several_processes_one_reads_it_unless_it_cannot_be_kept(file, tmp_path, keepable):
    if not keepable:
        held = json.loads(file.read_text())
        del held["images"][0]["width"]
        write(file, json.dumps(held))
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(3)
    processes = [context.Process(target=_reads, args=(file, tmp_path / "log", gate)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert (tmp_path / "log").read_text() == ("x" if keepable else "xxx")


def test_it_travels_as_the_name_of_its_file(file, monkeypatch):
    source = asked(file)
    places = [x for x in source.__getstate__()["arrays"].values() if isinstance(x, Place)]
    assert len(places) == len(KINDS) - 2  # no id is a text
    there = pickle.loads(pickle.dumps(source))
    assert same(source, there) and isinstance(there.objects.bbox.base, np.memmap)
    part = pickle.loads(pickle.dumps(annotated.chosen(source, [1])))
    assert part.coco() == annotated.chosen(source, [1]).coco()


@pytest.mark.parametrize("removed", [True, False])
def test_it_travels_as_it_is_where_another_start_has_written_the_file_anew(file, place, removed):
    source = asked(file)
    before = source.coco()
    path = only(place)
    if removed:
        path.unlink()
    else:
        (file.parent / f"{layouts.TRAIN[0]}.jpg").unlink()
        assert asked(file).coco() != before and only(place) == path
    assert pickle.loads(pickle.dumps(source)).coco() == before


def test_a_file_that_is_written_anew_on_the_way_is_not_read_as_the_one_before(file, place):
    travelling = pickle.dumps(asked(file))
    (file.parent / f"{layouts.TRAIN[0]}.jpg").unlink()
    asked(file)
    with pytest.raises(ValueError, match="has been written anew"):
        pickle.loads(travelling)


def test_what_nobody_opens_is_removed(file, place):
    asked(file)
    old = write(place / "old.set", "x")
    used = only_other(place, old)
    os.utime(old, (0, time.time() - kept.UNUSED - 60))
    os.utime(used, (0, time.time() - kept.UNUSED + 60))
    asked(file)  # marks it as used
    asked(write(file, file.read_text() + " "))
    assert not old.exists() and used.exists() and len(list(place.glob("*.set"))) == 2


def only_other(place: Path, old: Path) -> Path:
    (path,) = set(place.glob("*.set")) - {old}
    return path
