"""What of a graph becomes int8, on which images, and how near the file then is to PyTorch."""

import json
import logging

import numpy as np
import pytest
import torch

from cornernet import config, graphs
from cornernet.checkpoints.load import load_detector
from cornernet.cli import export as command
from cornernet.data import build_source
from cornernet.export import export
from cornernet.export.int8 import calibration
from cornernet.graphs.onnx import int8
from cornernet.prediction.exported import agreement
from tests.conftest import DETECTORS

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")


def graph(nodes, constants=(), inputs=("x",), outputs=("y",)):
    """Graph of (operation, inputs, output) triples, each node named after its output."""
    made = [onnx.helper.make_node(kind, list(read), [written], name=written) for kind, read, written in nodes]
    infos = [
        [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in x] for x in (inputs, outputs)
    ]
    held = [onnx.numpy_helper.from_array(np.ones(1, np.float32), name) for name in constants]
    return onnx.helper.make_graph(made, "g", *infos, held)


# -- what is quantised --------------------------------------------------------------------------------------------

NODES = [
    ("Sub", ["x", "mean"], "pixels"),
    ("Conv", ["pixels", "w"], "first"),
    ("Mul", ["first", "scale"], "scaled"),
    ("Add", ["scaled", "shift"], "normed"),  # of a normalisation
    ("Relu", ["normed"], "relu"),
    ("Conv", ["relu", "w"], "second"),
    ("Add", ["second", "relu"], "half"),  # one side is float32
    ("Conv", ["half", "w"], "wide"),
    ("Clip", ["wide", "none", "six"], "capped"),
    ("Conv", ["capped", "w"], "third"),
    ("Relu", ["third"], "quick"),
    ("Conv", ["quick", "w"], "fourth"),
    ("Add", ["fourth", "quick"], "residual"),
    ("Conv", ["residual", "w"], "heat"),
    ("Conv", ["residual", "w"], "offset"),
    ("Sigmoid", ["heat"], "scores"),
    ("Add", ["scores", "offset"], "y"),  # of the decoding
]


def test_everything_up_to_the_last_convolutions_is_quantised_by_hand():
    made = graph(NODES, ["mean", "w", "scale", "shift"])
    limits = {"none": 0, "six": 6}
    made.initializer.extend(onnx.numpy_helper.from_array(np.float32(limit), name) for name, limit in limits.items())
    assert int8.last_convolutions(made) == {"heat", "offset"}
    assert int8.body(made) == ["first", "second", "wide", "capped", "third", "quick", "fourth", "residual"]


@pytest.mark.parametrize(
    ("limits", "kept"), [((0, 6), True), ((-1, 1), True), ((None, 6), True), ((1, 6), False), ((-6, -1), False)]
)
def test_limits_that_leave_zero_out_are_kept_in_float32(limits, kept):
    names = ["" if limit is None else f"l{k}" for k, limit in enumerate(limits)]
    nodes = [
        ("Conv", ["x", "w"], "first"), ("Clip", ["first", *names], "capped"), ("Conv", ["capped", "w"], "second"),
        ("Conv", ["second", "w"], "y"),
    ]  # fmt: skip
    made = graph(nodes, ["w"])
    made.initializer.extend(
        onnx.numpy_helper.from_array(np.float32(limit), name)
        for limit, name in zip(limits, names, strict=True) if name
    )  # fmt: skip
    assert ("capped" in int8.body(made)) == kept
    assert "capped" not in int8.body(graph(nodes, ["w"])) or not any(names)  # limits that another node computes


