"""Suppression against the published code, by hand, and by property."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cornernet.ops import nms as module
from cornernet.ops.nms import NAMES, hard_nms, nms, soft_nms, soft_nms_merge

METHODS = {0: "hard", 1: "linear", 2: "gaussian"}  # the numbers are those of the published code
CASES = [f"{kind}_{n}" for kind in ("random", "clustered") for n in (0, 1, 2, 10, 60, 200)]

# IoU of the first two is 1/3 without and (11 * 6) / (2 * 121 - 66) = 3/8 with the last pixel counted
TRIO = torch.tensor([[0.0, 0, 10, 10], [0, 5, 10, 15], [50, 50, 60, 60]])
SCORES = torch.tensor([0.6, 0.8, 0.5])


def detections(n: int, classes: int = 3) -> tuple[torch.Tensor, ...]:
    """Boxes that overlap a lot, and scores, labels, and both corner scores."""
    start = torch.rand(n, 2) * 60
    boxes = torch.cat([start, start + 5 + torch.rand(n, 2) * 40], 1)
    tl, br = torch.rand(2, n)
    return boxes, (tl + br) / 2, torch.randint(0, classes, (n,)), tl, br


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("method", "iou", "sigma", "key"),
    [(m, iou, 0.5, f"soft_m{m}_Nt{iou}") for m in METHODS for iou in (0.3, 0.5)] + [(2, 0.5, 0.7, "soft_saccade")],
)
def test_soft_nms_equals_the_published_one(golden, case, method, iou, sigma, key):
    arrays = golden("g4_nms")
    boxes = torch.tensor(arrays[f"{case}_in"])
    index, scores = soft_nms(boxes[:, :4], boxes[:, 4], METHODS[method], iou, sigma)
    expected = arrays[f"{case}_{key}_all"][: arrays[f"{case}_{key}_nkeep"]]  # rows beyond are stale copies
    expected = expected[np.argsort(-expected[:, 4], kind="stable")]
    assert len(index) == len(expected)
    assert np.array_equal(boxes[index, :4].numpy(), expected[:, :4])
    assert np.abs(scores.numpy() - expected[:, 4]).max(initial=0) < 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("iou", [0.3, 0.5, 0.7])
def test_hard_nms_equals_the_published_one(golden, case, iou):
    arrays = golden("g4_nms")
    boxes = torch.tensor(arrays[f"{case}_in"])
    assert hard_nms(boxes[:, :4], boxes[:, 4], iou).tolist() == arrays[f"{case}_hard_{iou}_keep"].tolist()


@pytest.mark.parametrize("case", [case for case in CASES if not case.endswith("_0")])
@pytest.mark.parametrize("exponent", [6, 10])
@pytest.mark.parametrize("method", METHODS)
def test_merge_equals_the_published_one_where_that_keeps_scores_with_their_boxes(golden, case, method, exponent):
    arrays = golden("g4_nms")
    boxes = torch.tensor(arrays[f"{case}_in"])
    key = f"{case}_merge_m{method}_we{exponent}"
    expected = arrays[f"{key}_all"][: arrays[f"{key}_nkeep"]]
    corners = boxes[:, 5:].clone()
    # The published code moves boxes without their corner scores. In its first round that swaps those of the best
    # box and the first one; handing them over swapped makes that round equal. Hard suppression removes boxes, and
    # so moves more of them, within the round. From the second round on the averages have no right value to meet.
    corners[[0, int(boxes[:, 4].argmax())]] = corners[[int(boxes[:, 4].argmax()), 0]]
    ours = soft_nms_merge(boxes[:, :4], boxes[:, 4], *corners.T, METHODS[method], weight_exp=exponent)
    assert np.abs(ours.scores.numpy() - np.sort(expected[:, 4])[::-1]).max() < 1e-6
    if METHODS[method] != "hard":
        assert np.abs(ours.boxes[0].numpy() - expected[0, :4]).max() < 2e-4  # float32 of coordinates up to 1000


def plain_merge(boxes, scores, tl, br, exponent, sigma=0.5, least=0.001):
    """The definition in loops: best of what is left, average over what is left, decay, drop."""
    left, out = {i: float(s) for i, s in enumerate(scores)}, []
    while left := {i: s for i, s in left.items() if s >= least}:
        best = max(left, key=left.get)
        decay = {i: math.exp(-(plain_iou(boxes[best], boxes[i]) ** 2) / sigma) for i in left}
        weight = {i: 1.0 if i == best else (1 - decay[i]) ** exponent for i in left}
        first = sum(weight[i] * tl[i] * boxes[i, :2] for i in left) / sum(weight[i] * tl[i] for i in left)
        last = sum(weight[i] * br[i] * boxes[i, 2:] for i in left) / sum(weight[i] * br[i] for i in left)
        out.append([*first, *last, left.pop(best)])
        left = {i: s * decay[i] for i, s in left.items()}
    return np.array(out)


def plain_iou(a, b):
    """IoU with the last pixel counted."""
    w, h = (max(0, min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + 1) for k in (0, 1))
    areas = [(x[2] - x[0] + 1) * (x[3] - x[1] + 1) for x in (a, b)]
    return w * h / (sum(areas) - w * h)


@pytest.mark.parametrize("exponent", [1.0, 6.0, 10.0])
def test_merge_equals_its_definition(exponent):
    boxes, scores, _, tl, br = detections(40)
    ours = soft_nms_merge(boxes, scores, tl, br, weight_exp=exponent)
    expected = plain_merge(*(x.double().numpy() for x in (boxes, scores, tl, br)), exponent)
    assert np.abs(torch.cat([ours.boxes, ours.scores[:, None]], 1).numpy() - expected).max() < 1e-4


def test_merge_by_hand():
    # linear decay is 1 - 3/8, so the second best enters with weight 3/8 to the power of 1
    ours = soft_nms_merge(TRIO, SCORES, torch.tensor([0.4, 0.9, 0.1]), torch.tensor([0.8, 0.3, 0.1]), "linear", 0.3,
                          weight_exp=1)  # fmt: skip
    y1 = (0.9 * 5 + 0.4 * 3 / 8 * 0) / (0.9 + 0.4 * 3 / 8)
    y2 = (0.3 * 15 + 0.8 * 3 / 8 * 10) / (0.3 + 0.8 * 3 / 8)
    torch.testing.assert_close(ours.boxes[0], torch.tensor([0, y1, 10, y2]))
    assert ours.index.tolist() == [1, 2, 0]
    assert torch.equal(ours.boxes[1:], TRIO[[2, 0]])  # nothing is left that they decay


def test_merge_of_boxes_whose_corner_scores_are_zero_keeps_them():
    assert torch.equal(soft_nms_merge(TRIO, SCORES, SCORES * 0, SCORES * 0).boxes, TRIO[[1, 2, 0]])


@pytest.mark.parametrize(("pixel", "overlap"), [(True, 3 / 8), (False, 1 / 3)])
def test_decay_by_hand(pixel, overlap):
    for method, factor in (("gaussian", math.exp(-(overlap**2) / 0.5)), ("linear", 1 - overlap)):
        index, scores = soft_nms(TRIO, SCORES, method, iou=0.3, sigma=0.5, pixel=pixel)
        lowered = 0.6 * factor
        assert index.tolist() == ([1, 2, 0] if lowered < 0.5 else [1, 0, 2])
        torch.testing.assert_close(scores, torch.tensor(sorted([0.8, 0.5, lowered], reverse=True)))
    index, scores = soft_nms(TRIO, SCORES, "hard", iou=0.3, pixel=pixel)
    assert index.tolist() == hard_nms(TRIO, SCORES, 0.3, pixel=pixel).tolist() == [1, 2]
    torch.testing.assert_close(scores, torch.tensor([0.8, 0.5]))
    assert hard_nms(TRIO, SCORES, 0.35, pixel=pixel).tolist() == ([1, 2] if pixel else [1, 0, 2])


def test_boxes_below_the_least_score_are_dropped_before_and_after_decay():
    boxes = TRIO[[0, 0, 2]]
    index, _ = soft_nms(boxes, torch.tensor([0.9, 0.8, 0.05]), min_score=0.1)
    assert index.tolist() == [0, 1]  # exp(-1 / 0.5) * 0.8 = 0.108
    index, _ = soft_nms(boxes, torch.tensor([0.9, 0.8, 0.05]), min_score=0.11)
    assert index.tolist() == [0]


@pytest.mark.parametrize("name", NAMES)
def test_no_boxes_and_only_rejected_rows(name):
    for n in (0, 4):
        boxes, scores = torch.rand(n, 4), torch.full((n,), -1.0)
        kept = nms(boxes, scores, torch.zeros(n).long(), scores, scores, name)
        assert [x.shape for x in kept] == [(0,), (0, 4), (0,)]


@pytest.mark.parametrize("name", NAMES)
def test_boxes_without_area_are_finite(name):
    boxes, scores = torch.tensor([[5.0, 5, 5, 5]]).repeat(3, 1), torch.tensor([0.5, 0.9, 0.7])
    for pixel in (True, False):
        kept = nms(boxes, scores, torch.zeros(3).long(), scores, scores, name, pixel=pixel)
        assert kept.index[0] == 1
        assert torch.isfinite(kept.boxes).all() and torch.isfinite(kept.scores).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 30))
def test_classes_leave_each_other_alone(name, seed, n):
    torch.manual_seed(seed)
    rows = detections(n)
    whole = nms(*rows, name)
    for label in range(3):
        mine = (rows[2] == label).nonzero()[:, 0]
        alone = nms(*(x[mine] for x in rows), name)
        ours = rows[2][whole.index] == label
        assert torch.equal(whole.index[ours], mine[alone.index])
        torch.testing.assert_close(whole.boxes[ours], alone.boxes)
        torch.testing.assert_close(whole.scores[ours], alone.scores)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 30))
def test_never_raises_a_score_and_never_repeats_a_box(name, seed, n):
    torch.manual_seed(seed)
    boxes, scores, labels, tl, br = detections(n)
    kept = nms(boxes, scores, labels, tl, br, name)
    assert (kept.scores <= scores[kept.index]).all()
    assert (kept.scores.diff() <= 0).all()
    assert (kept.scores >= 0.001).all()
    assert len(set(kept.index.tolist())) == len(kept.index)
    if n:
        assert kept.index[0] == scores.argmax()
        assert (kept.boxes.amin(0) >= boxes.amin(0) - 1e-4).all() and (kept.boxes.amax(0) <= boxes.amax(0) + 1e-4).all()


@pytest.mark.parametrize("name", NAMES)
def test_order_of_boxes_does_not_matter(name):
    rows, order = detections(50), torch.randperm(50)
    one, two = nms(*rows, name), nms(*(x[order] for x in rows), name)
    assert torch.equal(one.index, order[two.index])
    torch.testing.assert_close(one.boxes, two.boxes)
    torch.testing.assert_close(one.scores, two.scores)


@pytest.mark.parametrize("name", ["soft_gaussian", "soft_linear", "merge"])
def test_row_by_row_and_in_small_chunks_gives_the_same(monkeypatch, name):
    rows = detections(50)
    whole = nms(*rows, name)
    monkeypatch.setattr(module, "WHOLE", 10)
    monkeypatch.setattr(module, "CHUNK", 7)
    for a, b in zip(nms(*rows, name), whole, strict=True):
        torch.testing.assert_close(a, b)


def test_leaves_its_input_alone():
    rows = detections(20)
    before = [x.clone() for x in rows]
    for name in NAMES:
        nms(*rows, name)
    assert all(torch.equal(a, b) for a, b in zip(rows, before, strict=True))


def test_unknown_names_are_errors():
    with pytest.raises(ValueError, match=r"soft_gaussian, soft_linear, hard, diou, merge, none, got 'soft'"):
        nms(*detections(2), "soft")
    with pytest.raises(ValueError, match=r"gaussian, linear, hard, got 'soft'"):
        soft_nms(TRIO, SCORES, "soft")


def test_diou_spares_boxes_whose_centres_lie_apart():
    """IoU 1/3; centres 5 apart, diagonal of both sqrt(10^2 + 15^2): 1/3 - 25/325 = 0.2564."""
    kept = {}
    for name in ("hard", "diou"):
        for iou in (0.25, 0.3):
            found = nms(TRIO, SCORES, torch.zeros(3).long(), SCORES, SCORES, name, iou, pixel=False)
            kept[name, iou] = found.index.tolist()
    assert kept == {("hard", 0.25): [1, 2], ("hard", 0.3): [1, 2], ("diou", 0.25): [1, 2], ("diou", 0.3): [1, 0, 2]}


def test_diou_is_the_distance_of_torchvision():
    from torchvision.ops import distance_box_iou

    boxes, scores, labels, tl, br = detections(60)
    measure, order, kept = distance_box_iou(boxes, boxes), scores.argsort(descending=True).tolist(), []
    for i in order:
        if all(labels[i] != labels[j] or measure[i, j] <= 0.4 for j in kept):
            kept.append(i)
    assert nms(boxes, scores, labels, tl, br, "diou", 0.4, pixel=False).index.tolist() == kept
