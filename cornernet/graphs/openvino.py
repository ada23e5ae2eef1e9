"""OpenVINO, `.xml` with the weights in a `.bin` beside it, which Intel's runtime runs on CPUs and GPUs.

The graph is that of ONNX, read by OpenVINO. What is opened may come from anyone: the text is looked at before OpenVINO
reads it, the weights are those beside it that were written with it, whatever it says of paths, and no operation from
outside OpenVINO is loaded. OpenVINO is handed bytes, so that a file cut short while it is read harms nothing.
"""

import hashlib
import json
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from torch import Tensor
from torch.export import ExportedProgram

from cornernet.graphs import onnx

SUFFIX, WEIGHTS = ".xml", ".bin"
BESIDE = (WEIGHTS,)
NEEDS, RUNS_WITH = ("openvino", "onnx", "onnxscript"), ("openvino",)
INSTALL = "pip install openvino onnx onnxscript"
SAFE = True
ABOUT, DIGEST = "cornernet", "weights_sha256"  # where in a file's own information our entries stand
TEXT, BYTES = 2**26, 2**31  # of the .xml and the .bin at most
NUMBERS = 2**31  # in a tensor of the graph at most
HOW = {"INFERENCE_PRECISION_HINT": "f32"}  # else some processors would compute in bfloat16


def write(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    """Write the program with its metadata, an entry of JSON each, and its weights beside it."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / f"graph{onnx.SUFFIX}"
        onnx.write(program, graph, {})
        model = openvino.Core().read_model(graph)
        for key, value in about.items():
            model.set_rt_info(json.dumps(value), [ABOUT, key])
        openvino.serialize(model, path, path.with_suffix(WEIGHTS))
        model.set_rt_info(digest(path.with_suffix(WEIGHTS).read_bytes()), [ABOUT, DIGEST])
        openvino.serialize(model, path, path.with_suffix(WEIGHTS))


def open(path: Path) -> tuple[Callable[[Tensor], tuple[Tensor, ...]], dict[str, Any]]:
    """File -> (function from images to Rows, metadata); raises ValueError for what no export writes."""
    import openvino

    text, weights = _bytes(path, TEXT), _bytes(path.with_suffix(WEIGHTS), BYTES)
    texts = entries(text)
    if texts.pop(DIGEST, None) != digest(weights):
        raise ValueError(f"the weights in {path.with_suffix(WEIGHTS).name} are not those written with it")
    core = openvino.Core()
    threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(core.read_model(text, weights), "CPU", HOW | threads)
    names = (*onnx.OUTPUTS, *onnx.POINTS)[: len(compiled.outputs)]

    def run(images: Tensor) -> tuple[Tensor, ...]:
        found = compiled({"images": images.numpy()})
        return tuple(torch.from_numpy(found[name].copy()) for name in names)

    return run, {key: json.loads(value) for key, value in texts.items()}


def digest(weights: bytes) -> str:
    """By which a graph knows its weights."""
    return hashlib.sha256(weights).hexdigest()


def _bytes(path: Path, most: int) -> bytes:
    """Raises ValueError for a file that is not there or too long."""
    if not path.is_file():
        raise ValueError(f"there is no {path.name} beside it")
    if path.stat().st_size > most:
        raise ValueError(f"{path.name} holds more than {most} bytes")
    return path.read_bytes()


def entries(text: bytes) -> dict[str, str]:
    """The text of a graph -> our entries; raises ValueError for one with a document type, or that asks for too much."""
    if b"\0" in text or re.search(rb"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError("it is no plain XML in UTF-8 without a document type")
    root = ElementTree.fromstring(text.decode())
    if any("}" in item.tag for item in root.iter()):  # under which OpenVINO, that knows of no such thing, sees a layer
        raise ValueError("it names a namespace, which no export does")
    for layer in root.iter("layer"):
        if not re.fullmatch(r"opset\d+", layer.get("version", "")):
            raise ValueError(f"its layer of type {layer.get('type')!r:.50} is none of OpenVINO's own")
    for port in (*root.iter("port"), *root.iter("data")):
        if _numbers(port) > NUMBERS:
            raise ValueError(f"a tensor of its graph has more than {NUMBERS} numbers")
    found = {item.tag: item.get("value", "") for item in root.iterfind(f"rt_info/{ABOUT}/*")}
    if sum(map(len, found.values())) > onnx.LONGEST:
        raise ValueError(f"its metadata are longer than {onnx.LONGEST} characters")
    return found


def _numbers(item: ElementTree.Element) -> int:
    """How many a port, or the value of a constant, says to hold; open axes count as one."""
    sides = ["".join(dim.itertext()) for dim in item.iterfind("dim")] or item.get("shape", "").split(",")
    return math.prod(int(side) for side in sides if side.strip().isdecimal())
