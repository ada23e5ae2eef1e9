"""Operations and bytes, counted by hand and beside torch's own counters on real tensors."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from cornernet import config, detectors
from cornernet.profiling.counting import Counter, count
from cornernet.profiling.training_step import forward, random_batch

PLAIN = ["train.precision=fp32", "model.backbone.stacks=1"]


@pytest.fixture(params=["tiny", "tiny_anchor"])
def settings(request):
    """Config of either detector."""
    return config.load(request.getfixturevalue(request.param), PLAIN)


def test_a_convolution_by_hand():
    x, weight = torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3)
    with Counter() as counter:
        y = torch.nn.functional.conv2d(x, weight, padding=1)
    assert y.shape == (1, 4, 8, 8)
    assert counter.operations == [(2 * 64 * 4 * 27, 4 * (3 * 64 + 108 + 4 * 64))]
    assert counter.held == counter.peak == 4 * 4 * 64


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("turned", [False, True], ids=["convolution", "transposed"])
@pytest.mark.parametrize("wanted", [(True, True), (True, False)], ids=["both", "features"])
def test_a_gradient_of_a_convolution_takes_what_the_convolution_does(groups, turned, wanted):
    x = torch.ones(2, 6, 8, 8, requires_grad=wanted[0])
    shape = (6, 12 // groups, 3, 3) if turned else (12, 6 // groups, 3, 3)
    weight = torch.ones(shape, requires_grad=wanted[1])
    convolve = torch.nn.functional.conv_transpose2d if turned else torch.nn.functional.conv2d
    with Counter() as counter:
        y = convolve(x, weight, padding=1, groups=groups)
        forward_flops = counter.totals()[0]
        y.sum().backward()
    assert forward_flops == 2 * 2 * 64 * 6 * (12 // groups) * 9
    assert counter.totals()[0] == forward_flops * (1 + sum(wanted))


def test_views_move_nothing_and_expanded_tensors_lie_there_once():
    x = torch.ones(10)
    with Counter() as counter:
        wide = x.view(2, 5)[:, None].expand(2, 7, 5)
        assert counter.totals() == (0, 0)
        wide + 1
        assert counter.totals() == (0, 40 + 4 * 70)
        x.add_(1)  # read and written
        assert counter.totals() == (0, 40 + 4 * 70 + 80)
        torch.empty(1000)
        assert counter.totals() == (0, 40 + 4 * 70 + 80)


def test_what_is_released_is_not_held():
    with Counter() as counter:
        a = torch.zeros(100)
        b = a[:50]
        del a
        assert counter.held == 400  # the view keeps its storage
        del b
        assert (counter.held, counter.peak) == (0, 400)
        c = torch.zeros(50)
        assert (counter.held, counter.peak) == (200, 400)
        del c


def test_counts_are_those_of_a_real_step(settings):
    found = count(settings, classes=3, objects=2)
    detector, batch = detectors.build(settings, 3).train(), random_batch(settings, 3, 2)
    kept, own = {}, {p.untyped_storage()._cdata for p in detector.parameters()}

    def pack(x):
        kept[x.untyped_storage()._cdata] = x.untyped_storage().nbytes()
        return x

    with FlopCounterMode(display=False) as real:
        with saved_tensors_hooks(pack, lambda x: x):
            terms = forward(detector, batch, settings)
        before = real.get_total_flops()
        terms["total"].backward()
    assert (found.forward_flops, found.flops) == (before, real.get_total_flops())
    assert found.kept == pytest.approx(sum(n for key, n in kept.items() if key not in own), rel=0.05)
    assert found.peak >= found.kept > 0
    assert found.weights == found.gradients == sum(p.nbytes for p in detector.parameters())
    assert found.state == pytest.approx(2 * found.weights, rel=0.01)  # Adam's moments and its counters


def test_images_add_up_and_half_precision_moves_less(settings):
    one, two, three = (count(config.override(settings, [f"train.batch_size={n}"])) for n in (1, 2, 3))
    for name in ("flops", "moved", "kept"):
        first, second, third = (getattr(step, name) for step in (one, two, three))
        assert third - second == pytest.approx(second - first, rel=0.02)
    half = count(config.override(settings, ["train.batch_size=2", "train.precision=bf16"]))
    assert half.flops == two.flops and 0.5 * two.moved < half.moved < 0.95 * two.moved


def test_counting_leaves_nothing_behind(settings):
    count(settings)
    assert not torch.compiler.is_compiling() and type(torch.ones(1)) is torch.Tensor


def test_hourglass_104_is_as_large_as_known():
    """686 GFLOP of an image with the head of the last stack alone, as at test time."""
    settings = config.load("configs/cornernet.yaml")
    with torch.device("meta"):
        network = detectors.build(settings, 80).network.eval()
        with Counter() as counter, torch.no_grad():
            network(torch.zeros(1, 3, 511, 511))
    assert counter.totals()[0] == pytest.approx(686e9, rel=1e-3)


def test_what_checkpointing_recomputes_is_counted_and_what_it_drops_is_not_kept():
    pair = [torch.nn.Conv2d(2, 2, 1), torch.nn.Sigmoid()]
    blocks = [torch.nn.Sequential(*pair, *pair) for _ in range(3)]

    def run(call):
        y = torch.ones(1, 2, 8, 8)
        with Counter() as counter:
            for block in blocks:
                y = call(block, y)
            before, kept = counter.totals()[0], counter.held
            y.sum().backward()
            return before, counter.totals()[0], kept

    before, total, kept = run(lambda block, y: block(y))
    assert run(lambda block, y: checkpoint(block, y, use_reentrant=False)) == (before, total + before, kept / 2)


def test_gradient_checkpointing_of_the_settings_is_counted(settings):
    plain, twice = (
        count(config.override(settings, [f"train.gradient_checkpointing={on}"]), classes=3, objects=2)
        for on in ("false", "true")
    )
    assert twice.kept < plain.kept and twice.flops > plain.flops
    assert (twice.forward_flops, twice.weights, twice.state) == (plain.forward_flops, plain.weights, plain.state)
