"""ONNX, `.onnx`, which onnxruntime and many other programs run.

Beside it in the folder: int8.py and running_windows.py, which quantise it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from cornernet.graphs.onnx.int8 import quantise

__all__ = ["INSTALL", "NEEDS", "RUNS_WITH", "SAFE", "SUFFIX", "open", "quantise", "session", "write"]
SUFFIX = ".onnx"
NEEDS, RUNS_WITH = ("onnx", "onnxscript"), ("onnxruntime",)
INSTALL = "pip install onnx onnxscript onnxruntime"
SAFE = True
OUTPUTS = ("boxes", "scores", "labels")
POINTS = ("points", "point_scores", "point_levels")  # behind these, of a graph that glances
INPUT_AXES, OUTPUT_AXES = ("batch", "colour", "height", "width"), ("batch", "detections", "corner")
LONGEST = 2**20  # characters of a file's metadata at most


def write(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    """Write the program with its metadata, an entry of JSON each."""
    import onnx

    names = (*OUTPUTS, *POINTS)[: len(program.graph_signature.user_outputs)]
    made = torch.onnx.export(program, verbose=False, input_names=["images"], output_names=names)
    assert made is not None  # it is where no name of a file is given
    made.model.metadata_props.update({key: json.dumps(value) for key, value in about.items()})
    made.model.doc_string = about.get("description")
    _name_axes(made.model.graph)
    made.save(path)
    onnx.checker.check_model(path)


def _name_axes(graph: Any) -> None:
    """Give the open axes of what goes in and comes out names that mean something."""
    import onnx_ir

    for value in (*graph.inputs, *graph.outputs):
        names = INPUT_AXES if value.name == "images" else OUTPUT_AXES
        sides = [side if isinstance(side, int) else name for side, name in zip(value.shape, names, strict=False)]
        value.shape = onnx_ir.Shape(sides)


def open(path: Path) -> tuple[Callable[[Tensor], tuple[Tensor, ...]], dict[str, Any]]:
    """File -> (function from images to Rows, metadata); raises ValueError for metadata that are too long."""
    opened = session(path)
    texts = opened.get_modelmeta().custom_metadata_map
    if sum(map(len, texts.values())) > LONGEST:
        raise ValueError(f"its metadata are longer than {LONGEST} characters")

    def run(images: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(torch.from_numpy, opened.run(None, {"images": images.numpy()})))

    return run, {key: json.loads(text) for key, text in texts.items()}


def session(path: Path) -> Any:
    """A session of onnxruntime on the CPU, with as many threads as torch has: OMP_NUM_THREADS then holds for both."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # it prints names of a graph as they are; errors are raised
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
