"""Centripetal shifts against outputs of the published code, and by hand where that has accidents."""

import functools
from math import log

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cornernet.config import ScoreWeights
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.pairing import centripetal as way_module
from cornernet.detectors.corner.pairing.centripetal import Deformed, Shifts, centripetal, true_shifts
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.ops.deform import deform_conv
from cornernet.structures import CornerMaps

BOXES = torch.tensor([[2.3, 3.6, 10.8, 8.1], [5.0, 1.25, 20.5, 30.75]])  # cells


def near(got, expected, tolerance):
    """Within a tolerance of the largest entry."""
    assert (got - expected).abs().max() <= tolerance * expected.abs().max()


def says(boxes):
    """Boxes [M, 4] in cells -> points and true words of both kinds of corner, [1, M, ...]."""
    points = boxes[None, :, :2], boxes[None, :, 2:]
    return (*points, *true_shifts(*points))


def test_true_shifts_by_hand():
    _, _, tl, br = says(BOXES[:1])
    centre, half = (6.55, 5.85), (log(4.25), log(2.25))
    torch.testing.assert_close(tl[0, 0], torch.tensor([centre[0] - 2, centre[1] - 3, *half]))
    torch.testing.assert_close(br[0, 0], torch.tensor([10 - centre[0], 8 - centre[1], *half]))


def test_a_box_without_size_has_finite_shifts():
    assert all(x.isfinite().all() for x in says(torch.tensor([[3.0, 3, 3, 3]])))


def test_true_words_pair_their_own_corners_alone():
    distance = centripetal(stride=4).distance(*says(BOXES))
    torch.testing.assert_close(distance[0].diag(), torch.zeros(2), atol=1e-4, rtol=0)
    assert distance[0, 0, 1] == distance[0, 1, 0] == torch.inf


@pytest.mark.parametrize(("region", "small", "large"), [("repository", 2.1, 2.4), ("mmdetection", 2.4, 2.1)])
@pytest.mark.parametrize("side", [59.0, 60.0])  # 3481 and 3600 square pixels
def test_the_region_of_a_box_by_its_area(region, small, large, side):
    """A centre 1 % within the border of the region counts, one 1 % beyond it does not, on any side of it."""
    reach = side / (small if side == 59 else large) / 2
    for stride in (1, 4):
        way, points = centripetal(region, stride=stride), (torch.zeros(1, 1, 2), torch.full((1, 1, 2), side / stride))
        for axis in (0, 1):
            for part, found in ((0.99, True), (1.01, False), (-0.99, True), (-1.01, False)):
                half = torch.full((1, 1, 4), log(side / 2 / stride))
                half[..., 2 + axis] = log((side / 2 + part * reach) / stride)
                for said in ((half, torch.full_like(half, log(side / 2 / stride))),):
                    assert way.distance(*points, *said).isfinite().item() == found
                    assert way.distance(*points, *reversed(said)).isfinite().item() == found


def test_a_centre_on_the_border_of_the_region_does_not_count(monkeypatch):
    monkeypatch.setitem(way_module.REGIONS, "repository", (2.0, 2.0, torch.inf))  # numbers that floats hold exactly
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 4.0)  # the region reaches from 1 to 3
    word = lambda centre: torch.tensor([[[0, 0, log(centre), log(2.0)]]])  # noqa: E731
    distance = functools.partial(centripetal(stride=4).distance, *points)
    assert torch.exp(torch.tensor(log(1.0))) == 1 and distance(word(1.0), word(2.0)) == torch.inf
    assert distance(word(1.001), word(2.0)).isfinite()


def test_the_distance_is_the_area_between_the_centres_over_that_of_the_region():
    """Box of 24 cells of 4 pixels, 96 pixels: region of 10 cells; centres 3 and 2 cells apart."""
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 24.0)
    said = torch.tensor([[[0, 0, log(10.5), log(11)]]]), torch.tensor([[[0, 0, log(10.5), log(11)]]])
    assert centripetal(stride=4).distance(*points, *said).item() == pytest.approx(3 * 2 / 100, rel=1e-4)


def test_mmdetection_rejects_centres_that_span_more_than_half_of_the_region():
    points = torch.zeros(1, 1, 2), torch.full((1, 1, 2), 24.0)  # region of 11.43 cells there, 10 here
    said = torch.tensor([[[0, 0, log(8.0), log(8)]]]), torch.tensor([[[0, 0, log(7.5), log(7.5)]]])
    assert 8.5**2 / (24 / 2.1) ** 2 > 0.5
    assert centripetal("repository", stride=4).distance(*points, *said).item() == pytest.approx(8.5**2 / 100, rel=1e-4)
    assert centripetal("mmdetection", stride=4).distance(*points, *said) == torch.inf


@pytest.mark.parametrize("br", [(0.0, 5.0), (5.0, 0.0), (-3.0, 5.0), (0.0, 0.0), (-3.0, -3.0)])
def test_boxes_without_size_or_inverted_are_infinitely_far(br):
    said = torch.zeros(1, 1, 4)
    assert centripetal(stride=4).distance(torch.zeros(1, 1, 2), torch.tensor([[br]]), said, said) == torch.inf


