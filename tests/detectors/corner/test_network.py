"""The architecture against the published network, key by key and number by number."""

import importlib.util
from functools import partial

import pytest
import torch

from cornernet.backbones.hourglass import StackedHourglass
from cornernet.detectors.corner import official
from cornernet.detectors.corner.head import HEAT_BIAS, CornerHead, branch
from cornernet.detectors.corner.network import CornerNetwork
from tests.detectors.corner.namings import LITE, respelled

NAMES = {"tl_heat": "tl_heats", "br_heat": "br_heats", "tl_tag": "tl_tags", "br_tag": "br_tags"}
NAMES |= {"tl_offset": "tl_regrs", "br_offset": "br_regrs"}


def network(stacks=2, channels=(4, 6, 8), blocks=(1, 1, 2), head=8, pool=4, classes=3, tags=1):
    backbone = StackedHourglass(stacks, 4, list(channels), list(blocks), head)
    return CornerNetwork(
        backbone, [CornerHead(head, pool, classes, partial(branch, out_channels=tags)) for _ in range(stacks)]
    )


def published_size():
    backbone = StackedHourglass(2, 128, [256, 256, 384, 384, 384, 512], [2, 2, 2, 2, 2, 4], 256)
    return CornerNetwork(backbone, [CornerHead(256, 128, 80, partial(branch, out_channels=1)) for _ in range(2)])


@pytest.fixture
def published_shapes(shared):
    """Published key -> shape."""
    lines = (shared / "golden" / "g2_keys_CornerNet.txt").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {
        key: tuple(map(int, filter(None, shape.strip("()[]").replace(" ", "").split(",")))) for key, shape, _ in rows
    }


def filled(shared, shapes):
    """The golden run's parameters by its recipe, under the published keys."""
    spec = importlib.util.spec_from_file_location("recipes", shared / "golden" / "recipes.py")
    recipes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipes)
    norms = {key.removesuffix("running_mean") for key in shapes if key.endswith("running_mean")}
    return {
        "module." + key: torch.as_tensor(recipes.fill_param(key, shape, f"{key.rpartition('.')[0]}." in norms, 1.0))
        for key, shape in shapes.items()
    }


def test_forward_maps_of_all_stacks_are_the_published_ones(shared, golden, published_shapes):
    stored = golden("g2_cornernet_127_gain1")
    with torch.device("meta"):
        net = published_size().eval()
    original = filled(shared, published_shapes)
    lite = {f"module.{respelled(key.removeprefix('module.'), LITE)}": x for key, x in original.items()}
    weights = official.convert(lite)
    assert all(weights[key] is x for key, x in official.convert(original).items())  # so the maps hold for both
    net.load_state_dict(weights, assign=True)
    images = torch.from_numpy(stored["input"])
    with torch.inference_mode():
        stacks = [head(levels[0]) for head, levels in zip(net.heads, net.backbone(images), strict=True)]
        last = net(images)
    for stack, maps in enumerate(stacks):
        for ours, theirs in NAMES.items():
            expected = torch.from_numpy(stored[f"map_{theirs}.{stack}"])
            error = (getattr(maps, ours) - expected).abs().max() / expected.abs().max()
            assert error < 1e-4, f"{ours} of stack {stack}: {error}"
    assert len(last) == 1 and torch.equal(last[0].tl_heat, stacks[1].tl_heat)


def test_shapes_of_the_maps():
    for maps in network(classes=3, tags=2)(torch.rand(2, 3, 31, 48)):
        assert maps.tl_heat.shape == maps.br_heat.shape == (2, 3, 8, 12)
        assert maps.tl_tag.shape == maps.br_tag.shape == (2, 2, 8, 12)
        assert maps.tl_offset.shape == maps.br_offset.shape == (2, 2, 8, 12)


@pytest.mark.parametrize("stacks", [1, 2, 3])
def test_in_eval_mode_only_the_last_stack(stacks):
    net, images = network(stacks), torch.rand(1, 3, 32, 32)
    assert len(net(images)) == stacks
    (last,) = net.eval()(images)
    assert torch.equal(last.br_offset, net.heads[-1](net.backbone(images)[-1][0]).br_offset)


def test_heat_starts_low():
    for head in network().heads:
        biases = torch.cat([head.tl_heat[-1].bias, head.br_heat[-1].bias])
        assert torch.equal(biases, torch.full((6,), HEAT_BIAS))


def test_the_two_poolings_look_in_opposite_directions():
    head = network().heads[0].eval()
    before = torch.zeros(1, 8, 25, 25)
    after = before.clone()
    after[..., 12, 12] = 5.0
    tl, br = ((pool(after) != pool(before)).any(1)[0] for pool in (head.tl_pool, head.br_pool))
    far = [(12, 2), (2, 12), (12, 22), (22, 12), (2, 2), (22, 22)]  # left, above, right, below; the corners
    assert [bool(tl[at]) for at in far] == [True, True, False, False, False, False]
    assert [bool(br[at]) for at in far] == [False, False, True, True, False, False]
