"""Keypoint triplets: the central region, which centre counts, scores, views; against the published code."""

import numpy as np
import pytest
import torch

from cornernet import config, detectors
from cornernet.config import Centre
from cornernet.detectors.corner.centre_loss import CentreLoss
from cornernet.detectors.corner.centres import Centres, confirmed, regions
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.targets import encode
from cornernet.detectors.keypoints import best_keypoints, encode_centres
from cornernet.losses import AELoss, neg_loss
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.ops.gaussian import gaussian_radius
from cornernet.ops.nms import nms
from cornernet.prediction import inference
from cornernet.profiling import random_batch
from cornernet.structures import CentreMaps, CentreTargets, CornerMaps, Detections, Keypoints, View


def rows(*boxes, scores=None, labels=None):
    boxes = torch.tensor(boxes).float()
    scores = torch.full((len(boxes),), 0.6) if scores is None else torch.tensor(scores)
    labels = torch.zeros(len(boxes), dtype=torch.long) if labels is None else torch.tensor(labels)
    return Detections(boxes, scores, labels, scores, scores)


def marks(*points, scores=None, labels=None):
    scores = torch.full((len(points),), 0.9) if scores is None else torch.tensor(scores)
    labels = torch.zeros(len(points), dtype=torch.long) if labels is None else torch.tensor(labels)
    return Keypoints(torch.tensor(points).float().view(-1, 2), scores, labels)


def test_a_small_box_has_its_middle_third_and_a_large_one_its_middle_fifth():
    boxes = torch.tensor([[0.0, 0, 150, 150], [0.0, 0, 150, 151], [30.0, 60, 60, 120]])
    assert regions(boxes, Centre())[0].tolist() == pytest.approx([50, 50, 100, 100])  # of 22500 square pixels
    assert regions(boxes, Centre())[1].tolist() == pytest.approx([60, 60.4, 90, 90.6])
    assert regions(boxes, Centre(small=5))[2].tolist() == pytest.approx([42, 84, 48, 96])


@pytest.mark.parametrize(
    ("point", "label", "lives"),
    [((15, 15), 0, True), ((10.1, 19.9), 0, True), ((10, 15), 0, False), ((15, 20), 0, False), ((15, 15), 1, False)],
)
def test_a_centre_confirms_inside_the_region_of_its_class_borders_left_out(point, label, lives):
    scores = confirmed(rows((0, 0, 30, 30)), marks(point, labels=[label]), Centre())
    assert scores.tolist() == [pytest.approx((2 * 0.6 + 0.9) / 3) if lives else -1]


def test_rows_that_are_none_stay_none_and_so_does_what_no_peak_confirms():
    found = rows((0, 0, 30, 30), (0, 0, 30, 30), scores=[-1.0, 0.5])
    assert confirmed(found, marks((15, 15)), Centre()).tolist() == [-1, pytest.approx((1.0 + 0.9) / 3)]
    assert confirmed(found, marks((15, 15), scores=[0.0]), Centre()).tolist() == [-1, -1]


def test_which_of_several_centres_counts():
    both = marks((15, 15), (14, 14), scores=[0.3, 0.9])
    first, best = (confirmed(rows((0, 0, 30, 30)), both, Centre(choose=choose)).item() for choose in ("first", "best"))
    assert first == pytest.approx((1.2 + 0.3) / 3) and best == pytest.approx((1.2 + 0.9) / 3)
    geometric = confirmed(rows((0, 0, 30, 30)), both, Centre(), "geometric").item()
    assert geometric == pytest.approx((0.36 * 0.3) ** (1 / 3))


def view(found, centres, scale=1.0, flipped=False, factor=(1.0, 1.0)):
    return View(found, centres, scale, flipped, factor)


