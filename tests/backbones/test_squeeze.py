"""CornerNet-Squeeze: its fire module worked by hand, the published shapes, and what any detector asks of a backbone."""

import copy
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from cornernet import backbones, config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.backbones.squeeze import Fire, learned, squeeze
from cornernet.config import Backbone
from cornernet.export import export
from cornernet.prediction import FixedCanvas
from cornernet.profiling import growth
from cornernet.profiling.training_step import random_batch
from cornernet.training import parts

SQUEEZE = ["model.backbone.name=squeeze", "model.backbone.stride=8", "model.head.kernel=1"]


@pytest.fixture(scope="module")
def published(shared):
    """Shape of every entry of the published network."""
    lines = (shared / "golden" / "g2_keys_CornerNet_Squeeze.txt").read_text().splitlines()
    rows = [line.split("\t")[1].strip("()").split(",") for line in lines if not line.startswith("#")]
    return [tuple(int(side) for side in row if side.strip()) for row in rows]


def built(tiny, *overrides):
    settings = config.load(tiny, [*SQUEEZE, *overrides])
    return detectors.build(settings, 3), settings


# --- the fire module ---


@pytest.mark.parametrize(("widths", "stride", "added"), [((6, 6), 1, True), ((6, 4), 1, False), ((6, 6), 2, False)])
def test_with_nothing_behind_the_last_norm_a_fire_module_is_the_relu_of_what_is_added(widths, stride, added):
    fire, x = Fire(*widths, stride), torch.randn(2, 6, 7, 9)
    torch.nn.init.zeros_(fire.norm.weight)
    side = (7, 9) if stride == 1 else (4, 5)
    assert torch.equal(fire(x), F.relu(x) if added else torch.zeros(2, widths[1], *side))


def test_a_fire_module_by_hand():
    """x = 3 in the middle of 0, halved to s = -3: no ReLU between, 2 s by the 1x1, s by each tap of the 3x3."""
    fire, x = Fire(1, 2).eval(), torch.zeros(1, 1, 3, 3)
    x[..., 1, 1] = 3.0
    for norm in (fire.squeeze_norm, fire.norm):
        norm.eps = 0.0
    with torch.no_grad():
        fire.squeeze.weight.fill_(-1.0)
        fire.point.weight.fill_(2.0)
        fire.depth.weight.copy_(torch.arange(9.0).view(1, 1, 3, 3))
        fire.norm.bias.copy_(torch.tensor([7.0, 25.0]))
        found = fire(x)
    assert found[0, 0].tolist() == [[7, 7, 7], [7, 1, 7], [7, 7, 7]]  # 7 + 2 s
    assert found[0, 1].tolist() == [[1, 4, 7], [10, 13, 16], [19, 22, 25]]  # 25 + s k, k from 8 down to 0


def test_one_cell_becomes_the_middle_of_the_kernel_and_the_bias():
    up = learned(1)
    with torch.no_grad():
        up.weight.copy_(torch.arange(16.0).view(1, 1, 4, 4))
        up.bias.fill_(0.5)
        assert up(torch.full((1, 1, 1, 1), 2.0)).tolist() == [[[[10.5, 12.5], [18.5, 20.5]]]]
    assert learned(3)(torch.rand(2, 3, 5, 4)).shape == (2, 3, 10, 8)


# --- the published network ---


def test_parameters_and_shapes_are_the_published_ones(published):
    with torch.device("meta"):
        network = detectors.build(config.load("squeeze"), 80, with_loss=False).network
    assert sum(p.numel() for p in network.parameters()) == 31_771_852
    ours = [tuple(x.shape) for x in network.state_dict().values()]
    assert len(published) == 990 and Counter(published) == Counter(ours)
    assert network.backbone.strides[0] == 8 and network.backbone.multiple == 128
    maps = network.eval()(torch.empty(1, 3, 511, 511, device="meta"))[-1]
    assert {tuple(x.shape) for x in maps[:6]} == {(1, 80, 64, 64), (1, 1, 64, 64), (1, 2, 64, 64)}