def test_words_that_overflow_are_rejected():
    said = torch.full((1, 1, 4), 200.0)
    assert centripetal(stride=4).distance(torch.zeros(1, 1, 2), torch.full((1, 1, 2), 5.0), said, said) == torch.inf


def test_another_region_is_refused():
    with pytest.raises(ValueError, match="region must be one of repository, mmdetection, got 'paper'"):
        centripetal("paper", stride=4)


@pytest.mark.parametrize("name", ["planted", "planted_b", "random", "random_b"])
@pytest.mark.parametrize("region", ["repository", "swapped"])
def test_decoding_equals_the_published_one(golden, monkeypatch, name, region):
    """With its corners and centres clipped at the image's left and upper border, as it does before the test."""
    monkeypatch.setitem(way_module.REGIONS, "swapped", (2.4, 2.1, torch.inf))
    arrays = golden(f"g7_decode_{name}")
    maps, border = tagged(arrays), arrays["border"]
    stride = arrays["img_shape"][1] / maps.tl_heat.shape[-1]
    key = "" if region == "repository" else "_PATCHED_mu_swapped"
    distance = clipped(centripetal(region, stride=stride), torch.tensor(border[[2, 0]]) / stride)
    found = decode(maps, int(arrays["K"]), 3, centripetal.threshold, 1000, pair_distance=distance)
    count, expected = int(arrays[f"n_valid{key}"][0]), torch.tensor(arrays[f"dets{key}"])[0]
    assert int((found.scores > 0).sum()) == count
    boxes = (found.boxes[0, :count] * stride - torch.tensor(border[[2, 0, 2, 0]])).clamp(min=0)
    torch.testing.assert_close(boxes, expected[:count, :4].float(), atol=1e-3, rtol=0)
    torch.testing.assert_close(found.scores[0, :count], expected[:count, 4].float(), atol=1e-5, rtol=0)
    assert (found.labels[0, :count] == expected[:count, 5]).all()
    if region == "repository":
        weighed = decode(
            maps, int(arrays["K"]), 3, centripetal.threshold, 1000, pair_distance=distance,
            weights=ScoreWeights(distance=1),
        )  # fmt: skip
        ratio = torch.tensor(arrays["own_area_ratio"])[0, :count].float()
        by_hand = (expected[:count, 4].float() * torch.exp(-ratio)).sort(descending=True).values
        torch.testing.assert_close(weighed.scores[0, :count], by_hand, atol=1e-5, rtol=0)


def tagged(arrays):
    """Arrays of a golden -> CornerMaps; the guiding shift, which decoding does not read, is 0."""
    held = {key: torch.tensor(arrays[key]) for key in arrays if key[:2] in ("tl", "br")}
    tags = [torch.cat((held[f"{kind}_shift"] * 0, held[f"{kind}_shift"]), 1) for kind in ("tl", "br")]
    return CornerMaps(held["tl_heat"], held["br_heat"], *tags, held["tl_off"], held["br_off"])


def clipped(way, least):
    """A way's distance of points that the published code has clipped; least [2] (x, y): where the image begins."""

    def distance(tl, br, tl_said, br_said):
        centres = (tl + tl_said[..., 2:].exp()).maximum(least), (br - br_said[..., 2:].exp()).maximum(least)
        tl, br = tl.maximum(least), br.maximum(least)
        said = (torch.cat((x * 0, x.log()), -1) for x in (centres[0] - tl, br - centres[1]))
        return way.distance(tl, br, *said)

    return distance


def dense(arrays, name):
    shape = tuple(arrays[f"gt_{name}_shape"] if f"gt_{name}_shape" in arrays else arrays[f"{name}_shape"])
    prefix = "gt_" if f"gt_{name}_shape" in arrays else ""
    full = np.zeros(np.prod(shape), np.float32)
    full[arrays[f"{prefix}{name}_idx"]] = arrays[f"{prefix}{name}_val"]
    return torch.tensor(full.reshape(shape))


@pytest.mark.parametrize("name", ["a", "b"])
def test_targets_equal_the_published_ones(golden, name):
    arrays = golden(f"g7_targets_{name}")
    boxes = torch.tensor(arrays["boxes_xyxy_cls1"])[:, :4].float()
    scale = torch.tensor([arrays["output_hw"][i] / arrays["input_hw"][i] for i in (1, 0, 1, 0)]).float()
    tl, br, *said = says(boxes * scale)
    for kind, point, words in zip(("tl", "br"), (tl, br), said, strict=True):
        cells = point[0].long()
        last = {tuple(cell.tolist()): slot for slot, cell in enumerate(cells)}.values()  # there the later box wins
        x, y = cells[list(last)].T
        maps = torch.cat([dense(arrays, f"{kind}_{what}") for what in ("guid", "cent")], 1)[0]
        torch.testing.assert_close(words[0, list(last)], maps[:, y, x].T, atol=1e-4, rtol=0)
        assert int((maps[:2].abs().sum(0) > 0).sum()) == len(last)


CASES = ("a_two_images", "b_one_image_empty", "c_one_object", "e_wide_logits")


