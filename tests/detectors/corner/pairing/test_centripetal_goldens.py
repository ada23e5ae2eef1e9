"""Centripetal shifts against outputs of the authors' code: branches, targets, losses, decoding, the whole test."""

import importlib.util
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cornernet.config import ScoreWeights, load
from cornernet.detectors import build
from cornernet.detectors.corner import official
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.naming import NAMINGS
from cornernet.detectors.corner.pairing import centripetal as way_module
from cornernet.detectors.corner.pairing.centripetal import Shifts, centripetal, true_shifts
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.ops.deform import deform_conv
from cornernet.ops.nms import nms
from cornernet.structures import CornerMaps
from tests.conftest import ROOT
from tests.detectors.corner.pairing.test_centripetal import says


def near(got, expected, tolerance):
    """Within a tolerance of the largest entry."""
    assert (got - expected).abs().max() <= tolerance * expected.abs().max()


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


def test_deformable_convolution_equals_the_published_one(golden):
    arrays = {key: torch.tensor(value) for key, value in golden("g7_deform_conv").items()}
    leaves = [arrays[key].requires_grad_() for key in ("x", "offset", "weight")]
    out = deform_conv(*leaves)
    near(out, arrays["out"], 1e-5)
    out.backward(arrays["grad_out"])
    for leaf, key in zip(leaves, ("x", "offset", "weight"), strict=True):
        near(leaf.grad, arrays[f"grad_{key}"], 1e-5)


def renamed(key):
    """Key of the authors' code -> ours, empty for the mask branch."""
    return official.rename(key, next(naming for naming in NAMINGS if naming.title == "CentripetalNet"))


@pytest.fixture(scope="session")
def shapes(shared):
    """Published key -> shape, without the mask branch."""
    lines = (shared / "golden" / "g7_keys_CentripetalNet_mask.txt").read_text().splitlines()
    rows = [line.split("\t")[:2] for line in lines if "\t" in line]
    return {key: tuple(map(int, re.findall(r"\d+", shape))) for key, shape in rows if renamed(key)}


def filled(shared, shapes, start=""):
    """Our state dict by the recipe of the goldens, of the published keys that start so."""
    spec = importlib.util.spec_from_file_location("recipes", shared / "golden" / "recipes.py")
    recipes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipes)
    norms = {key.rpartition(".")[0] for key in shapes if key.endswith("running_mean")}
    return {
        renamed(key): torch.as_tensor(
            recipes.fill_param(key, shape, key.rpartition(".")[0] in norms, recipes.gain_of(key))
        )
        for key, shape in shapes.items()
        if key.startswith(start)
    }


def network(overrides=()):
    with torch.device("meta"):
        return build(load(ROOT / "configs" / "centripetal.yaml", overrides), 80, with_loss=False).network.eval()


@pytest.mark.slow
def test_forward_maps_of_both_stacks_are_the_published_ones(shared, golden, shapes):
    stored, net = golden("g7_centripetalnet_255x255_gain1"), network()
    net.load_state_dict(filled(shared, shapes), assign=True)
    seed, size = int(stored["input_seed"]), stored["input_hw"]
    images = torch.tensor(np.random.RandomState(seed).randn(1, 3, *size).astype(np.float32))
    with torch.inference_mode():
        stacks = [head(levels[0]) for head, levels in zip(net.heads, net.backbone(images), strict=True)]
    for mid, maps in zip(("mid_", ""), stacks, strict=True):
        for kind in ("tl", "br"):
            said = getattr(maps, f"{kind}_tag")
            ours = {"guiding": said[:, :2], "centripetal": said[:, 2:]}
            ours |= {"heat": getattr(maps, f"{kind}_heat"), "offset": getattr(maps, f"{kind}_offset")}
            for what, got in ours.items():
                name = f"map_{mid}{kind}_{what}"
                if name not in stored:
                    name, got = f"{name}_stride7", got.flatten()[::7]
                error = (got - torch.tensor(stored[name])).abs().max().item()
                assert error <= 20 * float(stored[name.replace("_stride7", "") + "_maxerr_f32_vs_f64"]), name


