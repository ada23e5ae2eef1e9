"""Whatever comes in: random boxes, sizes and masks through a whole detector, random damage to files and annotations.

Seeded: the same examples on every run.
"""

import copy
import io
import json
from dataclasses import replace
from functools import cache, partial

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cornernet import config, detectors
from cornernet.data import read, read_image, require_boxes
from cornernet.data.images import Fault, examine
from cornernet.data.loader import collate
from cornernet.data.pipeline import build, run
from cornernet.prediction import inference
from cornernet.structures import LabelledImage, Sample

seeded = partial(settings, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

# -- boxes, sizes and masks: transforms -> targets -> loss -> decode -----------------------------------------------

sides = st.one_of(st.integers(1, 8), st.integers(9, 300), st.sampled_from([1, 1200]))


@st.composite
def annotated(draw_):
    """Image (height, width) with boxes as the reader leaves them: inside, with area, however thin."""
    height, width = draw_(sides), draw_(sides)
    shares = st.tuples(*[st.floats(0, 1, width=32)] * 4)
    boxes = np.array(draw_(st.lists(shares, max_size=12)), np.float64).reshape(-1, 4)
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1)
    boxes = (boxes * [width, height, width, height]).astype(np.float32)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
    labels = draw_(st.lists(st.integers(0, 2), min_size=len(boxes), max_size=len(boxes)))
    return (height, width), boxes, np.array(labels, np.int64)


def noise(size, seed):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def _given(size, boxes, labels, index):
    return LabelledImage(noise(size, index), boxes, labels)


@cache
def detector_of(path):
    chosen = config.load(path)
    torch.manual_seed(0)
    return detectors.build(chosen, 3), chosen


@pytest.mark.parametrize("kind", ["tiny", "tiny_anchor"])
@given(
    one=annotated(), other=annotated(), seed=st.integers(0, 10**6), cropping=st.booleans(),
    longest=st.sampled_from([None, 1, 64, 200]), hidden=st.integers(0, 2**16 - 1),
)  # fmt: skip
@seeded(max_examples=25)
def test_from_any_boxes_to_finite_losses_and_boxes_inside(request, kind, one, other, seed, cropping, longest, hidden):
    detector, chosen = detector_of(request.getfixturevalue(kind))
    frame = {"crop": {"scales": [0.9, 1.0], "border": 16}} if cropping else {"fit": {}}
    transforms = {**frame, "flip": {"vertical": 0.5}, "colour": {}, "lighting": {}}
    pipeline = build(replace(chosen.data, input_size=(64, 64), longest_side=longest, transforms=transforms))
    samples = []
    for index, (size, boxes, labels) in enumerate([one, other]):
        made, numbers = run(pipeline, (seed, 0, index), partial(_given, size, boxes, labels), 2)
        image, boxes, labels = made
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8
        assert np.isfinite(boxes).all() and (boxes[:, :2] < boxes[:, 2:]).all() and len(boxes) == len(labels)
        assert (boxes >= 0).all() and (boxes <= 64).all()
        samples.append(Sample(image, boxes, labels, index, numbers))
    batch = collate(samples, chosen.data.max_objects, pipeline.changes())
    kept = torch.tensor([hidden >> bit & 1 for bit in range(16)], dtype=torch.bool).view(2, 8)
    batch = batch._replace(mask=batch.mask & kept)
    terms = detector.train()(batch)
    assert all(torch.isfinite(value) for value in terms.values()), terms
    detector.zero_grad()
    terms["total"].backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in detector.parameters())
    found = detector.eval().predict(batch.images)
    valid = found.scores >= 0
    assert torch.isfinite(found.boxes[valid]).all() and (found.scores <= 1).all()
    assert (found.labels[valid] < 3).all()


@pytest.mark.parametrize("kind", ["tiny", "tiny_anchor"])
@given(size=st.tuples(sides, sides), seed=st.integers(0, 99), longest=st.sampled_from([None, 64]), flip=st.booleans())
@seeded(max_examples=15)
def test_detections_lie_inside_images_of_any_size(request, kind, size, seed, longest, flip):
    detector, _ = detector_of(request.getfixturevalue(kind))
    (found,) = inference.detect(detector, [noise(size, seed)], longest_side=longest, flip=flip)
    height, width = size
    assert torch.isfinite(found.boxes).all() and torch.isfinite(found.scores).all()
    assert (found.boxes >= 0).all() and (found.boxes <= torch.tensor([width, height, width, height])).all()
    assert (found.boxes[:, :2] < found.boxes[:, 2:]).all() and len(found.boxes) <= 100


