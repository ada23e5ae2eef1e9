"""Sides of boxes as distributions: by hand, as the paper has them, and in every room that reads boxes."""

from math import log

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from cornernet import graphs
from cornernet.detectors import build
from cornernet.detectors.anchor.distribution import DISTANCES, decode, encode, expected, sides
from cornernet.export import export
from cornernet.graphs.onnx import int8
from cornernet.losses import ROLES
from cornernet.prediction import FixedCanvas
from cornernet.prediction.exported import agreement, difference
from tests.detectors.anchor.test_anchor_detector import CLASSES, batch_of, settings

BINS = ["model.anchor.coding=distribution", "model.anchor.assign=atss"]
entropy = ROLES["classification"]["cross_entropy"]
YES = torch.ones(1, dtype=torch.bool)


def test_distances_by_hand_and_back():
    anchors, boxes = torch.tensor([8.0, 8, 24, 40]), torch.tensor([4.0, 20, 20, 60])
    assert encode(boxes, anchors).tolist() == [12, 4, 4, 36]  # of (16, 24), left, top, right and bottom
    many = torch.rand(5, 7, 4) * 50
    torch.testing.assert_close(decode(encode(many, anchors), anchors), many)


def test_the_expectation_by_hand():
    bins = torch.tensor([[log(1), log(2), log(1)], [0, 0, 0], [-50, -50, 50]])
    torch.testing.assert_close(expected(bins), torch.tensor([1.0, 1, 2]))
    assert expected(bins.bfloat16()).dtype == torch.float32


def test_dfl_by_hand():
    """Shares 1/8, 1/2, 1/8, 1/4 of four bins; the sides lie at 1.25, 0, beyond the last bin and before the first."""
    bins = torch.tensor([1 / 8, 1 / 2, 1 / 8, 1 / 4]).log().expand(1, 4, 4) + 3
    got = sides(entropy, bins, torch.tensor([[1.25, 0, 99, -5]]), YES)
    each = [0.75 * log(2) + 0.25 * log(8), log(8), 0.1 * log(8) + 0.9 * log(4), log(8)]
    assert got.tolist() == pytest.approx([sum(each) / 4])


def test_dfl_is_that_of_the_paper():
    bins, y = torch.randn(50, 4, 17, dtype=torch.float64, requires_grad=True), torch.rand(50, 4).double() * 15.9
    left, flat = y.long(), bins.flatten(0, 1)
    below, above = (F.cross_entropy(flat, x.flatten(), reduction="none").view(50, 4) for x in (left, left + 1))
    theirs = ((left + 1 - y) * below + (y - left) * above).mean(1)
    ours = sides(entropy, bins, y, torch.ones(50).bool())
    torch.testing.assert_close(ours, theirs)
    both = [torch.autograd.grad(x.sum(), bins, retain_graph=True)[0] for x in (ours, theirs)]
    torch.testing.assert_close(*both)
    assert gradcheck(lambda x: sides(entropy, x, y[:2], torch.tensor([True, False])), bins[:2, :, :5])


def test_what_is_no_object_has_neither_value_nor_gradient():
    bins = torch.randn(3, 4, 9, requires_grad=True)
    value = sides(entropy, bins, torch.full((3, 4), -1e9), torch.tensor([True, False, False]))
    value.sum().backward()
    assert value[0] > 0 and not value[1:].any() and not bins.grad[1:].any() and bins.grad[0].any()


def test_freely_moved_bins_find_the_boxes():
    torch.manual_seed(0)
    y, bins = torch.rand(8, 4) * 7.5, torch.zeros(8, 4, 9, requires_grad=True)
    step = torch.optim.Adam([bins], lr=0.1)
    for _ in range(300):
        step.zero_grad()
        sides(entropy, bins, y, torch.ones(8).bool()).sum().backward()
        step.step()
    assert (expected(bins) - y).abs().max() < 0.03


def trained(*overrides):
    config = settings(*BINS, *overrides)
    detector, batch = build(config, CLASSES).train(), batch_of(config)
    return detector, batch, detector(batch)


def test_the_terms_of_a_detector():
    detector, batch, terms = trained()
    terms["total"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detector.parameters())
    torch.testing.assert_close(
        terms["total"], terms["classification"] + 2 * terms["box"] + 0.25 * terms["distribution"]
    )
    assert terms["distribution"].item() == pytest.approx(log(17), abs=0.1)  # at first all bins are alike
    assert "distribution x 0.25" in detector.describe()
    none = detector(batch._replace(mask=torch.zeros_like(batch.mask)))
    assert none["distribution"] == 0 and none["total"].isfinite()


