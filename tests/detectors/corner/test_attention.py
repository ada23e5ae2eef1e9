"""Attention maps: their targets and loss by hand, objects too small for corners, the peaks of a glance, refusals."""

import math

import numpy as np
import pytest
import torch

from cornernet.config import Attention as Settings
from cornernet.detectors import build
from cornernet.detectors.corner.attention import Attention, bounds, hidden
from cornernet.losses import neg_loss
from cornernet.losses.heatmap.focal import focal
from cornernet.structures import CornerMaps, CornerTargets
from tests.detectors.corner.test_detector import CLASSES, batch_of, settings

ON = "model.attention={sizes: [20, 40], least: 8}"
SIDES, TARGETS = "test.saccade.sides=[48]", "test.saccade.targets=[40,20,10]"
STACKS = ["model.backbone.stacks=2", "loss.grouping.args={chunk_size: 4}"]


def attention(sizes=(32, 96), least=16.0, loss=neg_loss):
    return Attention(Settings(list(sizes), least), [16, 8, 4], loss, 1.0)


SIZES = [(16, 16), (32, 32), (64, 64)]  # of the maps of 255 pixels


def maps(size, count=1):
    return [torch.zeros(count, 1, -(-size // stride), -(-size // stride)) for stride in (16, 8, 4)]


def test_every_map_has_its_sides_coarse_to_fine():
    assert bounds([32, 96]) == [(96, math.inf), (32, 96), (0, 32)]
    assert bounds([]) == [(0, math.inf)]


def test_targets_by_hand():
    """Of 255 pixels: 100 x 50 at (50, 60), one of exactly 32 that two levels have, 10 x 8 at the edge, a ghost."""
    boxes = torch.tensor([[[50.0, 60, 150, 110], [64, 80, 96, 90], [245, 247, 255, 255], [0, 0, 50, 50]]])
    mask = torch.tensor([[True, True, True, False]])
    coarse, middle, fine = attention().targets(boxes, mask, (255, 255), SIZES)
    assert [x.shape[-1] for x in (coarse, middle, fine)] == [16, 32, 64]
    assert coarse.nonzero().tolist() == [[0, 0, 85 // 16, 100 // 16]]
    assert middle.nonzero().tolist() == [[0, 0, 85 // 8, 80 // 8]]
    assert fine.nonzero().tolist() == [[0, 0, 85 // 4, 80 // 4], [0, 0, 251 // 4, 250 // 4]]
    assert {float(x.max()) for x in (coarse, middle, fine)} == {1.0}


def test_two_objects_of_one_cell_are_one_target_and_an_empty_image_none():
    boxes = torch.tensor([[[0.0, 0, 100, 100], [1, 1, 99, 101]], [[0, 0, 100, 100], [0, 0, 100, 100]]])
    mask = torch.tensor([[True, True], [False, False]])
    coarse, middle, fine = attention().targets(boxes, mask, (255, 255), SIZES)
    assert coarse.sum((1, 2, 3)).tolist() == [1, 0] and middle.sum() == fine.sum() == 0


def published(logits, target, valid):
    """Focal loss of one map in float64 as the authors of CornerNet-Lite have it, cells without `valid` left out."""
    p = logits.double().sigmoid().clamp(1e-4, 1 - 1e-4)
    at = target == 1
    there = torch.where(at, (1 - p) ** 2 * p.log(), (1 - target.double()) ** 4 * p**2 * (1 - p).log())
    return -(there * valid).sum() / max(int(at.sum()), 1)


def test_the_term_is_the_sum_over_the_maps_and_the_mean_over_the_stacks():
    torch.manual_seed(3)
    stacks = [[torch.randn_like(x) for x in maps(64, 2)] for _ in range(3)]
    targets = [(torch.rand_like(x) > 0.9).float() for x in maps(64, 2)]
    targets[0].zero_()
    whole = [torch.ones_like(x) for x in targets]
    expected = sum(published(*three).item() for maps in stacks for three in zip(maps, targets, whole, strict=True)) / 3
    assert attention().term(stacks, targets).item() == pytest.approx(expected, rel=1e-5)
    other = sum(focal(x, y).item() for maps in stacks for x, y in zip(maps, targets, strict=True)) / 3
    assert attention(loss=focal).term(stacks, targets).item() == pytest.approx(other, rel=1e-5)


def test_cells_of_small_objects_count_for_no_loss():
    """One lies on a corner of another object, which still counts among those that the sum is divided by."""
    torch.manual_seed(4)
    logits, target = torch.randn(2, 3, 9, 9), torch.rand(2, 3, 9, 9) * 0.9
    target[0, 1, 2, 2] = target[1, 0, 5, 5] = target[1, 2, 5, 6] = 1.0
    where = torch.zeros_like(target, dtype=torch.bool)
    where[0, 1, 1:4, 1:4] = where[1, 2, 0:2, 0:2] = True
    logits.requires_grad_()
    held = CornerMaps(logits, logits, *[torch.zeros(2, 1, 9, 9)] * 4)
    goal = CornerTargets(target, target, *[torch.zeros(2, 1)] * 5)
    told, right = hidden(held, goal, (where, ~where))
    found = neg_loss(told.tl_heat, right.tl_heat)
    expected = published(logits, target, ~where)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    (own,), (theirs,) = (torch.autograd.grad(x, logits, retain_graph=True) for x in (found, expected))
    torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-7)
    assert (own[where] == 0).all() and (own != 0).any()
    assert neg_loss(told.br_heat, right.br_heat).item() == pytest.approx(
        published(logits, target, where).item(), rel=1e-5
    )
    sure = [focal(told.tl_heat, right.tl_heat), focal(logits.detach().where(~where, 30.0), target.where(~where, 0))]
    assert sure[0] < sure[1]  # the same holds for another loss: what is hidden is right


def test_small_objects_teach_attention_alone():
    config = settings(ON, *STACKS)
    detector = build(config, CLASSES).train()
    batch = batch_of(config)
    small = torch.tensor([[10.0, 10, 17, 15], [20, 20, 44, 40], [3, 3, 9, 9]]).expand(2, 3, 4)
    batch = batch._replace(boxes=small, labels=batch.labels[:, :3], mask=torch.ones(2, 3, dtype=torch.bool))
    targets = detector.targets(batch, (16, 12))
    assert targets.mask.tolist() == [[False, True, False]] * 2
    assert (targets.tl_heat == 1).sum() == 2
    fine = detector.attention.targets(batch.boxes, batch.mask, (64, 48), [(16, 12)] * 3)[2]
    assert fine.sum() == 4
    told, goal = detector._without_small(detector.network(batch.images.float()), targets, batch)
    row, column = 10 // 4, 10 // 4
    kind = int(batch.labels[0, 0])
    assert told[0].tl_heat[0, kind, row, column] == -20 and goal.tl_heat[0, kind, row, column] == 0


def test_the_term_is_weighed_and_swapped_by_a_word():
    found = {}
    for more in ("loss.attention.weight=1", "loss.attention.weight=3", "loss.attention.name=focal"):
        torch.manual_seed(0)
        config = settings(ON, *STACKS, more)
        detector = build(config, CLASSES).train()
        found[more] = {name: term.item() for name, term in detector(batch_of(config)).items()}
        assert f"attention x {3 if more.endswith('3') else 1}" in detector.describe()
    one, three, other = found.values()
    assert three["total"] - one["total"] == pytest.approx(2 * one["attention"], rel=1e-4)
    assert list(one) == ["heatmap", "pull", "push", "offset", "attention", "total"]
    assert other["attention"] != one["attention"] and other["heatmap"] == one["heatmap"]


def test_without_attention_nothing_changes():
    torch.manual_seed(0)
    plain = build(settings(*STACKS), CLASSES)
    assert "attention" not in plain(batch_of(settings(*STACKS)))
    assert not any("attention" in key for key in plain.state_dict())
    with pytest.raises(ValueError, match=r"CornerDetector has no attention maps"):
        plain.eval().glance(torch.zeros(1, 3, 64, 48, dtype=torch.uint8))


def test_the_maps_see_the_way_up_before_its_last_convolution():
    """As published: widths of the levels, of the finest that behind the merge, and every part of them is trained."""
    config = settings(ON, *STACKS, "model.backbone.channels=[8,6,10]")
    detector = build(config, CLASSES).train()
    assert [part[0].in_channels for part in detector.network.heads[0].attention] == [10, 6, 8]
    terms = detector(batch_of(config))
    terms["attention"].backward()
    for head in detector.network.heads:
        assert all((p.grad is not None) and (p.grad != 0).any() for p in head.attention.parameters())
    backbone = detector.network.backbone
    assert all(p.grad is None or (p.grad == 0).all() for p in backbone.outputs[1].parameters())


def test_what_the_maps_should_show_is_drawn():
    config = settings(ON, *STACKS)
    batch = batch_of(config)._replace(boxes=torch.tensor([8.0, 16, 24, 32]).expand(2, 6, 4))  # middle (16, 24)
    shown = build(config, CLASSES).draw_targets(batch, [np.zeros((128, 96, 3), np.uint8)] * 2)[1]
    titles = [title for title, _ in shown]
    assert titles[2:] == [f"attention, sides {band}" for band in ("of 40 and more", "20 to 40", "0 to 20")]
    large, middle, small = (image.any(-1) for _, image in shown[2:])
    assert not large.any() and not middle.any() and small.any()
    rows, columns = np.nonzero(small)
    assert (
        abs(rows.mean() - 2 * 26) <= 4 and abs(columns.mean() - 2 * 18) <= 4
    )  # the middle of its cell, twice as large


def test_peaks_of_a_glance_in_the_middle_of_their_cells():
    logits = [torch.full((1, 1, n, n), -5.0) for n in (4, 8, 16)]
    logits[0][0, 0, 1, 2] = logits[2][0, 0, 15, 0] = 2.0
    logits[1][0, 0, 3, 3], logits[1][0, 0, 3, 4] = 1.0, 0.5  # the second is no peak
    found = attention().marks(logits)
    seen = [
        (*point, label, round(score, 4))
        for point, score, label in zip(*(x[0].tolist() for x in found), strict=True)
        if score > 0.1
    ]
    high, low = (round(1 / (1 + math.exp(-x)), 4) for x in (2, 1))
    assert seen == [(40, 24, 0, high), (28, 28, 1, low), (2, 62, 2, high)]


def test_a_glance_is_a_prediction_with_peaks():
    detector = build(settings(ON), CLASSES).eval()
    images = torch.randint(256, (2, 3, 64, 48), dtype=torch.uint8)
    with torch.no_grad():
        rows, marks = detector.glance(images)
        assert all(torch.equal(x, y) for x, y in zip(rows, detector.predict(images), strict=True))
    assert marks.points.shape == (2, 4 * 3 + 8 * 6 + 100, 2) and marks.labels.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.backbone.name=resnet18"], r"reads the levels of hourglasses: it needs model\.backbone\.name=hour"),
        (["model.backbone.stride=8"], r"and as model\.backbone\.stride that of its finest level"),
        (["model.attention.sizes=[4,8,16,32]"], r"asks for 5 levels, and the hourglasses have 3"),
        (["model.attention.sizes=[0]"], r"model\.attention\.sizes must hold numbers, each above 0"),
        (["model.attention.sizes=[]", SIDES], r"test\.saccade\.sides needs attention maps, such as"),
        ([SIDES, "test.saccade.zooms=[1,2]"], r"test\.saccade\.zooms needs one number for each of the 3"),
        (["test.saccade.sides=[32,49]"], r"sides=\[32, 49\] must fit into data\.input_size=\[64, 48\], that of every"),
        ([SIDES, "test.saccade.targets=[49,20,10]"], r"targets=\[49\.0, 20\.0, 10\.0\] must fit into data\.inp"),
        ([SIDES, "test.scales=[1,2]"], r"it needs test\.slices\.size=null, test\.scales=\[1\.0\] and"),
        ([SIDES, "test.slices.size=64"], r"needs test\.slices\.size=null"),
        ([SIDES, "data.longest_side=64"], r"and data\.longest_side=null"),
        (
            [SIDES, "model.head.centre=true", "test.centre.views=all"],
            r"test\.saccade\.sides needs test\.centre\.views=own",
        ),
        (["model.attention.sizes=[20,20]"], r"model\.attention\.sizes must hold numbers that differ, got \[20\.0, 20"),
        (["test.saccade.sides=[48,48]"], r"test\.saccade\.sides must hold numbers that differ"),
        (["test.saccade.sides=[0]"], r"test\.saccade\.sides must hold numbers, each at least 1"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together(overrides, message):
    with pytest.raises(ValueError, match=message):
        build(settings(ON, TARGETS, *overrides), CLASSES)


def test_a_detector_that_cannot_glance_is_refused_before_it_trains():
    with pytest.raises(
        ValueError, match=r"sides: the points detector has no attention maps, as model\.detector=corner"
    ):
        build(settings(ON, SIDES, TARGETS, "model.detector=points"), CLASSES)