# -- annotation files -------------------------------------------------------------------------------------------

VALID = {
    "info": {},
    "images": [{"id": i, "file_name": "a.png", "width": 8, "height": 6} for i in (1, 2, 3)],
    "annotations": [
        {"id": i, "image_id": i % 3 + 1, "category_id": i % 2 + 3, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}
        for i in range(4)
    ] + [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [0, 0, 8, 6], "iscrowd": 1,
          "segmentation": {"size": [6, 8], "counts": [0, 48]}}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog", "supercategory": "pet"}],
}  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["", "..", "\ud800"]),
    st.lists(st.one_of(st.integers(-9, 9), st.floats(), st.none(), st.text(max_size=2)), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.just(10**400), st.just([[[[]]]]),
)  # fmt: skip


def places(value, path=()):
    """Paths to everything inside a nested value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from places(child, (*path, key))


@st.composite
def mutated(draw_):
    """VALID with one to three things dropped, replaced or doubled."""
    content = copy.deepcopy(VALID)
    for _ in range(draw_(st.integers(1, 3))):
        where = list(places(content))
        if not where:
            break
        *path, last = draw_(st.sampled_from(where))
        holder = content
        for key in path:
            holder = holder[key]
        how = draw_(st.sampled_from(["drop", "replace", "double"]))
        if how == "drop":
            del holder[last]
        elif how == "replace":
            holder[last] = copy.deepcopy(draw_(JUNK))
        else:
            holder[last] = [holder[last], holder[last]]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder with one image, 8 x 6."""
    path = tmp_path_factory.mktemp("set")
    (path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((6, 8, 3), np.uint8))[1].tobytes())
    return path


@given(content=mutated(), on_error=st.sampled_from(["stop", "skip"]))
@seeded(max_examples=200)
def test_a_mutated_annotation_file_is_read_or_refused_with_a_sentence(folder, content, on_error):
    (folder / "t.json").write_text(json.dumps(content))
    try:
        source = read(folder / "t.json", folder, on_error, quiet=True)
        require_boxes(source)
    except (ValueError, OSError) as error:
        assert "t.json" in str(error) and "\n" not in str(error) and 20 < len(str(error)) < 700
        str(error).encode()  # no half characters
        return
    for i in range(len(source)):
        boxes = source.boxes(i)
        assert (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= 0).all() and np.isfinite(boxes).all()
        if source.record(i)[2:] == (8, 6):  # else the image is refused as of another size
            source.image(i)
    json.dumps(source.coco(), allow_nan=False)
    "".join(source.class_names).encode()


@given(at=st.integers(0, 10**6), new=st.binary(min_size=1, max_size=4))
@seeded(max_examples=200)
def test_a_damaged_annotation_file_is_read_or_refused_with_a_sentence(folder, at, new):
    data = json.dumps(VALID).encode()
    at %= len(data)
    (folder / "t.json").write_bytes(data[:at] + new + data[at + len(new) :])
    try:
        read(folder / "t.json", folder, "skip", quiet=True)
    except (ValueError, OSError) as error:
        assert "t.json" in str(error) and "\n" not in str(error)


# -- images ---------------------------------------------------------------------------------------------------

IMAGE = noise((20, 30), 0)
ENCODED = {ending: cv2.imencode(ending, IMAGE)[1].tobytes() for ending in (".jpg", ".png", ".bmp", ".webp", ".tiff")}


@pytest.mark.parametrize("ending", ENCODED)
@given(at=st.integers(0, 10**6), new=st.binary(min_size=1, max_size=4), kept=st.floats(0, 1))
@seeded(max_examples=60)
def test_a_damaged_image_is_read_or_refused_with_a_sentence(folder, ending, at, new, kept):
    data = ENCODED[ending]
    at %= len(data)
    damaged = data[:at] + new + data[at + len(new) : max(at, int(kept * len(data)))]
    path = folder / "damaged"
    path.write_bytes(damaged)
    quick = examine(io.BytesIO(damaged), 30, 20)
    try:
        assert read_image(path, 30, 20).shape == (20, 30, 3)
        assert not isinstance(quick, Fault)  # the fast look never refuses what can be read
    except (ValueError, OSError) as error:
        assert str(path) in str(error) and "\n" not in str(error)
