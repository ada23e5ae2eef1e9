"""The table of stages, and the plain formulations against what they are measured beside."""

import importlib.util

import numpy as np
import pytest
import torch

from benchmarks import exported, files, measure, stages, tensors
from benchmarks.measure import formulation
from cornernet.cli.commandline import call
from cornernet.config import Data
from cornernet.data import pipeline
from cornernet.data.dataset import TrainDataset
from cornernet.data.device import prepare
from cornernet.data.loader import collate
from cornernet.detectors.corner.targets import encode
from cornernet.losses import AELoss

# -- the plain formulations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("objects", [20, 0])
def test_loss_and_gradients_are_those_of_the_plain_one(objects):
    boxes, labels, mask = tensors.boxes(2)
    goal = encode(boxes, labels % 3, mask & (torch.arange(128) < objects), 3, (511, 511), (128, 128))
    targets = [goal.tl_heat, goal.br_heat, goal.mask, goal.tl_offset, goal.br_offset]
    outs = [x.requires_grad_() for _ in range(2) for x in tensors.outputs(2, 3, 128)]
    with torch.no_grad():
        outs[0][0, 0, 0, :2] = torch.tensor([30.0, -30.0])  # beyond the clamp
    loss, plain = AELoss(0.1, 0.1, 1), formulation("loss")
    value = plain.corner_loss(outs, targets)
    torch.testing.assert_close(loss(outs, targets)[0], value, rtol=1e-5, atol=1e-5)
    expected, ours = (torch.autograd.grad(x, outs) for x in (value, loss(outs, targets)))
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 2, 5, 7), (2, 8, 100, 90)])
@pytest.mark.parametrize("side", tensors.POOLS)
def test_pools_are_the_plain_ones(side, shape, layout):
    x, grad = torch.randn(shape).to(memory_format=layout).requires_grad_(), torch.randn(shape)
    y, plain = tensors.POOLS[side](x), formulation("pool").POOLS[side](x)
    assert torch.equal(y, plain)
    expected, ours = (torch.autograd.grad(out, x, grad)[0] for out in (plain, y))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-4)


def test_targets_are_the_plain_ones():
    boxes, labels, mask = tensors.boxes(3)
    sizes = (511, 511), (128, 128)
    ours = encode(boxes, labels, mask, 80, *sizes)
    plain = formulation("targets").encode(boxes, labels, mask.sum(1).tolist(), 80, *sizes)
    for name, expected in zip(
        ("tl_heat", "br_heat", "mask", "tl_offset", "br_offset", "tl_index", "br_index"), plain, strict=True
    ):
        torch.testing.assert_close(getattr(ours, name), expected.to(getattr(ours, name).dtype), rtol=1e-5, atol=1e-6)


def test_detections_are_the_plain_ones():
    maps = tensors.peaked(2, 5, 128)
    plain = formulation("detections").detect(maps, 5)
    for ours, expected in zip(tensors.detect(maps), plain, strict=True):
        assert len(ours.scores) == len(expected) > 10
        scores, labels, boxes = zip(*expected, strict=True)
        torch.testing.assert_close(ours.scores, torch.tensor(scores), rtol=1e-5, atol=1e-6)
        assert ours.labels.tolist() == list(labels)
        torch.testing.assert_close(ours.boxes, torch.tensor(boxes))


def test_soft_nms_by_hand():
    rows = torch.tensor([[0.0, 0, 2, 1], [1.0, 0, 3, 1], [9.0, 9, 10, 10]])  # the first two share a third
    kept = formulation("detections").soft_nms(rows, torch.tensor([0.5, 0.9, 0.4]))
    assert [row for row, _ in kept] == [1, 2, 0] or [row for row, _ in kept] == [1, 0, 2]
    assert dict(kept) == pytest.approx({1: 0.9, 2: 0.4, 0: 0.5 * np.exp(-((1 / 3) ** 2) / 0.5)}, rel=1e-6)