def test_a_network_of_one_convolution_has_nothing_to_quantise():
    made = graph([("Conv", ["x", "w"], "a"), ("Relu", ["a"], "y")], ["w"])
    assert int8.last_convolutions(made) == {"a"} and int8.body(made) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_int8_files_hold_int8_weights_but_for_the_last_convolutions(exports, name):
    plain = onnx.load(exports[name] / "best.onnx").graph
    coarse = onnx.load(exports[name] / "best.int8.onnx").graph
    makers = {out: node for node in coarse.node for out in node.output}
    kinds = {item.name: item.data_type for item in coarse.initializer}
    convolutions = [node for node in coarse.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(node.op_type == "Conv" for node in plain.node) > 10
    last, floats = int8.last_convolutions(plain), set()
    for node in convolutions:
        if node.input[1] in kinds:
            floats.add(node.name)
            continue
        weight = makers[node.input[1]]
        scale = next(x for x in coarse.initializer if x.name == weight.input[1])
        kernel = next(x for x in coarse.initializer if x.name == weight.input[0])
        assert kinds[weight.input[0]] == onnx.TensorProto.INT8 and list(scale.dims) == [kernel.dims[0]]
    assert floats == last and len(last) == {"corner": 6, "anchor": 2, "points": 3}[name]


# -- on which images --------------------------------------------------------------------------------------------


def test_calibration_shows_training_images_as_evaluation_does(tiny):
    data = config.load(tiny, ["data.longest_side=32"]).data
    batches = calibration(data, (64, 80), 3, 2)
    assert [batch.shape for batch in batches] == [(2, 3, 64, 80)] * 2 and batches[0].dtype == np.uint8
    assert (batches[1][1] == batches[0][0]).all()  # there are three images
    assert (batches[0][:, :, 16:48, 24:56].std((1, 2, 3)) > 1).all() and not batches[0][:, :, :16].any()
    again = calibration(data, (64, 80), 3, 2)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_no_more_images_than_there_are_each_once(tiny):
    data = config.load(tiny).data
    images = np.concatenate(calibration(data, (64, 64), 99, 1))
    source = build_source(data, "train")
    expected = sorted(source.image(i).transpose(2, 0, 1).tobytes() for i in range(len(source)))
    assert sorted(image.tobytes() for image in images) == expected and len(expected) == 10


def test_without_training_images_a_sentence_says_so(tiny, tmp_path):
    nothing = config.load(tiny, ["data.name=coco"]).data
    with pytest.raises(ValueError, match=r"calibrated on training images, which cannot be read: data\.train\.annot"):
        calibration(nothing, (64, 64), 3, 1)
    none = config.load(tiny, ["data.train.limit=0"]).data
    with pytest.raises(ValueError, match="calibrated on training images, which cannot be read: shapes need"):
        calibration(none, (64, 64), 3, 1)


# -- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DETECTORS)
def test_any_batch_goes_in_and_each_image_has_its_own_answer(exports, tiny, name):
    run = graphs.of_file("a.onnx").open(exports[name] / "best.int8.onnx")[0]
    images = torch.from_numpy(np.concatenate(calibration(config.load(tiny).data, (64, 64), 3, 1)))
    together, alone = run(images), [run(images[i : i + 1]) for i in range(3)]
    for i, one in enumerate(alone):
        assert all(torch.equal(a[i], b[0]) for a, b in zip(together, one, strict=True))
    assert (together[1] > 0).sum() > 5


@pytest.mark.parametrize("name", DETECTORS)
def test_metadata_are_those_of_the_float32_file_but_for_the_precision(exports, name):
    plain, coarse = (graphs.of_file(file).open(exports[name] / file)[1] for file in ("best.onnx", "best.int8.onnx"))
    assert (plain.pop("precision"), plain.pop("calibrated_on")) == ("fp32", 0)
    assert (coarse.pop("precision"), coarse.pop("calibrated_on")) == ("int8", 6)
    assert plain == coarse and json.dumps(plain["config"])


@pytest.mark.parametrize("name", DETECTORS)
def test_the_answer_is_near_pytorchs_on_images_it_was_not_calibrated_on_too(exports, tiny, name):
    photos = calibration(config.load(tiny).data, (64, 64), 10, 10)
    images = torch.from_numpy(photos[0])
    detector = load_detector(exports[name] / "best.pt")[0]
    with torch.no_grad():
        found = detector.predict(images)
    expected = (found.boxes, found.scores, found.labels)
    both = agreement(graphs.of_file("a.onnx").open(exports[name] / "best.int8.onnx")[0](images), expected, 0.05)
    assert both.rows > 60 and both.shared >= 0.9 * both.rows and 0 < both.scores.median() < 0.02


@pytest.mark.slow
def test_the_tool_writes_it_beside_the_checkpoint_for_a_fixed_batch_too(exports, tmp_path, caplog):
    path = tmp_path / "best.pt"
    path.write_bytes((exports["anchor"] / "best.pt").read_bytes())
    said = command.text(export.export(path, precision="int8", calibrate=3, batch=2))
    assert str(tmp_path / "best.int8.onnx") in said and "[2, 3, 64, 64] (larger images are shrunk into it) BGR" in said
    assert not [record for record in caplog.records if record.name == "cornernet"]
    assert "run on 4 images" not in said
    assert "run on 3 images of its calibration: of " in said
    assert {file.name for file in tmp_path.iterdir()} == {"best.pt", "best.int8.onnx"}


def test_other_programs_keep_their_logging():
    with int8._quiet():
        assert not logging.getLogger("x").isEnabledFor(logging.WARNING)
    assert logging.getLogger("x").isEnabledFor(logging.WARNING)
