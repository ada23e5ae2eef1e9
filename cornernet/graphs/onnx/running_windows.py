"""Corner pooling in an exported graph, written with an operation for which there is a fast kernel of uint8.

A float32 file holds each running maximum as maxima over windows of 1, 2, 4, ... cells, see `ops.corner_pool`. Each step
joins the maximum of two slices of a map, some cells apart, with the rest of the map, and neither slicing nor the
maximum is fast in uint8, or there at all. The same numbers come from a pooling over two cells so far apart, with the
map's edge repeated once beyond it by as many cells as all steps together reach.
"""

from typing import Any, NamedTuple

import numpy as np


class Step(NamedTuple):
    """One step of a running maximum."""

    node: Any  # that writes it
    source: str  # the map it reads
    axis: int  # 0: from row to row, 1: from column to column
    cells: int  # between the two cells that are compared
    backwards: bool  # each cell is compared with one behind it


def pool_windows(graph: Any) -> None:
    """Write all running maxima of a graph of ONNX as poolings, in place; a graph without them stays as it is."""
    made: dict[str, list[Any]] = {}
    for chain in running_maxima(graph):
        made |= {step.node.name: [] for step in chain} | {chain[-1].node.name: _poolings(chain, graph)}
    makes = {name for node in graph.node if node.name in made for name in node.output}
    nodes = [new for node in graph.node for new in made.get(node.name, [node])]
    del graph.node[:]
    graph.node.extend(nodes)
    shapes = [item for item in graph.value_info if makes.isdisjoint([item.name])]  # between steps they are others now
    del graph.value_info[:]
    graph.value_info.extend(shapes)
    _drop_unused(graph)


def running_maxima(graph: Any) -> list[list[Step]]:
    """The steps of each running maximum of a graph, in their order."""
    from onnx import numpy_helper

    makers = {name: node for node in graph.node for name in node.output}
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    readers: dict[str, int] = {}
    for name in [name for node in graph.node for name in node.input] + [item.name for item in graph.output]:
        readers[name] = readers.get(name, 0) + 1
    chains: dict[str, list[Step]] = {}  # by the output of their last step so far
    for node in graph.node:
        if (step := _step(node, makers, values)) is None:
            continue
        before = chains.get(step.source)
        # the three slices of this step must be all that reads the one before it, which is not written any more
        joined = before and before[-1][2::2] == step[2::2] and readers[step.source] == 3
        chains[node.output[0]] = [*chains.pop(step.source), step] if joined else [step]
    return list(chains.values())


def _poolings(chain: list[Step], graph: Any) -> list[Any]:
    """Steps of one running maximum -> the nodes that take their place; what they pad by becomes part of the graph."""
    from onnx import helper, numpy_helper

    axis, backwards, reach = chain[0].axis, chain[0].backwards, sum(step.cells for step in chain)
    name = f"{chain[0].node.name}_padded"
    pads = np.zeros(8, np.int64)  # before and behind B, C, H, W
    pads[axis + (6 if backwards else 2)] = reach
    graph.initializer.append(numpy_helper.from_array(pads, f"{name}_by"))
    nodes = [helper.make_node("Pad", [chain[0].source, f"{name}_by"], [name], name, mode="edge")]
    for step in chain:
        kernel, dilations = [1, 1], [1, 1]
        kernel[axis], dilations[axis] = 2, step.cells
        into, titled = list(step.node.output), step.node.name
        nodes.append(helper.make_node("MaxPool", [name], into, titled, kernel_shape=kernel, dilations=dilations))
        name = step.node.output[0]
    return nodes


def _step(node: Any, makers: dict[str, Any], values: dict[str, np.ndarray]) -> Step | None:
    """What a node that joins a step does; None for other nodes."""
    if node.op_type != "Concat" or len(node.input) != 2:
        return None
    parts = [makers.get(name) for name in node.input]
    backwards = getattr(parts[0], "op_type", None) == "Max"
    both, rest = parts if backwards else reversed(parts)
    if both is None or both.op_type != "Max" or len(both.input) != 2:
        return None
    slices = [cut for part in (*map(makers.get, both.input), rest) if (cut := _slice(part, values)) is not None]
    if len(slices) < 3 or len({(name, axis) for name, axis, _, _ in slices}) > 1:
        return None
    (name, axis, first, end), (_, _, cells, size), (_, _, *ends) = slices
    whole = first == 0 and end == size - cells and ends == ([end, size] if backwards else [0, cells])
    return Step(node, name, axis - 2, cells, backwards) if whole and axis in (2, 3) and 0 < cells < size else None


def _slice(node: Any, values: dict[str, np.ndarray]) -> tuple[str, int, int, int] | None:
    """(what is cut, axis, first, end) of a slice along one axis without gaps; None for other nodes."""
    if node is None or node.op_type != "Slice" or any(name not in values for name in node.input[1:]):
        return None
    numbers = [values[name].tolist() for name in node.input[1:]]
    if any(len(each) != 1 for each in numbers) or len(numbers) < 3 or numbers[3:] not in ([], [[1]]):
        return None
    return node.input[0], numbers[2][0], numbers[0][0], numbers[1][0]


def _drop_unused(graph: Any) -> None:
    """Take out nodes and constants that nobody reads, in place; nodes stand in the order in which they are run."""
    needed = {item.name for item in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)
    for item in list(graph.initializer):
        if item.name not in needed:
            graph.initializer.remove(item)
