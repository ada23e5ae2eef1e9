"""From a float32 graph to an int8 one: what is quantised, and how.

Post-training static quantisation by onnxruntime: weights int8 with a scale for each output channel, activations uint8
with a scale for each tensor, set by the smallest and largest value that the calibration images bring (Jacob et al.
2018, arXiv 1712.05877). What is quantised follows from the graph alone: everything up to the last convolutions, which
with the decoding behind them stay float32, since scores and boxes are read from them.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cornernet.graphs.onnx.running_windows import pool_windows

# beside convolutions; of these there are kernels for uint8, or they go into the limits of what they read (Relu, Clip)
OPERATIONS = ("Relu", "Clip", "Add", "Resize", "Pad", "MaxPool")


def quantise(path: Path, batches: Sequence[np.ndarray]) -> None:
    """Turn a float32 file into an int8 one, in place, calibrated on batches [B, 3, H, W] uint8; metadata are kept."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    model = onnx.load(path)
    about = list(model.metadata_props)
    pool_windows(model.graph)
    onnx.save(model, path)
    nodes = body(model.graph)
    del model  # as large as all weights
    with _quiet():
        quantize_static(  # weights of 7 bits: sums of products of 8 overflow where a processor has no VNNI
            path, path, _Reader(batches), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_quantize=nodes,
        )  # fmt: skip
    made = onnx.load(path)
    del made.metadata_props[:]  # quantisation adds its own
    made.metadata_props.extend(about)
    onnx.save(made, path)
    onnx.checker.check_model(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice to fold and simplify the graph first: the export has done that."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Reader:
    """Batches in the form in which onnxruntime asks for them."""

    def __init__(self, batches: Sequence[np.ndarray]):
        self.batches = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"images": batch}


def body(graph: Any) -> list[str]:
    """Names of the nodes to quantise: convolutions that lead to another one, and OPERATIONS on nothing but their maps.

    What reads a float32 map, such as the ReLU behind a GroupNorm, would only turn its numbers back and forth.
    """
    makers = {name: node for node in graph.node for name in node.output}
    last = last_convolutions(graph)
    needed, left = set(), [name for node in graph.node if node.name in last for name in node.input]
    while left:
        node = makers.get(left.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            left += node.input
    held = {item.name: item for item in graph.initializer}
    names: list[str] = []
    maps: set[str] = set()
    for node in graph.node:
        read = node.input if node.op_type == "Add" else node.input[:1]
        kernels = node.op_type in OPERATIONS and (node.op_type != "Clip" or _holds_zero(node, held))
        whole = node.op_type == "Conv" or (kernels and maps.issuperset(read))
        if whole and node.name in needed - last:
            names.append(node.name)
            maps.update(node.output)
    return names


def _holds_zero(clip: Any, held: dict[str, Any]) -> bool:
    """Whether the limits of a Clip are known and 0 lies between them, as it does in every range of a quantised map."""
    from onnx.numpy_helper import to_array

    names = [*clip.input[1:], "", ""][:2]
    if any(name and name not in held for name in names):
        return False
    low, high = (float(to_array(held[name])) if name else None for name in names)
    return (low is None or low <= 0) and (high is None or high >= 0)


def last_convolutions(graph: Any) -> set[str]:
    """Names of the convolutions from which an output is reached without passing another one."""
    makers = {name: node for node in graph.node for name in node.output}
    found, seen, left = set(), set(), [item.name for item in graph.output]
    while left:
        name = left.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.op_type == "Conv":
            found.add(node.name)
        else:
            left += node.input
    return found