def test_the_recipe_tests_as_published():
    test = config.load("squeeze").test
    assert (test.flip, test.scales, test.top_k, test.num_dets, test.ae_threshold) == (False, [1.0], 20, 100, 0.5)


# --- as a backbone ---


@pytest.mark.parametrize("short", range(4))
@pytest.mark.parametrize("order", [1, 2, 4])
def test_levels_of_stride_8_and_coarser_for_sides_up_to_three_pixels_short(order, short):
    net = squeeze(2, 3, [4, 6, 8, 6, 4][: order + 1], [1] * (order + 1), 5).eval()
    assert net.multiple == 8 * 2**order and net.strides == [8 * 2**i for i in range(order + 1)]
    found = net(torch.rand(1, 3, net.multiple - short, 2 * net.multiple))
    assert len(found) == net.stacks == 2
    for levels in found:
        assert [x.shape[1:] for x in levels] == [
            (c, net.multiple // s, 2 * net.multiple // s) for c, s in zip(net.channels, net.strides, strict=True)
        ]


def test_an_odd_width_is_a_sentence():
    with pytest.raises(ValueError, match=r"^model\.backbone\.channels must be even .*squeeze.*; got \[4, 5\]$"):
        backbones.build(Backbone("squeeze", stacks=1, stem_channels=4, channels=[4, 5], blocks=[1, 1]))


@pytest.mark.parametrize("kernel", [1, 3])
def test_the_first_convolution_of_every_branch_has_the_side_that_is_asked_for(tiny, kernel):
    detector, _ = built(tiny, f"model.head.kernel={kernel}")
    branches = [
        part for head in detector.network.heads for part in head.segments() if isinstance(part, torch.nn.Sequential)
    ]
    assert [[branch[at].kernel_size for at in (0, 2)] for branch in branches] == [[(kernel,) * 2, (1, 1)]] * 12


def test_computed_twice_it_learns_the_same(tiny):
    one, settings = built(tiny)
    two = copy.deepcopy(one)
    recompute(two.network.segments())
    batch = random_batch(settings)
    batch = batch._replace(labels=batch.labels % 3)
    for detector in (one, two):
        detector.train()(batch)["total"].backward()
    assert all(p.grad is not None for p in one.parameters())
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(one.parameters(), two.parameters(), strict=True))
    assert all(torch.equal(x, y) for x, y in zip(one.buffers(), two.buffers(), strict=True))


@pytest.mark.parametrize("first", [3, 4])
def test_anchors_on_it_train_every_parameter(tiny_anchor, first):
    """From its finest level, and from the next: then the last stack has no way up to the finest."""
    levels = [f"model.anchor.first_level={first}", "model.anchor.last_level=6"]
    settings = config.load(tiny_anchor, ["model.backbone.name=squeeze", *levels])
    detector, batch = detectors.build(settings, 3), random_batch(settings)
    assert detector.strides == [2**level for level in range(first, 7)]
    detector.train()(batch._replace(labels=batch.labels % 3))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None] == []


def test_its_parts_are_frozen_by_name_and_its_stacks_are_a_quantity(tiny):
    detector, settings = built(tiny)
    parts.freeze(detector.network, ["backbone.stem", "backbone.hourglasses.0.upsample"])
    frozen = {name for name, p in detector.network.backbone.named_parameters() if not p.requires_grad}
    assert frozen >= {f"hourglasses.0.upsample.{x}" for x in ("weight", "bias")} | {"stem.2.conv.weight"}
    assert all(name.startswith(("stem.", "hourglasses.0.upsample.")) for name in frozen)
    plans, notes = growth.plan(settings, "stacks", ["1", "2"])
    assert [point.value for point in plans["stacks"]] == [1, 2] and not notes


def test_it_is_traced_for_any_batch_and_answers_the_same(tiny):
    detector, _ = built(tiny, "model.backbone.stacks=1", "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]")
    graph = export.Graph(detector.eval())
    traced = export.trace(graph, FixedCanvas((64, 64)), None).module()
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        for ours, theirs in zip(graph(images), traced(images), strict=True):
            torch.testing.assert_close(theirs, ours)