def test_samples_are_the_plain_ones(tmp_path):
    """But for what shrinks much, where we average areas: the published code takes every sample from four pixels."""
    source = files.OneImage(files.write_image(tmp_path / "a.jpg"))
    made = pipeline.build(Data(input_size=files.INPUT))
    dataset = TrainDataset(source, made)
    seen = 0
    for epoch in range(8):
        draws = files.draws_of(epoch)
        if draws.scale > 1.25:
            continue
        seen, sample = seen + 1, dataset[epoch, 0]
        given = (source.path, source.boxes(0), draws, files.INPUT, files.BORDER, files.MEAN, files.STD)
        image, boxes = formulation("sample").sample(*given)
        ours = prepare(collate([sample], 128, made.changes()), files.MEAN, files.STD)[0]
        torch.testing.assert_close(ours, torch.from_numpy(image), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(sample.boxes, boxes, rtol=1e-5, atol=1e-3)
    assert seen > 3


# -- the table --------------------------------------------------------------------------------------------------


def test_ways_take_turns_and_the_first_round_does_not_count(monkeypatch):
    order, clock = [], iter(range(1000))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(clock))
    stage = measure.Stage("x", {"a": lambda: order.append("a"), "b": lambda: order.append("b")},
                          lambda: order.append("r"), lambda: order.append("f"))  # fmt: skip
    found = measure.rows(stage, 2)
    assert "".join(order) == "abrf" * 3
    assert [row.work for row in found] == ["x, a", "x, b"] and found[0][1:] == (1, 1, 1, 1, 1)


def test_ratios_are_medians_over_rounds(monkeypatch):
    taken = iter([9, 9, 9, 1, 10, 1, 2, 40, 1, 4, 120, 1])
    monkeypatch.setattr(measure, "_seconds", lambda call: next(taken))
    row = measure.rows(measure.Stage("x", {"": print}, print, print), 3)[0]
    assert (row.ours, row.reference, row.gain, row.distance) == (2, 40, 20, 2)


@pytest.mark.parametrize(
    ("override", "message"),
    [("only=los", "only names the unknown stage 'los', did you mean loss?"), ("repeats=0", "at least 1"),
     ("images=x", "whole number"), ("train.lr=1", "unknown key train.lr; the command takes repeats, images, only")],
)  # fmt: skip
def test_what_is_wrong_is_refused(override, message, capsys):
    with pytest.raises(SystemExit) as left:
        call(stages.COMMAND, [override])
    assert left.value.code == 2 and message in capsys.readouterr().err


def test_what_takes_minutes_must_be_named():
    assert set(stages.STAGES) - set(stages.SHORT) == set(stages.LONG)


@pytest.mark.skipif(importlib.util.find_spec("hotcoco") is None, reason="needs the extra fast-eval")
def test_the_back_ends_agree(tmp_path):
    stage = files.evaluation(measure.Given(tmp_path, 5))
    assert "differ by" in stage.notes[0]


def test_the_table_of_the_short_stages(capsys):
    call(stages.COMMAND, ["only=[pool,loader,large,startup]", "repeats=1"])
    text = capsys.readouterr().out
    assert all(x in text for x in ("corner pooling", "loader", "at 384", "start-up", "ref/ours"))


def test_the_stages_of_the_whole_network_run(tiny):
    found, notes = stages.stages(["training", "inference"], 1, lambda folder: measure.Given(folder, config=tiny))
    lines = stages.table(found, notes, 1).splitlines()[2:]
    assert lines[0].startswith("stage") and len(lines) == 5 and "inference" in lines[4]
    assert [row.work.split(", ")[-1] for row in found[:3]] == ["float32", "gradient checkpointing", "bf16"]
    assert all(value > 0 for row in found for value in row[1:])


@pytest.mark.slow
def test_exported_files_are_timed_beside_each_other(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    pytest.importorskip("onnxscript", reason="needs the extra export")
    small = ["model.backbone.stacks=1", "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]"]
    small += ["model.backbone.stem_channels=8", "model.head.channels=8", "model.head.pool_channels=8"]
    stage = exported.int8(measure.Given(tmp_path, 1), [*small, "data.input_size=[63,63]"])
    assert "63 pixels, int8 against float32" in stage.work and stage.floor is None
    ours, reference = stage.ours[""](), stage.reference()
    assert [x.shape for x in ours] == [x.shape for x in reference]
    names = ("float32", "int8")
    kinds = [{item.data_type for item in onnx.load(tmp_path / f"{name}.onnx").graph.initializer} for name in names]
    assert onnx.TensorProto.INT8 not in kinds[0] and onnx.TensorProto.INT8 in kinds[1]
    assert {path.name for path in tmp_path.iterdir()} == {"float32.onnx", "int8.onnx"}
    assert "int8" in stages.LONG and stages.STAGES["int8"] is exported.int8