def test_centres_of_the_flipped_view_and_of_scale_1_count_for_all_views():
    centres = Centres(Centre(views="all"), 70, 3, "mean")
    box = (0, 0, 30, 30)
    plain, flipped = view(rows(box), marks((90, 90))), view(rows(box), marks((15, 15), scores=[0.3]), flipped=True)
    small = view(rows(box), marks((15, 15)), scale=0.5, factor=(0.5, 0.5))
    found = centres.joined([small, plain, flipped], (100, 100))
    assert [x.scores.tolist() for x in found] == [[pytest.approx((1.2 + 0.3) / 3)]] * 3  # scale 0.5's own is not asked
    assert [len(x.scores) for x in centres.joined([plain, small], (100, 100))] == [0, 0]


@pytest.mark.parametrize(("x1", "kept"), [(-4.9, True), (-5.1, False)])
def test_a_box_far_outside_is_none_and_others_are_clipped_before_they_are_measured(x1, kept):
    centres = Centres(Centre(views="all"), 70, 3, "mean")
    (found,) = centres.joined([view(rows((x1, 0, 30, 30)), marks((15, 15)))], (100, 100))
    assert found.boxes.tolist() == ([[0, 0, 30, 30]] if kept else [])
    half = view(rows((2 * x1, 0, 30, 30)), marks((15, 15)), factor=(0.5, 0.5))  # 5 pixels of an image half as large
    assert len(centres.joined([half], (100, 100))[0].scores) == kept


TINY = ["model.head.centre=true", "model.head.pooling=cascade"]


@pytest.mark.parametrize("how", [["test.centre.views=own"], ["test.centre.views=all", "test.centre.choose=best"]])
def test_a_detector_with_centres_gives_confirmed_boxes_and_its_loss_reaches_every_parameter(tiny, how):
    torch.manual_seed(0)
    detector = detectors.build(config.load(tiny, [*TINY, *how]), 3)
    terms = detector(random_batch(config.load(tiny), 3))
    terms["total"].backward()
    assert {"centre", "heatmap", "offset"} <= terms.keys()
    assert not [name for name, x in detector.network.named_parameters() if x.grad is None or not x.grad.any()]
    detector.eval()
    with torch.no_grad():
        found, seen = detector.view(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8))
    assert (seen is None) == ("test.centre.views=own" in how) and found.boxes.isfinite().all()


def test_a_region_stage_asks_for_centres_of_its_own_view(tiny):
    with pytest.raises(ValueError, match=r"test\.centre\.views=all needs model\.region\.name=none"):
        detectors.build(config.load(tiny, [*TINY, "test.centre.views=all", "model.region.name=cpn"]), 3)


# -- against the published code --------------------------------------------------------------------------------