def test_the_box_role_sees_decoded_boxes_in_pixels_of_every_level():
    detector, batch, _ = trained()
    maps = detector.network(torch.rand(2, 3, 64, 48))[-1]
    levels = detector.anchors(maps)
    anchors, strides = torch.cat(levels), [4.0, 8, 16, 32]
    each = torch.cat([torch.full((len(x), 1), s) for x, s in zip(levels, strides, strict=True)])
    boxes = DISTANCES.decode(expected(maps.bins) * each, anchors)
    goal, seen = detector.targets(batch, levels), []
    of_levels = torch.unique(each[goal.positive.any(0)])
    detector.loss.box_loss = lambda a, b: seen.append((a, b)) or (a - b).abs().sum(1)
    terms = detector.loss.terms([maps], anchors, goal, strides=each[:, 0])
    ((first, second),) = seen
    positive = goal.positive.flatten()
    torch.testing.assert_close(first[positive], boxes.flatten(0, 1)[positive])
    assert torch.equal(second, goal.boxes.flatten(0, 1)) and len(of_levels) > 1
    y = encode(second, anchors.repeat(2, 1)) / each.repeat(2, 1)
    each_side = sides(entropy, maps.bins.flatten(0, 1), y, positive)
    torch.testing.assert_close(terms["distribution"], each_side[positive].mean())


def test_deltas_are_left_as_they_were():
    detector = build(settings("model.anchor.assign=atss"), CLASSES)
    assert detector.network(torch.rand(1, 3, 64, 48))[-1].bins is None
    assert detector.network.head.boxes.out_channels == 4 * 9 and detector.loss.distribution_loss is None


def test_the_loss_compiles_without_a_break():
    detector, batch, _ = trained("loss.classification.name=varifocal")
    maps = detector.network(torch.rand(2, 3, 64, 48))[-1]
    anchors = detector.anchors(maps)
    goal, strides, all_of = detector.targets(batch, anchors), detector._of_anchors(anchors), torch.cat(anchors)

    def loss(logits, deltas, bins):
        given = maps._replace(logits=logits, deltas=deltas, bins=bins)
        return detector.loss.terms([given], all_of, goal, strides=strides)

    torch.compiler.reset()
    what = maps.logits.detach(), maps.deltas.detach(), maps.bins.detach()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*what), loss(*what))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("loss.box.name=l1", r"coding=distribution has no deltas for loss\.box\.name=l1 to compare; take a loss on"),
        ("loss.distribution.name=mal", r"distribution\.name=mal asks for a quality, and the bins of a side have none"),
        ("loss.distribution.name=none", r"loss\.distribution\.name must be that of a loss"),
        ("model.anchor.reg_max=0", r"model\.anchor\.reg_max must be at least 1"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(settings(*BINS, wrong), CLASSES)
    remedy = r"has no distribution loss with these settings; .*; model\.anchor\.coding=distribution has one"
    with pytest.raises(ValueError, match=remedy):
        build(settings("loss.distribution.name=focal"), CLASSES)


def apart(detector):
    """Random weights of the heads so large that scores and boxes are apart."""
    for name, module in detector.named_modules():
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None and "fpn" not in name:
            torch.nn.init.normal_(module.weight, std=2 * module.weight[0].numel() ** -0.5)
    return detector.eval()


@pytest.mark.slow
def test_a_graph_gives_the_boxes_of_pytorch_and_int8_leaves_the_bins_in_float32(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs the extra export")
    pytest.importorskip("onnxscript", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    torch.manual_seed(0)
    levels = ["model.anchor.last_level=2", "model.anchor.scales=[1]", "model.anchor.ratios=[1]"]
    model = apart(build(settings(*BINS, *levels, "test.top_k=20", "test.num_dets=20"), CLASSES))
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8)
    path, about = tmp_path / "bins.onnx", {"class_names": ["a", "b", "c"]}
    program = export.trace(export.Graph(model), FixedCanvas((64, 48)), None)
    export.write(program, path, about)
    with torch.no_grad():
        expected = export.Graph(model)(images)
    found = difference(graphs.of_file(path).open(path)[0](images), expected)
    assert found.rows > 10 and found.lost == 0 and max(found.boxes, found.scores) <= 1e-4, found
    assert len(int8.last_convolutions(onnx.load(path).graph)) == 2
    export.write(program, path, about, [images.numpy()])
    near = agreement(graphs.of_file(path).open(path)[0](images), expected, 0.05)
    assert near.rows > 10 and near.shared > 0.8 * near.rows, near
