"""A transform is one file, found by its name or by its dotted path; where it runs, it says itself."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.data import build_source, prepare, train_loader, try_transforms
from cornernet.data.transforms import TRANSFORMS
from cornernet.training import engine, show_data

MOSAIC = '''
"""Four images in the quarters of one."""

import cv2
import numpy as np

from cornernet.config.ranges import SHARE
from cornernet.structures import LabelledImage

WHERE = "worker"
RANGES = {"p": SHARE}


def mosaic(sample, rng, input_size, others, p: float = 0.5):
    if rng.random() >= p:
        return sample
    height, width = input_size[0] // 2, input_size[1] // 2
    out, boxes = np.zeros((2 * height, 2 * width, 3), np.uint8), []
    quarters = [sample, *others(3)]
    for place, (image, found, _) in enumerate(quarters):
        y, x = place // 2 * height, place % 2 * width
        out[y : y + height, x : x + width] = cv2.resize(image, (width, height))
        scale = np.array([width, height] * 2) / np.array([image.shape[1], image.shape[0]] * 2)
        boxes.append(found * scale + np.array([x, y, x, y]))
    return LabelledImage(out, np.concatenate(boxes), np.concatenate([labels for _, _, labels in quarters]))
'''
GREY = '''
"""Some images without their colours."""

WHERE = "device"


def grey(rng, p: float = 0.1):
    return {"chosen": rng.random() < p}


def change(images, chosen):
    return images.mean(1, keepdim=True).expand_as(images).where(chosen[:, None, None, None], images)
'''
DIM = '''
"""A matrix on colours, which the normalisation applies in its own pass: less blue."""

import torch

WHERE = "device"


def dim(rng, share: float = 0.5):
    return {"share": share}


def change_colours(means, share):
    factors = torch.ones_like(means)
    factors[:, 0] = share
    return factors.diag_embed(), means * 0 + 0.25
'''
TEXTS = {  # names that no file of the package will have
    f"seam_{name}": text.replace(f"def {name}", f"def seam_{name}")
    for name, text in {"mosaic": MOSAIC, "grey": GREY, "dim": DIM}.items()
}
BY_NAME = [
    "data.transforms={seam_mosaic: {p: 0.7}, crop: {}, flip: {}, colour: {}, lighting: null, seam_grey: {p: 0.5}}",
    "data.max_objects=16",
]
SHORT = ["train.steps=4", "train.save_every=2", "train.eval_every=0", "data.shapes.val_images=1", "train.batch_size=2"]


def by_path(attribute=True):
    """The same transforms by the paths of their functions, or of the files."""
    names = {x: f"seam.{x}.{x}" if attribute else f"seam.{x}" for x in TEXTS}
    text = f"first: {{name: {names['seam_mosaic']}, p: 0.7}}, crop: {{}}, flip: {{}}, colour: {{}}, lighting: null"
    return [f"data.transforms={{{text}, last: {{name: {names['seam_grey']}, p: 0.5}}}}", "data.max_objects=16"]


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """A package of the user's on the Python path with one file a transform."""
    (tmp_path / "seam").mkdir()
    (tmp_path / "seam" / "__init__.py").write_text("")
    for name, text in TEXTS.items():
        (tmp_path / "seam" / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "seam"]:
        sys.modules.pop(name)


def batches(settings, start=0, steps=4, workers=0):
    source = build_source(settings.data, "train")
    data = config.override(settings, [f"data.workers={workers}"]).data
    return list(train_loader(data, source, 2, 1, settings.seed, start, steps, typed=True))


def same(one, other):
    pairs = [zip(x.tensors(), y.tensors(), strict=True) for x, y in zip(one, other, strict=True)]
    return all(torch.equal(x, y) for pair in pairs for x, y in pair)


def test_a_file_by_its_path_does_the_same_for_any_number_of_workers(own_files, tiny):
    settings = config.load(tiny, by_path())
    whole = batches(settings)
    assert same(whole, batches(config.load(tiny, by_path(attribute=False))))  # of the file, of the function in it
    assert same(whole, batches(settings, workers=1)) and same(whole, batches(settings, workers=2))
    assert same(whole[2:], batches(settings, start=2))  # as a resumed run begins
    (grey,) = [change for change in whole[0].changes if not change.on_colours]
    assert grey.numbers["chosen"].dtype == torch.bool and len(whole[0].changes) == 2
    assert max(int(batch.mask.sum(1).max()) for batch in whole) > 3  # of the set's images none has more


