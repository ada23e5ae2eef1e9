"""Corner pooling of an exported graph as poolings: the same numbers, and nothing else is touched."""

import numpy as np
import pytest
import torch
from torch import nn

from cornernet.graphs.onnx import running_windows
from cornernet.ops import corner_pool

onnx = pytest.importorskip("onnx", reason="needs the extra export")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")


class Pools(nn.Module):
    """All four pools of a map, one of them on top of another, and one whose first step something else reads too."""

    def forward(self, x):
        """[B, D, H, W] -> five maps."""
        pools = [getattr(corner_pool, f"{side}_pool")(x) for side in ("top", "bottom", "left", "right")]
        step = self.step(-x, 1)
        on_top = self.step(step, 2)
        return [*pools, corner_pool.left_pool(pools[0]), step, on_top]

    def step(self, x, cells):
        """One step down the rows."""
        first, second, rest = x.narrow(2, 0, 5 - cells), x.narrow(2, cells, 5 - cells), x.narrow(2, 5 - cells, cells)
        return torch.cat([torch.maximum(first, second), rest], 2)


@pytest.fixture(scope="module")
def model():
    x = torch.zeros(2, 3, 5, 9)
    made = torch.onnx.export(Pools().eval(), (x,), input_names=["x"], dynamo=True, verbose=False)
    return made.model_proto


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def test_the_numbers_are_the_same_below_zero_too(model):
    pooled = onnx.ModelProto.FromString(model.SerializeToString())
    running_windows.pool_windows(pooled.graph)
    assert not any(node.op_type in ("Slice", "Concat", "Max") for node in pooled.graph.node)
    x = np.random.default_rng(0).normal(-2, 1, (2, 3, 5, 9)).astype(np.float32)
    for expected, found in zip(run(model, x), run(pooled, x), strict=True):
        assert found.shape == expected.shape and (found == expected).all()
    onnx.checker.check_model(pooled)


def test_steps_are_joined_unless_something_else_reads_between_them(model):
    chains = running_windows.running_maxima(model.graph)
    kinds = sorted((chain[0].axis, chain[0].backwards, [step.cells for step in chain]) for chain in chains)
    rows, columns = [1, 2, 4], [1, 2, 4, 8]
    alone = [(0, True, [1]), (0, True, [2])]
    assert kinds == sorted(
        [(0, False, rows), (0, True, rows), (1, False, columns), (1, True, columns), (1, True, columns), *alone]
    )


@pytest.mark.parametrize("change", ["other end", "other map", "a gap", "other order"])
def test_what_only_looks_like_a_step_stays(change):
    class Near(nn.Module):
        def forward(self, x):
            """One step with something wrong."""
            first, second, rest = x.narrow(2, 0, 3), x.narrow(2, 1, 3), x.narrow(2, 3, 1)
            if change == "other end":
                rest = x.narrow(2, 0, 1)
            elif change == "other map":
                second = x.exp().narrow(2, 1, 3)
            elif change == "a gap":
                first, second = x.narrow(2, 0, 2), x.narrow(2, 1, 2)
            both = torch.maximum(first, second)
            return torch.cat([rest, both] if change == "other order" else [both, rest], 2)

    made = torch.onnx.export(Near().eval(), (torch.zeros(1, 1, 4, 4),), dynamo=True, verbose=False).model_proto
    before = made.SerializeToString()
    assert not running_windows.running_maxima(made.graph)
    running_windows.pool_windows(made.graph)
    assert [n.name for n in made.graph.node] == [n.name for n in onnx.ModelProto.FromString(before).graph.node]
