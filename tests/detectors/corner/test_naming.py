"""The tables of published names: every key of every list, and what a file of each member becomes."""

import math
import re

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints.published import _settings
from cornernet.config.shipped import find
from cornernet.data import normalise
from cornernet.detectors.corner import naming, official
from tests.detectors.corner.namings import LITE, MMDETECTION, respelled

CORNERNET, CENTRIPETAL = "g2_keys_CornerNet", "g7_keys_CentripetalNet_mask"
WHS = {  # heads of Corner Affinity, by its source
    f"{corner}_whs.{stack}.{place}": shape
    for corner in ("tl", "br")
    for stack in (0, 1)
    for place, shape in {
        "0.conv.weight": (256, 256, 3, 3), "0.conv.bias": (256,), "1.weight": (2, 256, 1, 1), "1.bias": (2,),
    }.items()
}  # fmt: skip
MM_CENTRIPETAL = [  # CentripetalNet's repository -> mmdetection, by the names of the modules in its source
    (r"bbox_head\.mid_(tl|br)_", r"bbox_head.\1_0_"),
    (r"bbox_head\.(tl|br)_(?!0_)", r"bbox_head.\1_1_"),
    (r"bbox_head\.(tl|br)_(\d)_off_c_2\.", r"bbox_head.\1_centripetal_shift.\2."),
    (r"bbox_head\.(tl|br)_(\d)_off_c\.", r"bbox_head.\1_guiding_shift.\2."),
    (r"bbox_head\.(tl|br)_(\d)_offset\.", r"bbox_head.\1_dcn_offset.\2.conv."),
    (r"bbox_head\.(tl|br)_(\d)_fadp\.", r"bbox_head.\1_feat_adaption.\2."),
    (r"bbox_head\.(tl|br)_(\d)_off\.", r"\1_regrs.\2."),
    (r"bbox_head\.(tl|br)_(\d)_heat\.", r"\1_heats.\2."),
    (r"bbox_head\.(tl|br)_(\d)_pool\.", r"\1_cnvs.\2."),
    (r"backbone\.hg_modules\.", "kps."),
    (r"backbone\.", ""),
    (r"(bbox_head\.\w+_shift\.\d\.)1\.", r"\g<1>1.conv."),
]


@pytest.fixture
def listed(shared):
    """Function that reads a list of keys -> key: shape, those of the derived namings from the lists they come from."""

    def read(name):
        lines = (shared / "golden" / f"{name}.txt").read_text().splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        return {key: tuple(map(int, re.findall(r"\d+", shape))) for key, shape, _ in rows}

    return read


def _affinity(read):
    return read(CORNERNET) | WHS


def _mmdetection(read):
    return {respelled(key, MMDETECTION): shape for key, shape in read(CORNERNET).items()}


def _mm_centripetal(read):
    found = {}
    for key, shape in read(CENTRIPETAL).items():
        if "conv" not in key.split(".")[1] or not key.startswith("bbox_head."):
            for theirs, ours in MM_CENTRIPETAL:
                key = re.sub(f"^{theirs}", ours, key)
            found[key if key.startswith("bbox_head.") else respelled(key, MMDETECTION)] = shape
    return found


LISTS = {  # of keys -> naming, member, stacks, keys left out, parameters
    CORNERNET: ("CornerNet", "cornernet", 2, 0, 201_035_212),
    "g2_keys_Lite_CornerNet": ("CornerNet-Lite", "cornernet", 2, 0, 201_035_212),
    "g2_keys_CornerNet_Squeeze": ("CornerNet-Squeeze", "squeeze", 2, 0, 31_771_852),
    "g2_keys_CornerNet_Saccade": ("CornerNet-Saccade", "saccade", 3, 0, 116_969_339),
    "g6_keys_CenterNet-104": ("CornerNet", "centernet", 2, 0, 210_062_960),
    "g6_keys_CenterNet-52": ("CornerNet", "centernet", 1, 0, 104_844_152),
    CENTRIPETAL: ("CentripetalNet", "centripetal", 2, 20, 205_758_056),
    _affinity: ("Corner Affinity", "affinity", 2, 0, 201_035_212 + sum(map(math.prod, WHS.values()))),
    _mmdetection: ("mmdetection", "cornernet", 2, 0, 201_035_212),
    _mm_centripetal: ("mmdetection", "centripetal", 2, 0, 205_758_056),
}
EXAMPLES = {  # parts whose shapes do not tell them apart
    "g2_keys_CornerNet_Squeeze": {
        "hg.pre.2.bn2.bias": "backbone.stem.2.norm.bias",
        "hg.hgs.0.low2.low2.up1.1.bn1.weight": "backbone.hourglasses.0.inner.inner.skip.1.squeeze_norm.weight",
        "hg.hgs.1.low3.0.bn2.bias": "backbone.hourglasses.1.up.0.norm.bias",
        "hg.hgs.1.low2.up2.bias": "backbone.hourglasses.1.inner.upsample.bias",
        "hg.inters.0.bn2.bias": "backbone.merged.0.norm.bias",
    },
    "g6_keys_CenterNet-104": {
        "tl_cnvs.1.look_conv1.conv.weight": "heads.1.tl_pool.look_across.conv.weight",
        "tl_cnvs.1.P1_look_conv.weight": "heads.1.tl_pool.seen_across.weight",
        "br_cnvs.0.look_conv2.bn.bias": "heads.0.br_pool.look_along.norm.bias",
        "br_cnvs.0.P2_look_conv.weight": "heads.0.br_pool.seen_along.weight",
        "ct_cnvs.0.p1_conv1.conv.weight": "heads.0.ct_pool.to_vertical.conv.weight",
        "ct_regrs.1.1.bias": "heads.1.ct_offset.2.bias",
    },
    CENTRIPETAL: {
        "backbone.inters_.0.0.weight": "backbone.merge_input.0.0.weight",
        "backbone.cnvs_.0.0.weight": "backbone.merge_output.0.0.weight",
        "bbox_head.mid_tl_off_c.1.bias": "heads.0.tl_tag.guiding.2.bias",
        "bbox_head.br_off_c_2.1.bias": "heads.1.br_tag.shift.2.bias",
        "bbox_head.mid_br_off.1.bias": "heads.0.br_offset.2.bias",
        "bbox_head.tl_offset.weight": "heads.1.tl_tag.to_offsets.weight",
        "bbox_head.br_fadp.weight": "heads.1.br_tag.adapted.weight",
        "bbox_head.mid_convs.3.conv.bias": "",
    },
    _affinity: {
        "tl_tags.1.1.bias": "heads.1.tl_tag.tag.2.bias",
        "br_whs.0.0.conv.bias": "heads.0.br_tag.size.0.bias",
    },
}