def test_mosaic_asks_for_further_images_with_their_objects(own_files, tiny):
    words = ["data.transforms.crop=null", "data.transforms.flip=null", "data.transforms.colour=null"]
    settings = config.load(tiny, [*by_path(), *words, "data.transforms.first.p=1", "data.transforms.last.p=1"])
    source = build_source(settings.data, "train")
    for batch in batches(settings, steps=2):
        grey = prepare(batch, (0.0,) * 3, (1.0,) * 3)
        assert torch.equal(grey[:, 0], grey[:, 1]) and not torch.equal(batch.images[:, 0], batch.images[:, 1])
        for row, index in enumerate(batch.index.tolist()):
            first = batch.boxes[row][batch.mask[row]][: len(source.boxes(index))]  # top left, half as large
            np.testing.assert_allclose(first, source.boxes(index) / 2, atol=1e-4)


def test_the_order_is_the_one_that_is_written(own_files, tiny):
    """A matrix on colours before and behind a change of the images, which do not give the same."""
    dim, grey = "dim: {name: seam.seam_dim, share: 0.5}", "grey: {name: seam.seam_grey, p: 1}"
    base = {}
    for text in (f"{dim}, {grey}", f"{grey}, {dim}"):
        words = f"data.transforms={{{text}, crop: {{}}, flip: null, colour: null, lighting: null}}"
        (batch,) = batches(config.load(tiny, [words]), steps=1)
        base[text] = batch, prepare(batch, (0.0,) * 3, (1.0,) * 3)
    pixels = batch.images.float() / 255
    less = torch.tensor([0.5, 1, 1]).view(1, 3, 1, 1)
    expected = (pixels * less + 0.25).mean(1, keepdim=True).expand_as(pixels)
    torch.testing.assert_close(base[f"{dim}, {grey}"][1], expected)
    torch.testing.assert_close(base[f"{grey}, {dim}"][1], pixels.mean(1, keepdim=True) * less + 0.25)
    first, second = (base[text][0].changes for text in (f"{dim}, {grey}", f"{grey}, {dim}"))
    assert [x.on_colours for x in first] == [True, False] and [x.on_colours for x in second] == [False, True]


def test_every_use_has_a_stream_of_its_own(own_files, tiny):
    text = "data.transforms={lighting: {}, again: {name: lighting}, crop: {}, flip: null, colour: null}"
    (batch,) = batches(config.load(tiny, [text]), steps=1)
    one, other = (change.numbers["light"] for change in batch.changes)
    assert not torch.equal(one, other)
    (less,) = batches(config.load(tiny, [text, "data.transforms.again=null"]), steps=1)
    assert torch.equal(less.changes[0].numbers["light"], one) and torch.equal(less.images, batch.images)


def test_a_run_by_path_resumes_exactly_and_a_checkpoint_names_no_code(own_files, tiny):
    words = [*by_path(), *SHORT]
    whole, cut = own_files / "whole", own_files / "cut"
    engine.train(config.load(tiny, [*words, f"work_dir={whole}"]))
    engine.train(config.load(tiny, [*words, f"work_dir={cut}", "train.steps=2"]))
    engine.train(config.load(tiny, [*words, f"work_dir={cut}", "train.resume=auto"]))
    first, second = (checkpoint.load(folder / "last.pt")["model"] for folder in (whole, cut))
    assert all(torch.equal(first[key], second[key]) for key in first)
    settings = config.load(tiny, [*words, f"work_dir={own_files / 'other'}", f"train.resume={cut / 'last.pt'}"])
    foreign = config.from_container(config.to_dict(settings))
    assert config.untyped(foreign, "data.transforms") == [
        "data.transforms.first.name=seam.seam_mosaic.seam_mosaic", "data.transforms.last.name=seam.seam_grey.seam_grey",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="only looked up where you typed it"):
        engine.train(foreign)
    assert show_data.show(tiny, by_path(), 1, own_files / "shown").objects > 0


PLUGIN = """
import sys
from cornernet import config
from cornernet.data.transforms import TRANSFORMS
from cornernet.training import engine
engine.train(config.load(sys.argv[1], sys.argv[2:]))
print(sorted(x for x in TRANSFORMS if x.startswith("seam")))
"""


def test_a_file_by_its_name_trains_and_nothing_else_is_touched(tiny, tmp_path):
    folder = tmp_path / "mine" / "data" / "transforms"
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    words = [*BY_NAME, *SHORT, "train.steps=2", "data.workers=1", f"work_dir={tmp_path / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-c", PLUGIN, str(tiny), *words, "data.transforms.seam_mosaic.p=1"],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path / "mine")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("['seam_dim', 'seam_grey', 'seam_mosaic']\n")
    held = checkpoint.load(tmp_path / "run" / "last.pt")
    transforms = held["config"]["data"]["transforms"]
    assert held["step"] == 2 and next(iter(transforms)) == "seam_mosaic" and transforms["seam_mosaic"] == {"p": 1}
    assert not any(name.startswith("seam") for name in TRANSFORMS)


