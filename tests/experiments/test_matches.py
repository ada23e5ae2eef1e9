"""What is kept of the detections on each image: whether they hit, how many fit, and what is refused."""

import zipfile
from contextlib import suppress

import numpy as np
import pytest

from cornernet.evaluation import scoring
from cornernet.evaluation.truth import from_coco, placed
from cornernet.experiments import matches
from cornernet.prediction import from_results

CONTENT = {
    "images": [{"id": 7, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 2, "image_id": 3, "category_id": 2, "bbox": [10, 10, 20, 20]},
        {"id": 3, "image_id": 3, "category_id": 2, "bbox": [50, 50, 20, 20], "iscrowd": 1},
    ],
}


def box(image, category, score, *bbox):
    return {"image_id": image, "category_id": category, "score": score, "bbox": list(bbox)}


FOUND = [
    box(7, 1, 0.3, 0, 0, 10, 9),  # behind a better one
    box(7, 1, 0.9, 0, 0, 10, 10),
    box(3, 1, 0.8, 10, 10, 20, 20),  # of another class
    box(3, 2, 0.7, 12, 10, 20, 20),
    box(3, 2, 0.6, 50, 50, 10, 10),  # in the crowd
]


def collected(found, content=CONTENT, limit=100):
    truth = from_coco(content)
    return truth, matches.collect(truth, placed(from_results(found), truth), limit)


def test_hits_are_those_of_coco():
    _, held = collected(FOUND)
    assert held.images.tolist() == ["b.png", "a.png"] and held.classes.tolist() == ["cat", "dog"]
    assert held.objects.tolist() == [[1, 0], [0, 1]]
    assert held.scores == pytest.approx([0.9, 0.8, 0.7, 0.3], abs=1e-3) and held.hits.tolist() == [1, 0, 1, 0]
    assert held.image.tolist() == [0, 1, 1, 0] and held.labels.tolist() == [0, 0, 1, 0]
    assert held.boxes[2].tolist() == [12, 10, 32, 30] and held.boxes.dtype == np.float16
    assert collected(FOUND, limit=1)[1].scores == pytest.approx([0.9, 0.8, 0.7], abs=1e-3)  # of a class in an image


def test_the_recall_of_the_hits_is_that_of_the_evaluation():
    rng = np.random.default_rng(0)
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(8)]
    truth = [(i, 1 + j % 2, rng.uniform(0, 40, 4) + np.array([0, 0, 5, 5])) for i in range(8) for j in range(5)]
    content = {**CONTENT, "images": images, "annotations": [
        {"id": n, "image_id": i, "category_id": k, "bbox": b.tolist()} for n, (i, k, b) in enumerate(truth, 1)
    ]}  # fmt: skip
    found = [box(i, k, float(rng.random()), *(b + rng.normal(0, 4, 4))) for i, k, b in truth for _ in range(2)]
    known, held = collected(found, content)
    metrics = scoring.score(known, placed(from_results(found), known), "pycocotools").metrics
    assert len(held.scores) == 80 and 0.1 < held.hits.sum() / 40 < 1
    share = [held.hits[held.labels == k].sum() / held.objects[:, k].sum() for k in range(2)]
    curve = scoring.curves(known, placed(from_results(found), known), [1, 10, 100], "pycocotools")
    assert np.mean(share) == pytest.approx(np.mean(curve.recall[0, :, 0, -1])) and metrics.objects == 40


def many(images, each):
    rng = np.random.default_rng(1)
    count = images * each
    return matches.Matches(
        np.array([f"folder/{i:012d}.jpg" for i in range(images)]), np.array(["a", "b"]),
        np.ones((images, 2), np.int32), rng.integers(0, images, count, np.int32),
        np.sort(rng.random(count))[::-1].astype(np.float16), rng.integers(0, 2, count, np.int32),
        rng.random(count) < 0.5, rng.uniform(0, 600, (count, 4)).astype(np.float16),
    )  # fmt: skip


@pytest.mark.parametrize(("images", "each", "whole"), [(3, 2, True), (200, 200, False), (5000, 0, True)])
def test_a_file_is_small_and_holds_the_best(tmp_path, images, each, whole):
    made = many(images, each)
    matches.save(made, tmp_path / "new" / "x.npz")
    held = matches.load(tmp_path / "new" / "x.npz")
    assert (tmp_path / "new" / "x.npz").stat().st_size < 200_000
    assert (len(held.scores) == images * each) == whole and len(held.images) == images
    assert len(held.scores) > 8000 or whole
    for one, other in zip(held[3:], made[3:], strict=True):
        assert np.array_equal(one, other[: len(one)])
    assert np.array_equal(held.objects, made.objects) and np.array_equal(held.images, made.images)


def broken(held, name):
    count = len(held.scores)
    return {
        "missing": {k: v for k, v in held._asdict().items() if k != "hits"},
        "objects": held._asdict() | {"images": np.array([{}, {}], object)},
        "letters": held._asdict() | {"scores": np.array(["x"] * count)},
        "short": held._asdict() | {"labels": held.labels[:-1]},
        "image": held._asdict() | {"image": held.image + 1},
        "boxes": held._asdict() | {"boxes": held.boxes[:, :3]},
        "nan": held._asdict() | {"scores": np.full(count, np.nan, np.float16)},
        "classes": held._asdict() | {"classes": np.array(["a"])},
        "less": held._asdict() | {"objects": -held.objects - 1},
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "hits"), ("objects", "pickle"), ("letters", "scores is of <U1"), ("short", "labels has 3 entries"),
        ("image", "image or a class that is not listed"), ("boxes", "four numbers"), ("nan", "not finite"),
        ("classes", "classes has 1 entries where 2"), ("less", "less than no objects"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_belong_together_are_refused(tmp_path, name, message):
    np.savez(tmp_path / "x.npz", **broken(collected(FOUND)[1], name))
    with pytest.raises(ValueError, match=rf"x\.npz does not hold the matches of a comparison: .*{message}"):
        matches.load(tmp_path / "x.npz")


def test_damaged_files_are_refused_wherever_it_is(tmp_path):
    path = tmp_path / "x.npz"
    held = collected(FOUND)[1]
    matches.save(held, path)
    count = len(held.scores)
    whole, noise, taken = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        content = np.frombuffer(whole, np.uint8).copy()
        content[noise.integers(len(content), size=3)] = noise.integers(256, size=3)
        path.write_bytes(content.tobytes())
        with suppress(ValueError):
            taken += len(matches.load(path).scores) == count
    assert 0 < taken < 150  # some bytes mean nothing, and whatever is not refused is whole


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(" * 8000], ids=["huge", "deep"])
def test_a_head_that_promises_too_much_is_refused(tmp_path, shape):
    head = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    matches.save(collected(FOUND)[1], tmp_path / "whole.npz")
    with zipfile.ZipFile(tmp_path / "whole.npz") as held, zipfile.ZipFile(tmp_path / "x.npz", "w") as made:
        for name in held.namelist():
            own = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
            made.writestr(name, own if name == "scores.npy" else held.read(name))
    with pytest.raises(ValueError, match="does not hold the matches"):
        matches.load(tmp_path / "x.npz")


def test_files_that_are_something_else_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    for content in (b"", b"PK\x03\x04 no zip", np.random.default_rng(0).bytes(500)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="does not hold the matches"):
            matches.load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
        held.writestr("images.npy", bytes(2**27))
    with pytest.raises(ValueError, match="it unpacks to 134217728 bytes"):
        matches.load(path)
    with pytest.raises(FileNotFoundError):
        matches.load(tmp_path / "none.npz")
