"""Corner pooling against the published extension and by hand."""

import pytest
import torch

from cornernet.ops.corner_pool import bottom_pool, left_pool, right_pool, top_pool

POOLS = {"top": top_pool, "bottom": bottom_pool, "left": left_pool, "right": right_pool}
TIE_FREE = ("dist", "one")  # on ties the gradient goes to another one of the equal cells than in the extension


@pytest.mark.parametrize("side", POOLS)
@pytest.mark.parametrize("case", ["dist", "ties", "const", "quant", "one"])
def test_forward_equals_the_published_pools(golden, case, side):
    arrays = golden("g2_cpools")
    y = POOLS[side](torch.tensor(arrays[f"{case}_x"]))
    assert torch.equal(y, torch.tensor(arrays[f"{case}_{side}_y"]))


@pytest.mark.parametrize("side", POOLS)
@pytest.mark.parametrize("case", TIE_FREE)
def test_backward_equals_the_published_pools_without_ties(golden, case, side):
    arrays = golden("g2_cpools")
    x = torch.tensor(arrays[f"{case}_x"], requires_grad=True)
    POOLS[side](x).backward(torch.tensor(arrays[f"{case}_gout"]))
    torch.testing.assert_close(x.grad, torch.tensor(arrays[f"{case}_{side}_gin"]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("side", POOLS)
@pytest.mark.parametrize("case", ["ties", "const", "quant"])
def test_backward_hands_on_the_whole_gradient_on_ties(golden, case, side):
    arrays = golden("g2_cpools")
    x = torch.tensor(arrays[f"{case}_x"], requires_grad=True)
    POOLS[side](x).backward(torch.tensor(arrays[f"{case}_gout"]))
    dim = 2 if side in ("top", "bottom") else 3
    expected = torch.tensor(arrays[f"{case}_{side}_gin"]).sum(dim)  # which of the equal cells gets it is free
    torch.testing.assert_close(x.grad.sum(dim), expected, rtol=1e-5, atol=1e-5)


def test_pools_by_hand():
    x = torch.tensor([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]])[None, None]
    assert top_pool(x)[0, 0].tolist() == [[4, 5, 3], [4, 0, 3]]
    assert bottom_pool(x)[0, 0].tolist() == [[1, 5, 2], [4, 5, 3]]
    assert left_pool(x)[0, 0].tolist() == [[5, 5, 2], [4, 3, 3]]
    assert right_pool(x)[0, 0].tolist() == [[1, 5, 5], [4, 4, 4]]


@pytest.mark.parametrize("side", POOLS)
def test_gradcheck(side):
    x = torch.randperm(24, dtype=torch.float64).view(1, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(POOLS[side], x)


@pytest.mark.parametrize("side", POOLS)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 9), (8, 16), (33, 5)])
def test_the_exported_pool_gives_the_same_numbers(side, size):
    x = torch.randint(-3, 3, (2, 3, *size)).float()  # with ties
    x[0, 0] = -torch.inf
    program = torch.export.export(Pool(POOLS[side]), (x,))
    assert torch.equal(program.module()(x), POOLS[side](x))
    assert not [node for node in program.graph.nodes if "cummax" in str(node.target)]


class Pool(torch.nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.pool = pool

    def forward(self, x):
        return self.pool(x)
