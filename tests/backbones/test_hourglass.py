"""Shapes of the stacked hourglass for every kind of setting, and the settings it refuses."""

import pytest
import torch

from cornernet.backbones.hourglass import Hourglass, StackedHourglass


def hourglass(stacks=1, channels=(4, 6, 8), blocks=(1, 1, 2), out=5):
    return StackedHourglass(stacks, 3, list(channels), list(blocks), out)


@pytest.mark.parametrize("short", range(4))
@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 48), (64, 16)])
def test_sides_up_to_three_pixels_short_of_a_multiple(height, width, short):
    net = hourglass().eval()
    assert net.multiple == 16
    (levels,) = net(torch.rand(2, 3, height - short, width))
    assert [x.shape for x in levels] == [(2, c, height // s, width // s) for c, s in ((5, 4), (6, 8), (8, 16))]
    assert net(torch.rand(1, 3, height, width - short))[0][0].shape == (1, 5, height // 4, width // 4)


@pytest.mark.parametrize("size", [12, 17, 20, 28])
def test_other_sides_do_not_fit(size):
    with pytest.raises(RuntimeError, match="must match the size"):
        hourglass()(torch.rand(1, 3, size, 32))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_order(order):
    net = hourglass(channels=range(3, 4 + order), blocks=[1] * (order + 1))
    assert net.order == order and net.multiple == 4 * 2**order
    assert net(torch.rand(2, 3, net.multiple - 1, net.multiple))[0][0].shape == (2, 5, 2**order, 2**order)


@pytest.mark.parametrize("stacks", [1, 2, 3])
def test_the_same_levels_of_every_stack(stacks):
    net = hourglass(stacks)
    found = net(torch.rand(2, 3, 32, 16))
    assert [levels[0].shape for levels in found] == [(2, 5, 8, 4)] * stacks == [(2, 5, 8, 4)] * net.stacks
    assert len(net.merged) == len(net.merge_input) == len(net.merge_output) == stacks - 1


def test_later_stacks_read_earlier_ones():
    net, images = hourglass(2).eval(), torch.rand(1, 3, 32, 32)
    before = net(images)
    torch.nn.init.zeros_(net.outputs[0].norm.weight)
    after = net(images)
    assert not any(torch.allclose(x[0], y[0]) for x, y in zip(before, after, strict=True))


def test_blocks_count_residuals():
    inner = Hourglass([4, 6, 8], [1, 2, 3])
    assert [len(inner.skip), len(inner.down), len(inner.up)] == [1, 1, 1]
    assert [len(inner.inner.skip), len(inner.inner.down), len(inner.inner.up), len(inner.inner.inner)] == [2, 2, 2, 3]


def test_hourglass_keeps_its_shape():
    assert Hourglass([4, 6, 8], [1, 1, 1])(torch.rand(2, 4, 8, 12)).shape == (2, 4, 8, 12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stacks": 0},
        {"channels": (4,), "blocks": (1,)},
        {"channels": (), "blocks": ()},
        {"channels": (4, 6)},
        {"blocks": (1, 1)},
        {"channels": (4, 0, 8)},
        {"blocks": (1, 0, 1)},
        {"blocks": (1, 1, -1)},
    ],
    ids=str,
)
def test_wrong_settings_are_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"^model\.backbone needs .*; got stacks=") as caught:
        hourglass(**wrong)
    assert "\n" not in str(caught.value)
