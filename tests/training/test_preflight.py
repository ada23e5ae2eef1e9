"""Settings that no run can mean, refused by the name of their key before any data is read."""

import math
import sys

import pytest
import torch

from cornernet import config, detectors
from cornernet.config import ranges
from cornernet.system import limits
from cornernet.training import preflight

BAD = """
seed=-1 seed=9223372036854775808
model.head.tag_dim=0 model.head.channels=0 model.head.pool_channels=-3 model.backbone.stem_channels=0
model.min_overlap=0 model.min_overlap=-0.5 model.min_overlap=1.5 model.min_overlap=nan
data.shapes.size=31 data.shapes.size=1000000 data.longest_side=0 data.max_objects=0 data.workers=-1
data.transforms.crop.scales=[] data.transforms.crop.scales=[1,0] data.transforms.crop.scales=[1,11]
data.transforms.crop.border=-1
data.transforms.flip.p=-0.1 data.transforms.flip.p=1.1 data.transforms.flip.vertical=2
data.transforms.colour.strength=1 data.transforms.colour.strength=-0.1
data.transforms.lighting.std=-0.1 data.transforms.colour.strength=2
train.lr=0 train.lr=nan train.lr=inf train.gamma=0 train.batch_size=0 train.accumulate=0 train.clip_norm=nan
test.nms.sigma=0 test.ae_threshold=nan test.ae_threshold=-1 test.weights.distance=-1 test.weights.distance=inf
test.scales=[] test.scales=[nan] test.scales=[1,-1] test.top_k=0 test.num_dets=0 test.max_per_image=0
test.slices.size=[0,64] test.slices.size=[64,-1] test.slices.overlap=1 test.slices.overlap=-0.1 test.slices.overlap=nan
""".split()
GOOD = """
seed=0 seed=9223372036854775807 model.min_overlap=1 data.shapes.size=4096 data.longest_side=null data.longest_side=1
data.transforms.flip.p=0 data.transforms.flip.vertical=1 data.transforms.colour.strength=0
data.transforms.crop.border=0 train.clip_norm=inf
test.slices.size=16 test.slices.size=[64,128] test.slices.overlap=0
train.warmup_steps=0 test.ae_threshold=0 test.ae_threshold=inf test.weights.distance=0
""".split()


def check(tiny, *overrides):
    preflight.check(config.load(tiny, overrides))


@pytest.mark.parametrize("override", BAD)
def test_a_number_out_of_its_range_is_named_with_what_is_allowed(tiny, override):
    key, _, value = override.partition("=")
    with pytest.raises(ValueError, match=rf"^{key.replace('.', '[.]')} must (be|hold) .+, got ") as caught:
        check(tiny, override)
    got = str(caught.value).rpartition(", got ")[2].strip("[]").split(", ")
    wanted = value.strip("[]").split(",")
    assert [float(x or 0) for x in got] == pytest.approx([float(x or 0) for x in wanted], nan_ok=True)


@pytest.mark.parametrize("override", GOOD)
def test_the_ends_of_the_ranges_are_allowed(tiny, override):
    check(tiny, override)


def test_the_words_of_an_interval():
    assert str(ranges.Interval(1)) == "at least 1" and str(ranges.POSITIVE) == "above 0 and at most 1000000"
    assert str(ranges.Interval(0.0, ends="()")) == "above 0 and finite"
    assert str(ranges.Interval(0, 1)) == "at least 0 and below 1"
    assert str(ranges.Interval(0, math.inf, "(]", null=True)) == "above 0 or null"


# -- whole images ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [[], ["data.longest_side=64"], ["data.shapes.size=90", "data.longest_side=64"]])
def test_whole_images_may_be_trained_on_in_the_size_of_the_test(tiny, overrides):
    check(tiny, "data.transforms.crop=null", "data.transforms.fit={}", *overrides)


@pytest.mark.parametrize(
    ("overrides", "got"),
    [(["data.name=coco"], "null"), (["data.shapes.size=90"], "null"), (["data.longest_side=32"], "32")],
)
def test_whole_images_of_another_size_than_in_the_test_are_refused(tiny, overrides, got):
    with pytest.raises(ValueError, match=rf"data\.longest_side must be 64, got {got}$"):
        check(tiny, "data.transforms.crop=null", "data.transforms.fit={}", *overrides)
    check(tiny, *overrides)  # crops may be of any image


# -- losses from elsewhere --------------------------------------------------------------------------------------


class Weighted(torch.nn.Module):
    """A loss that keeps a tensor that is no buffer, reads values and branches on them."""

    def __init__(self):
        super().__init__()
        self.weights = torch.tensor([1.0, 2.0])

    def forward(self, pred, target, mask):
        assert float(mask.sum()) > 0
        return ((pred - target).abs() * self.weights)[mask].sum()


def unreduced(tl_tag, br_tag, mask):
    return (tl_tag - br_tag).abs()


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("heatmap", "torch.nn.BCEWithLogitsLoss"),
        ("offset", "torch.nn.L1Loss"),
        ("offset", f"{__name__}.Weighted"),
        ("grouping", "cornernet.losses.grouping.permutation_hung.permutation_hung"),
    ],
)
def test_a_loss_from_elsewhere_that_fits_is_accepted(tiny, role, name):
    check(tiny, f"loss.{role}.name={name}")