def objects_of(arrays):
    """Corners [B, M, 2] in cells, cells [B, M] and mask of a golden's boxes."""
    (batch, height, width), size = arrays["dims_BHW"], arrays["input_hw"]
    counts = torch.tensor(arrays["n_boxes"])
    boxes = torch.zeros(batch, int(counts.max()), 4)
    mask = torch.arange(boxes.shape[1]) < counts[:, None]
    boxes[mask] = torch.tensor(arrays["boxes_xyxy"]) * torch.tensor([width / size[1], height / size[0]] * 2).float()
    return boxes[..., :2], boxes[..., 2:], mask


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_equal_the_published_ones(golden, case):
    """Summed over two stacks and halved there, as many as our mean over the stacks and sum over both corners."""
    arrays = golden(f"g7_loss_{case}")
    (batch, height, width), seed = arrays["dims_BHW"], int(arrays["seed"])
    tl, br, mask = objects_of(arrays)
    loss, maps, found = Shifts(smooth_l1, smooth_l1), {}, []
    for number, (prefix, points) in enumerate((p, q) for p in ("", "mid_") for q in (("tl", tl), ("br", br))):
        made = np.random.RandomState(seed * 1000 + number).randn(batch, 86, height, width).astype(np.float32)
        maps[prefix + points[0]] = torch.tensor(made[:, 80:84]).requires_grad_()
    for prefix in ("", "mid_"):
        said = [
            maps[prefix + kind].flatten(2).gather(2, cell(point, width)).transpose(1, 2)
            for kind, point in (("tl", tl), ("br", br))
        ]
        found.append(loss(*said, mask, tl, br))
    guiding, shift = (sum(terms[name] for terms in found) / 2 for name in ("guiding", "shift"))
    count = float(mask.sum())
    exact = (count + 1e-4) / count  # ours has 1e-4 in the divisor, so that it may be 0
    assert 0.05 * guiding.item() * exact == pytest.approx(float(arrays["off_c_loss"]), rel=2e-6)
    assert shift.item() * exact == pytest.approx(float(arrays["off_c2_loss"]), rel=2e-6)
    ((0.05 * guiding + shift) * exact).backward()
    for name, held in maps.items():
        near(held.grad, torch.tensor(arrays[f"grad_{name}_guid_cent_off"])[:, :4], 1e-5)


def cell(points, width):
    index = points[..., 1].long() * int(width) + points[..., 0].long()
    return index[:, None].expand(-1, 4, -1)


def test_boxes_that_share_a_corner_pixel_count_each(golden):
    """The published loss counts their pixel once in the sum, twice in the divisor; so ours is larger by that part."""
    arrays = golden("g7_loss_d_shared_pixel")
    tl, br, mask = objects_of(arrays)
    words = [torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)]
    terms, true = Shifts(smooth_l1, smooth_l1)(*words, mask, tl, br), true_shifts(tl, br)
    by_hand = sum(F.smooth_l1_loss(torch.zeros_like(x), x, reduction="none")[..., 2:].sum() for x in true) / 3.0001
    assert terms["shift"].item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_a_batch_without_objects_is_finite():
    said = torch.randn(2, 3, 4, requires_grad=True)
    terms = Shifts(smooth_l1, smooth_l1)(said, said, torch.zeros(2, 3), *torch.zeros(2, 2, 3, 2))
    sum(terms.values()).backward()
    assert [x.item() for x in terms.values()] == [0, 0] and (said.grad == 0).all()


def test_deformable_convolution_equals_the_published_one(golden):
    arrays = {key: torch.tensor(value) for key, value in golden("g7_deform_conv").items()}
    leaves = [arrays[key].requires_grad_() for key in ("x", "offset", "weight")]
    out = deform_conv(*leaves)
    near(out, arrays["out"], 1e-5)
    out.backward(arrays["grad_out"])
    for leaf, key in zip(leaves, ("x", "offset", "weight"), strict=True):
        near(leaf.grad, arrays[f"grad_{key}"], 1e-5)


def test_deformable_convolution_under_autocast_is_of_float32():
    x, layer = torch.randn(1, 8, 5, 5), Deformed(8)
    offsets = torch.randn(1, 18, 5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x.bfloat16(), offsets.bfloat16())
    torch.testing.assert_close(out, layer(x.bfloat16().float(), offsets.bfloat16().float()))


def test_no_gradient_reaches_the_guiding_branch_through_the_deformable_convolution():
    branch, x = centripetal(stride=4).branch(8), torch.randn(1, 8, 5, 5)
    branch(x)[:, 2:].sum().backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in branch.guiding.parameters())
    assert branch.to_offsets.weight.grad.abs().sum() > 0 and branch.shift[2].weight.grad.abs().sum() > 0


def test_the_branch_is_initialised_as_published():
    branch = centripetal(stride=4).branch(64)
    assert branch.to_offsets.weight.std().item() == pytest.approx(0.1, rel=0.4)
    assert branch.adapted.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert branch.to_offsets.bias is None and branch(torch.randn(1, 64, 4, 4)).shape == (1, 4, 4, 4)