# --- what is wrong is a sentence, before any data is read ---


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("flip.pp=1", "data.transforms.flip has no argument 'pp'; it takes p, vertical, did you mean p?"),
        ("flip.p=a", "data.transforms.flip: p must be float, got 'a'"),
        ("flip.p=.nan", "data.transforms.flip: p must be a number, got nan"),
        ("flip.rng=1", "data.transforms.flip has no argument 'rng'; it takes p, vertical"),
        ("flpi.p=1", "unknown transform 'flpi', did you mean flip? Choose from blur, colour, copy_paste, crop, "),
        ("first.others=1", "data.transforms.first has no argument 'others'; it takes p"),
        ("first.p=2", "data.transforms.first.p must be at least 0 and at most 1, got 2"),
        ("crop.scales=2", "data.transforms.crop: scales must be a list, such as [1, 2], got 2"),
        ("crop=null", "data.transforms leave an image of 64x48 pixels where the input has 60x64: crop takes"),
        ("x={name: os.path.join}", "data.transforms.x: os.path.join declares WHERE = None, expected 'worker' or 'dev"),
        ("x={name: json.tool}", "data.transforms.x: json.tool must be a function, or a file with a function of its"),
        ("x={name: seam.nowhere}", "transform 'seam.nowhere': module seam has no nowhere"),
        ("x={name: seam.bad.words}", "x must give an image [H, W, 3] uint8, boxes [n, 4] and labels [n]"),
        ("x={name: seam.bad.floats}", "labels [n], got an image [64, 60, 3] float64, boxes [2, 4] and labels [2]"),
        ("x={name: seam.bad.fails}", "data.transforms.x failed on image 0 of the set: ZeroDivisionError: division by"),
        ("x={name: seam.worse.shape}", "on the device: ValueError: a change must give images [2, 3, 64, 60], got ["),
        ("x={name: seam.worse.numbers}", "x must give the numbers that it draws by their names, got a number"),
        ("x={name: seam.lost.lost}", "data.transforms.x: seam.lost.lost runs on the device, and must define change or"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(own_files, tiny, override, message):
    (own_files / "seam" / "bad.py").write_text(
        "WHERE = 'worker'\ndef words(sample, rng): return 'a', 'b', 'c'\n"
        "def floats(sample, rng): return sample._replace(image=sample.image / 2)\n"
        "def fails(sample, rng): return 1 / 0\n"
    )
    (own_files / "seam" / "worse.py").write_text(
        "WHERE = 'device'\ndef shape(rng): return {}\ndef numbers(rng): return 3\n"
        "def change(images): return images[:, :1]\n"
    )
    (own_files / "seam" / "lost.py").write_text("WHERE = 'device'\ndef lost(rng): return {}\n")
    settings = config.load(tiny, [*by_path(), "data.input_size=[64,60]", f"data.transforms.{override}"])
    if override == "crop=null":
        settings = config.override(settings, ["data.transforms.first=null"])
    with pytest.raises(ValueError) as error:
        try_transforms(settings.data, typed=True)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_asks_for_an_image_that_cannot_be_read_stops_or_goes_on_without(own_files, tiny, monkeypatch):
    settings = config.load(tiny, [*by_path(), "data.transforms.first.p=1", "data.shapes.train_images=2"])
    source = build_source(settings.data, "train")
    read = source.image

    def image(index):
        if index == 1:
            raise ValueError("1.png is cut short")
        return read(index)

    monkeypatch.setattr(source, "image", image)
    loader = train_loader(settings.data, source, 2, 1, settings.seed, 0, 1, typed=True)
    with pytest.raises(ValueError, match=r"1\.png is cut short"):
        next(iter(loader))
    skipping = config.override(settings, ["data.on_error=skip"]).data
    loader = train_loader(skipping, source, 2, 1, settings.seed, 0, 1, typed=True)
    next(iter(loader))
    assert loader.dataset.skipped() >= 1


def test_a_file_of_the_package_without_its_place_fails_with_its_name(tmp_path):
    (tmp_path / "data" / "transforms").mkdir(parents=True)
    (tmp_path / "data" / "transforms" / "smear.py").write_text("def smear(sample, rng): return sample\n")
    done = subprocess.run(
        [sys.executable, "-c", "import cornernet.data"],
        capture_output=True, text=True, env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1 and "smear.py must define smear and WHERE" in done.stderr
