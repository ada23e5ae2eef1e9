"""The way down through the levels of a backbone, and further levels, down to a single cell."""

import pytest
import torch
from torchvision.ops import FeaturePyramidNetwork

from cornernet.backbones.pyramid import Coarser, TopDown


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [1, 2, 3, 8])
def test_half_precision_has_the_gradient_of_float32(side, layout):
    torch.manual_seed(0)
    coarser = Coarser(64, 1).to(memory_format=layout)
    x = torch.randn(2, 64, side, side).bfloat16().float()
    for _ in range(4):  # what is not written is what the memory held before
        junk = [torch.full((64, 64, 3, 3), 1e10) for _ in range(3)]
        del junk
        found = []
        for half in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                out = coarser([x])[-1]
            found += torch.autograd.grad(out.float().sum(), [coarser.convs[0].weight])
        torch.testing.assert_close(found[1], found[0], rtol=0.02, atol=0.02 * float(found[0].abs().max()))
        assert out.shape[-1] == (side + 1) // 2


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_way_down_is_torchvisions(count, layout):
    torch.manual_seed(0)
    ours, theirs = TopDown([6, 8, 5], 4, count).double(), FeaturePyramidNetwork([6, 8, 5], 4).double()
    for unread in range(count, 3):
        theirs.layer_blocks[unread] = torch.nn.Identity()
    theirs.load_state_dict(ours.state_dict())  # under the same names, none missing
    levels = [torch.randn(2, width, side, side + 1).double() for width, side in ((6, 11), (8, 6), (5, 3))]
    levels = [level.to(memory_format=layout).requires_grad_() for level in levels]
    found, expected = ours(levels), list(theirs({str(n): x for n, x in enumerate(levels)}).values())[:count]
    torch.testing.assert_close(found, expected)
    gradients = []
    for fpn, out in ((ours, found), (theirs, expected)):
        named = dict(fpn.named_parameters())
        of = torch.autograd.grad(sum((x**2).sum() for x in out), [*levels, *named.values()])
        gradients.append((of[:3], dict(zip(named, of[3:], strict=True))))
    torch.testing.assert_close(*gradients)
    bound = (3 / (8 * 1)) ** 0.5  # of Kaiming's uniform weights with a = 1: sqrt(6 / (1 + a^2) / fan in)
    weight = ours.inner_blocks[1][0].weight
    assert weight.abs().max() <= bound and weight.abs().max() > 0.7 * bound and not ours.inner_blocks[1][0].bias.any()