def meta(listed, name):
    """State dict of a list, without numbers."""
    found = name(listed) if callable(name) else listed(name)
    return {key: torch.empty(shape, device="meta") for key, shape in found.items()}


@pytest.mark.parametrize("name", LISTS)
def test_every_key_is_read_one_to_one(listed, name):
    keys = meta(listed, name)
    found = official.recognise(keys)
    title, member, stacks, left, parameters = LISTS[name]
    assert (found.naming.title, found.member, found.stacks, len(found.left)) == (title, member, stacks, left)
    assert len(found.tensors) + left == len(keys) and found.classes == 80
    weights = {key: x for key, x in found.tensors.items() if not key.endswith(("_mean", "_var", "_tracked"))}
    assert sum(x.numel() for x in weights.values()) == parameters
    assert all("mask" not in key and ("convs" in key or "conv_logits" in key) for key in found.left)


@pytest.mark.parametrize("name", LISTS)
def test_the_result_has_the_names_and_shapes_of_the_members_network(listed, name):
    found = official.recognise(meta(listed, name))
    settings = config.load(find(found.member), _settings(found))
    with torch.device("meta"):
        own = detectors.build(settings, 80, with_loss=False).network.state_dict()
    assert {key: x.shape for key, x in own.items()} == {key: x.shape for key, x in found.tensors.items()}
    official.check(found.tensors, own)


@pytest.mark.parametrize(
    ("name", "region", "sigma"), [(CENTRIPETAL, "repository", 0.7), (_mm_centripetal, "mmdetection", 0.5)]
)
def test_both_codes_of_centripetalnet_have_their_own_test(listed, name, region, sigma):
    found = official.recognise(meta(listed, name))
    settings = config.load(find(found.member), _settings(found))
    assert (settings.model.pairing.args, settings.test.nms.sigma) == ({"region": region}, sigma)


@pytest.mark.parametrize("name", EXAMPLES)
def test_parts_of_one_shape_are_told_apart(listed, name):
    found = official.recognise(meta(listed, name)).naming
    assert {key: official.rename(key, found) for key in EXAMPLES[name]} == EXAMPLES[name]


def test_both_names_of_one_network_are_the_same_to_us(listed):
    original, lite = meta(listed, CORNERNET), meta(listed, "g2_keys_Lite_CornerNet")
    assert lite.keys() == {respelled(key, LITE) for key in original}
    assert official.convert(lite).keys() == official.convert(original).keys()


def test_the_mask_branch_may_be_missing(listed):
    whole = meta(listed, CENTRIPETAL)
    left = official.recognise(whole).left
    without = {key: x for key, x in whole.items() if key not in left}
    assert len(without) == 1152 and official.recognise(without).left == [] and official.published(without)


def test_weights_for_rgb_give_the_same_map_of_an_image_in_bgr():
    """Theirs: R, G, B of 0..255 minus 123.675, 116.28, 103.53, over 58.395, 57.12, 57.375; ours: BGR of 0..1."""
    bgr = torch.randint(256, (1, 3, 9, 9)).float()
    weight = torch.randn(4, 3, 7, 7)
    mean, std = torch.tensor([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]])[:, None, :, None, None]
    theirs = torch.nn.functional.conv2d((bgr[:, [2, 1, 0]] - mean) / std, weight)
    found = official.recognise({"module.backbone.stem.0.conv.weight": weight})
    assert found.naming.title == "mmdetection"
    colours = config.override(config.Config(), _settings(found)).data
    ours = torch.nn.functional.conv2d(
        normalise(bgr / 255, colours.mean, colours.std), found.tensors["backbone.stem.0.conv.weight"]
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_other_namings_read_bgr_as_we_do():
    weight = torch.randn(4, 3, 7, 7)
    for key in ("pre.0.conv.weight", "hg.pre.0.conv.weight", "backbone.pre.0.conv.weight"):
        assert official.convert({key: weight})["backbone.stem.0.conv.weight"] is weight
    bgr = {found.title: found.colours for found in naming.NAMINGS if found.colours}
    assert bgr == dict.fromkeys(["CentripetalNet", "mmdetection"], ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229)))