@pytest.mark.parametrize("case", ["a", "b"])
def test_the_heads_and_their_gradients_are_the_published_ones(shared, golden, shapes, case):
    """In float64, batch statistics; both stacks' heads, of features of their own."""
    stored = golden(f"g7_head_{case}")
    heads = network(["model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]"]).heads
    state = filled(shared, shapes, "bbox_head.")
    heads.load_state_dict({key.removeprefix("heads."): value for key, value in state.items()}, assign=True)
    heads.double()
    seed, (batch, _, height, width) = int(stored["seed"]), stored["dims"]
    made = lambda number, *shape, scale=1.0: torch.tensor(  # noqa: E731
        (np.random.RandomState(seed * 10 + number).randn(*shape) * scale).astype(np.float32)
    ).double()
    features = [made(i, batch, 256, height, width, scale=0.5).requires_grad_() for i in range(2)]
    heads.eval()
    out = outputs(heads, features)
    for key in ("tl", "mid_br"):
        torch.testing.assert_close(out[key].float(), torch.tensor(stored[f"eval_out_{key}"]), atol=1e-6, rtol=1e-6)
    heads.train()
    out = outputs(heads, features)
    loss = sum(
        (out[key] * made(5 + i, *out[key].shape)).sum() for i, key in enumerate(("tl", "br", "mid_tl", "mid_br"))
    )
    assert loss.item() == pytest.approx(float(stored["loss"]), rel=1e-9)
    loss.backward()
    for key in out:
        torch.testing.assert_close(out[key].float(), torch.tensor(stored[f"out_{key}"]), atol=1e-6, rtol=1e-6)
    for i, x in enumerate(features):
        assert x.grad.norm().item() == pytest.approx(float(stored[f"grad64_feat{i}_norm"]), rel=1e-9)
        near(x.grad.flatten()[::5].float(), torch.tensor(stored[f"grad64_feat{i}_stride5"]), 1e-6)
    leaves = dict(heads.named_parameters())
    for key, norm in zip(stored["param_keys"], stored["grad_norm_f64"], strict=True):
        name = renamed(str(key))
        if name == "":
            continue
        grad = leaves[name.removeprefix("heads.")].grad
        assert grad.norm().item() == pytest.approx(norm, rel=1e-8, abs=1e-12), key
        if f"grad64_{key}_stride" in stored:
            step = int(stored[f"grad64_{key}_step"])
            near(grad.flatten()[::step].float(), torch.tensor(stored[f"grad64_{key}_stride"]), 1e-6)


def outputs(heads, features):
    """By published name [B, 86, H, W]: heat, guiding and centripetal shift, offset."""
    found = {}
    for mid, head, x in zip(("mid_", ""), heads, features, strict=True):
        maps = head(x)
        found[f"{mid}tl"] = torch.cat((maps.tl_heat, maps.tl_tag, maps.tl_offset), 1)
        found[f"{mid}br"] = torch.cat((maps.br_heat, maps.br_tag, maps.br_offset), 1)
    return found


@pytest.mark.parametrize("case", ["flip_pair", "flip_pair_b", "single"])
def test_the_whole_test_equals_the_published_one(golden, case):
    """Its mirrored boxes are mapped as there, by the width without the half pixels at both ends."""
    arrays = golden(f"g7_post_{case}")
    maps, border = tagged(arrays), torch.tensor(arrays["border"])
    stride = arrays["img_shape"][1] / maps.tl_heat.shape[-1]
    distance = clipped(centripetal(stride=stride), border[[2, 0]] / stride)
    found = decode(maps, 100, 3, centripetal.threshold, 1000, pair_distance=distance)
    boxes = (found.boxes * stride - border[[2, 0, 2, 0]]).clamp(min=0)
    if len(boxes) == 2:
        width = float(border[3] - border[2])
        boxes[1] = torch.stack((width - boxes[1, :, 2], boxes[1, :, 1], width - boxes[1, :, 0], boxes[1, :, 3]), 1)
    rows = [x.flatten(0, 1) for x in (boxes, *found[1:])]
    test = load(ROOT / "configs" / "centripetal.yaml").test.nms
    kept = nms(*rows, name=test.name, iou=test.iou, sigma=test.sigma, min_score=test.min_score)
    best, expected = slice(0, 100), torch.tensor(arrays["final_xyxy_score_cls0"])
    assert len(kept.scores[best]) == len(expected)
    torch.testing.assert_close(kept.scores[best], expected[:, 4], atol=1e-5, rtol=0)
    torch.testing.assert_close(rows[0][kept.index[best]], expected[:, :4], atol=1e-3, rtol=0)
    assert (rows[2][kept.index[best]] == expected[:, 5]).all()