class Fake(detectors.Predicting):
    """Gives what a golden file says the network gave, in the published order: the image, then its mirror."""

    def __init__(self, data, centres):
        super().__init__()
        self.data, self.centres, self.calls = data, centres, 0

    def fit_size(self, height, width):
        return height | 127, width | 127

    def view(self, images):
        i, self.calls = self.calls, self.calls + 1
        dets, center = (torch.from_numpy(self.data[f"s{i}_{name}"]) for name in ("dets", "center"))
        height, width = images.shape[-2:]
        stride = torch.tensor([width / ((width + 1) // 4), height / ((height + 1) // 4)])
        boxes = dets[..., :4] * stride.repeat(2)
        found = Detections(boxes, dets[..., 4], dets[..., 7].long(), dets[..., 5], dets[..., 6])
        return found, Keypoints(center[..., :2] * stride, center[..., 3], center[..., 2].long())

    def joined(self, views, size):
        return self.centres.joined(views, size)


METHODS = {0: "hard", 1: "soft_linear", 2: "soft_gaussian"}


@pytest.mark.parametrize(
    "case",
    ["edges", "edges_exact_canvas", "single_exp", "single_exp_b", "single_hard_under100", "multi_nomerge_linear"],
)
def test_rows_behind_the_centre_check_and_the_suppression_are_the_published_ones(golden, case):
    data = golden(f"g6_post_{case}")
    fake = Fake(data, Centres(Centre(views="all"), 70, 3, "mean"))
    image = data["image_bgr"]
    views = [
        view for scale in data["scales"].tolist()
        for _, view in inference._one_scale(fake, [image], True, None, 1, "fp32", torch.device("cpu"), scale)
    ]  # fmt: skip
    found = Detections(*map(torch.cat, zip(*fake.joined(views, image.shape[:2]), strict=True)))
    held = torch.cat(
        [
            found.labels[:, None] + 1,
            found.boxes,
            *(x[:, None] for x in found[1::2][:1]),
            found.tl_scores[:, None],
            found.br_scores[:, None],
        ],
        1,
    )
    same_rows(held, data["pre_nms_cls_xyxy_score_tl_br"])
    kept = nms(
        *found,
        name=METHODS[int(data["method"])],
        iou=float(data["nms_threshold"]),
        sigma=0.5,
        min_score=0.001,
        pixel=True,
    )
    rows = torch.cat([found.labels[kept.index, None] + 1, kept.boxes, kept.scores[:, None]], 1)
    rows = rows[rows[:, 5].argsort(descending=True)][:100]
    same_rows(rows, data["final_PATCHED_nostale_cls_xyxy_score"])


def same_rows(found, expected):
    """The same rows, whatever their order, to a thousandth of a pixel."""
    assert len(found) == len(expected)
    order = [np.lexsort(np.round(np.asarray(x, dtype=np.float64), 2).T) for x in (found, expected)]
    np.testing.assert_allclose(np.asarray(found)[order[0]], expected[order[1]], atol=1e-3)


@pytest.mark.parametrize("case", ["planted", "planted_nonsquare", "random"])
def test_peaks_of_centres_and_pairs_are_the_published_ones(golden, case):
    data = golden(f"g6_decode_{case}")
    given = {name: torch.from_numpy(data[name]) for name in data.files if name[:3] in ("tl_", "br_", "ct_")}
    maps = [given[f"{corner}_{part}"] for part in ("heat", "tag", "regr") for corner in ("tl", "br")]
    how = {"top_k": int(data["K"]), "kernel": int(data["kernel"])}
    found = decode(CornerMaps(*maps), **how, ae_threshold=float(data["ae_threshold"]), num_dets=int(data["num_dets"]))
    for i, count in enumerate(data["n_valid"]):
        expected, held = data["dets"][i, :count], [x[i, :count] for x in found]
        parts = (held[0], held[1][:, None], held[3][:, None], held[4][:, None], held[2][:, None])
        np.testing.assert_allclose(torch.cat(parts, 1), expected, atol=1e-5)
        assert (found.scores[i, count:] == -1).all()
    centres, _ = best_keypoints(given["ct_heat"], given["ct_regr"], **how)
    held = torch.cat([centres.points, centres.labels[..., None], centres.scores[..., None]], -1)
    for i, count in enumerate(data["n_centers_above_0"]):
        np.testing.assert_allclose(held[i, :count], data["center"][i, :count], atol=1e-5)


RULES = {"official": (0.7, "old"), "PATCHED_radius_iou03": (0.3, "right")}


@pytest.mark.parametrize("image", ["image1", "image2"])
@pytest.mark.parametrize("rule", RULES)
def test_targets_of_corners_and_centres_are_the_published_ones(golden, rule, image):
    data, (overlap, roots) = golden(f"g6_targets_{image}"), RULES[rule]
    boxes = torch.from_numpy(data["boxes_511"])[None]
    labels, mask = boxes[..., 4].long() - 1, torch.ones(1, boxes.shape[1], dtype=torch.bool)
    sizes = (511, 511), (128, 128)
    corners = encode(boxes[..., :4], labels, mask, 80, *sizes, overlap, roots=roots)
    centres = encode_centres(boxes[..., :4], labels, mask, 80, *sizes, overlap, roots=roots, spread=5)
    count = int(data["mask"].sum())
    parts = {"tl": (corners.tl_heat, corners.tl_index, corners.tl_offset),
             "br": (corners.br_heat, corners.br_index, corners.br_offset),
             "ct": (centres.heat, centres.index, centres.offset)}  # fmt: skip
    for name, (heat, index, offset) in parts.items():
        expected = np.zeros(80 * 128 * 128, np.float32)
        expected[data[f"{rule}_{name}_heat_idx"]] = data[f"{rule}_{name}_heat_val"]
        np.testing.assert_allclose(heat[0].flatten(), expected, atol=1e-6)
        assert index[0].tolist() == data[f"{name}_ind"][:count].tolist()
        np.testing.assert_allclose(offset[0], data[f"{name}_regr"][:count], atol=1e-6)


def test_the_old_radius_is_the_published_one(golden):
    data = golden("g6_targets_image1")
    side = torch.from_numpy(data["radius_sizes"]).double()
    for overlap, roots, name in ((0.7, "old", "official_iou07"), (0.3, "right", "correct_iou03")):
        found = gaussian_radius(side[:, None].expand(11, 11), side.expand(11, 11), overlap, roots)
        np.testing.assert_allclose(found, data[f"radius_{name}"], rtol=1e-9)
    assert gaussian_radius(*torch.tensor([40.0, 40.0]), 0.7, "old").item() == pytest.approx(10.93, abs=0.01)


@pytest.mark.parametrize(
    "case", ["a_stack2", "b_one_image_empty", "c_one_object_in_batch", "d_stack1_w1", "e_all_empty"]
)
def test_the_loss_of_three_branches_is_the_published_one_in_value_and_gradient(golden, case):
    data = golden(f"g6_aeloss_{case}")
    stacks = sum(name.startswith("tl_heat_") for name in data.files)
    names = [f"{p}_{part}_{s}" for s in range(stacks) for part in ("heat", "tag", "regr") for p in ("tl", "br")]
    given = {
        n: torch.from_numpy(data[n]).requires_grad_()
        for n in [*names, *(f"ct_{x}_{s}" for s in range(stacks) for x in ("heat", "regr"))]
    }
    goal = [torch.from_numpy(data[f"gt_{n}"]) for n in ("tl_heat", "br_heat", "mask", "tl_regr", "br_regr")]
    pull, push, offset_weight = data["weights"].tolist()
    near = 5e-4 if case.startswith("c_") else 2e-6  # counts in float32 make the published push of one object too large
    corners = AELoss(pull_weight=pull, push_weight=push, regr_weight=offset_weight)
    terms = corners.terms([given[n] for n in names], goal)
    slots = torch.arange(goal[2].shape[1]).expand(len(goal[2]), -1)  # of maps of one row, a cell a slot
    maps = [
        CentreMaps(given[f"ct_heat_{s}"], given[f"ct_regr_{s}"].permute(0, 2, 1)[:, :, None]) for s in range(stacks)
    ]
    target = CentreTargets(*(torch.from_numpy(data[f"gt_{n}"]) for n in ("ct_heat", "mask", "ct_regr")), slots)
    heat, offset = CentreLoss(neg_loss, smooth_l1, 1.0).terms(maps, target)
    total = corners.total(terms) + heat + offset_weight * offset
    assert total.item() == pytest.approx(data["loss_total"].item(), rel=near)
    assert ((terms["heatmap"] + heat) * stacks).item() == pytest.approx(data["loss_focal"].item(), rel=2e-6)
    assert ((terms["offset"] + offset) * stacks).item() == pytest.approx(data["loss_regr"].item(), rel=2e-6)
    total.backward()
    for name, x in given.items():
        expected = data[f"grad_{name}"]
        np.testing.assert_allclose(x.grad, expected, atol=1e-5 * np.abs(expected).max())


def test_centres_are_drawn_where_the_boxes_have_them(tiny):
    detector = detectors.build(config.load(tiny, TINY), 3)
    batch = random_batch(config.load(tiny), 3)
    images = [np.full((*batch.images.shape[-2:], 3), 90, np.uint8) for _ in batch.images]
    titles, drawn = zip(*detector.draw_targets(batch, images)[0], strict=True)
    assert titles == ("top-left corners", "bottom-right corners", "centres")
    assert len({image.tobytes() for image in drawn}) == 3 and all(image.shape == images[0].shape for image in drawn)