@pytest.mark.parametrize("place", ["pair", "classification"])
def test_a_region_stage_takes_losses_from_elsewhere_in_either_place(tiny, place):
    stage = "model.region={name: cpn, proposals: 20, args: {pair_channels: 4, class_channels: 4, bins: 3}}"
    check(tiny, stage, f"loss.{place}.name={__name__}.by_row")
    with pytest.raises(ValueError, match=rf"^loss\.{place}\.name=os\.system cannot be called as the {place} loss is: "):
        check(tiny, stage, f"loss.{place}.name=os.system")


def by_row(logits, labels):
    return logits.square().sum(1) * (labels >= 0)


@pytest.mark.parametrize(
    ("role", "name", "reason"),
    [
        ("grouping", "torch.nn.L1Loss", "cannot be called as the grouping loss is: TypeError: "),
        ("offset", "os.system", "cannot be called as the offset loss is: TypeError: "),
        ("heatmap", "os.path.join", "cannot be called as the heatmap loss is: TypeError: "),
        ("grouping", f"{__name__}.unreduced", r"must give one number, got a tensor of shape \[2, 1, 1\]"),
        ("offset", "torch.nn.CrossEntropyLoss", "makes no sense as the offset loss: a wrong offset costs no more than"),
        ("heatmap", "torch.nn.CrossEntropyLoss", "makes no sense as the heatmap loss: a corner found where there is"),
        ("feature", "torch.nn.CrossEntropyLoss", "makes no sense as the feature loss: IndexError: Target -1 is out of"),
    ],
)
def test_one_that_does_not_is_named_with_its_role(tiny, role, name, reason):
    with pytest.raises(ValueError, match=rf"^loss\.{role}\.name={name} {reason}"):
        check(tiny, f"loss.{role}.name={name}")


def test_labels_out_of_range_are_said_to_be(tiny_anchor):
    words = ["loss.classification={name: torch.nn.CrossEntropyLoss, args: {reduction: none}}"]
    with pytest.raises(
        ValueError, match=r"^loss\.classification\.name=torch\.nn\.CrossEntropyLoss .*IndexError: Target .*-1"
    ):
        check(tiny_anchor, *words)
    nonsense = ["loss.box={name: torch.nn.CrossEntropyLoss, args: {reduction: none}}", "model.anchor.box_space=deltas"]
    with pytest.raises(ValueError, match=r"CrossEntropyLoss makes no sense as the box loss: a wrong box costs no more"):
        check(tiny_anchor, *nonsense)


def listed(preds, gt):
    return sum(torch.where(gt == 1, -p.log(), -(1 - p).log() * (1 - gt)).sum() for p in preds)


def test_a_heatmap_loss_of_the_published_shape_is_accepted(tiny):
    check(tiny, f"loss.heatmap.name={__name__}.listed")


def test_the_small_batch_suits_every_detector_that_is_shipped(tiny):
    detector = detectors.build(config.load(tiny), 1)
    terms = detector(preflight._small_batch(detector))
    assert all(value.isfinite() for value in terms.values()) and terms["heatmap"] > 0


# -- what the system and BatchNorm allow ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "workers", "refused"), [(64, 2, True), (64, 1, False), (64, 0, False), (0, 9, False)]
)
def test_loader_processes_need_open_files(monkeypatch, allowed, workers, refused):
    monkeypatch.setattr(preflight, "open_files", lambda needed: allowed)
    if not refused:
        return preflight.room_for_workers(workers)
    with pytest.raises(ValueError, match=r"^data\.workers=2 needs 72 open files or more, .* may have 64 \(ulimit -n\)"):
        preflight.room_for_workers(workers)


def test_a_low_limit_of_open_files_is_raised_as_far_as_it_goes(monkeypatch):
    import resource

    held = {"limit": (64, 100)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: held["limit"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: held.update(limit=limit))
    assert limits.open_files(50) == 64 and held["limit"] == (64, 100)
    assert limits.open_files(80) == 80 and limits.open_files(500) == 100 and held["limit"] == (100, 100)


def test_one_value_of_a_channel_is_too_few_for_batch_norm(tiny):
    small = ["model.backbone.channels=[8,8,8,8]", "model.backbone.blocks=[1,1,1,1]", "data.input_size=[32,32]"]
    settings = config.load(tiny, [*small, "train.batch_size=1"])
    with torch.device("meta"):
        detector = detectors.build(settings, 2)
    with pytest.raises(ValueError, match=r"^data\.input_size \[32, 32\] shrinks to one cell, "):
        preflight.batch_norm(detector, settings)
    for cure in ("train.batch_size=2", "train.freeze_norm=true", "data.input_size=[64,64]"):
        preflight.batch_norm(detector, config.load(tiny, [*small, "train.batch_size=1", cure]))


FEATURE = """
import torch

WIDTHS = []

def length(x, labels):
    WIDTHS.append(x.shape[1])
    return (x.square().sum(1) * (labels >= 0)).sum()
"""


@pytest.mark.parametrize(
    ("words", "width"),
    [
        (["model.head.channels=12"], 12),
        (["model.head.channels=12", "model.pairing.name=centripetal"], 12),
        (["model.head.channels=12", "model.detector=points"], 12),
        (["model.detector=anchor", "model.anchor.channels=10", "model.anchor.last_level=4"], 10),
    ],
)
def test_a_feature_loss_is_tried_at_the_width_of_its_detector(tiny, tmp_path, monkeypatch, words, width):
    (tmp_path / "own_feature.py").write_text(FEATURE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_feature", raising=False)
    check(tiny, *words, "loss.feature.name=own_feature.length")
    assert len(sys.modules["own_feature"].WIDTHS) > 2 and set(sys.modules["own_feature"].WIDTHS) == {width}
