"""The further levels of a pyramid, down to a single cell."""

import pytest
import torch

from cornernet.backbones.pyramid import Coarser


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
