"""Whole detectors with each way of pairing: true maps are decoded to every box, empty batches, gradients, export."""

import numpy as np
import pytest
import torch

from cornernet.detectors import build
from cornernet.detectors.corner.decode import decode
from cornernet.detectors.corner.pairing import PAIRINGS
from cornernet.detectors.corner.pairing.affinity import affinity
from cornernet.detectors.corner.pairing.centripetal import centripetal, true_shifts
from cornernet.detectors.corner.targets import encode
from cornernet.export.export import Graph, trace
from cornernet.graphs import onnx
from cornernet.ops.tags import by_tags
from cornernet.prediction import FixedCanvas
from cornernet.structures import CornerMaps
from tests.detectors.corner.test_detector import batch_of, settings

WAYS = ("centripetal", "affinity")
PLACES = {"centripetal": {"guiding", "shift"}, "affinity": {"pull", "push", "size"}}


def random_boxes(count=40, side=256):
    """Boxes [1, M, 4] of 3 pixels or more that share no corner's cell of 4 pixels."""
    draw = np.random.default_rng(5)
    lengths = draw.uniform(3, 120, (count, 2))
    start = draw.uniform(0, side - lengths)
    boxes = torch.tensor(np.concatenate((start, start + lengths), 1)).float()
    cells = (boxes // 4).long()
    seen = [set(), set()]
    for row, cell in enumerate(cells.tolist()):
        for kind, corner in enumerate((tuple(cell[:2]), tuple(cell[2:]))):
            if corner in seen[kind]:
                boxes[row] = -1
            seen[kind].add(corner)
    return boxes[boxes[:, 0] >= 0][None]


def true_words(name, tl, br):
    """What both corners of every box should say, [1, M, D]; affinity's tags are the objects' numbers."""
    if name == "centripetal":
        return true_shifts(tl, br)
    said = torch.cat((torch.arange(tl.shape[1])[None, :, None] / 1.0, (br - tl).log1p()), -1)
    return said, said


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("region", ["repository", "mmdetection"])
def test_every_box_comes_back_from_its_true_maps(name, region):
    """And of centripetal shifts no other one: no centre of a pair of strangers lies in the middle of both."""
    boxes = random_boxes()
    count, mask = boxes.shape[1], torch.ones(boxes.shape[:2], dtype=torch.bool)
    targets = encode(boxes, torch.zeros(mask.shape, dtype=torch.long), mask, 1, (256, 256), (64, 64), margin=0)
    way = centripetal(region, stride=4) if name == "centripetal" else affinity(tag_dim=1, tags=by_tags)
    maps = [x.eq(1).float().logit(1e-6) for x in (targets.tl_heat, targets.br_heat)]
    for kind, said in enumerate(true_words(name, boxes[..., :2] / 4, boxes[..., 2:] / 4)):
        maps.append(spread(said, (targets.tl_index, targets.br_index)[kind]))
    maps += [spread(targets.tl_offset, targets.tl_index), spread(targets.br_offset, targets.br_index)]
    found = decode(CornerMaps(*maps), 100, 1, way.threshold, 5000, pair_distance=way.distance)
    near = (found.boxes[0, found.scores[0] > 0.9, None] * 4 - boxes).abs().amax(-1) < 1e-2
    assert count > 30 and near.any(0).all() and near.sum() == count


def spread(values, index):
    """Values [1, M, D] at flat cells [1, M] of a map of 64 x 64 -> [1, D, 64, 64]."""
    full = torch.zeros(1, values.shape[-1], 64 * 64)
    return full.scatter(2, index[:, None].expand(-1, values.shape[-1], -1), values.transpose(1, 2)).view(1, -1, 64, 64)


def detector_of(name, *overrides):
    tags = ["loss.grouping.args.chunk_size=2"] if name == "affinity" else []
    chosen = settings(f"model.pairing.name={name}", *tags, *overrides)
    return build(chosen, 3), chosen


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("objects", [0, 1, 3])
def test_terms_are_finite_and_reach_every_parameter(name, objects):
    detector, chosen = detector_of(name)
    terms = detector.train()(batch_of(chosen, objects))
    assert terms.keys() == {"heatmap", "offset", "total"} | PLACES[name]
    terms["total"].backward()
    grads = {key: p.grad for key, p in detector.network.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    if objects == 0:
        assert all(terms[term] == 0 for term in PLACES[name] - {"push"})
    else:
        assert all(grads[key].abs().sum() > 0 for key in grads if "_tag" in key and key.endswith("weight"))


@pytest.mark.parametrize(
    ("end", "cell"), [((48.0, 64.0), (11, 15)), ((48.0, 40.0), (11, 10)), ((47.999996, 44.0), (11, 11))]
)
def test_guiding_shifts_start_at_the_cell_that_is_read_where_a_box_ends_with_the_image(end, cell):
    """Images 48 pixels wide and 64 high, maps of 12 and 16 cells: a box that ends there has its corner in the last."""
    detector, chosen = detector_of("centripetal")
    batch = batch_of(chosen, 1)
    batch.boxes[:, 0] = torch.tensor([16.0, 8.0, *end])
    maps = detector.network(batch.images.float())[-1]
    middle = torch.tensor([(16 + end[0]) / 8, (8 + end[1]) / 8])
    guiding = middle - torch.tensor([4, 2]), torch.tensor(cell) - middle
    said = [torch.cat((shift, shift))[:, None, None].expand_as(maps.tl_tag) for shift in guiding]
    targets = detector.targets(batch, (16, 12))
    terms = detector.loss_terms([maps._replace(tl_tag=said[0], br_tag=said[1])], targets)
    assert terms["guiding"].item() == pytest.approx(0, abs=1e-6) and terms["shift"] > 0


@pytest.mark.parametrize(
    ("name", "override", "terms"),
    [
        ("centripetal", "loss.shift.weight", ["shift"]),
        ("centripetal", "loss.guiding.weight", ["guiding"]),
        ("affinity", "loss.size.weight", ["size"]),
        ("affinity", "loss.grouping.weight", ["pull", "push"]),
    ],
)
def test_each_place_has_its_weight(name, override, terms):
    detector, _ = detector_of(name, f"{override}=7")
    assert all(detector.loss.weight(term) == 7 for term in terms)
    place = override.split(".")[1]
    assert f"{place} x 7" in detector.describe()


@pytest.mark.parametrize("name", PAIRINGS)
@pytest.mark.parametrize("kernel", [1, 3])
def test_every_branch_has_the_kernel_of_the_head(name, kernel):
    """The first convolution of each, which is the one that is as wide as the features."""
    detector, _ = detector_of(name, f"model.head.kernel={kernel}", "model.backbone.stacks=1")
    (head,) = detector.network.heads
    shapes = {key: p.shape for key, p in head.named_parameters() if "_pool" not in key and p.dim() == 4}
    first = {key: list(shape[2:]) for key, shape in shapes.items() if key.endswith(".0.weight")}
    assert {key.split(".")[0][3:] for key in first} == {"heat", "tag", "offset"}
    assert first == {key: [kernel, kernel] for key in first}


def test_guiding_weighs_a_twentieth_by_default():
    detector, _ = detector_of("centripetal")
    assert (detector.loss.weight("guiding"), detector.loss.weight("shift")) == (0.05, 1)


@pytest.mark.parametrize("name", WAYS)
def test_a_place_is_swapped_by_one_word(name):
    place = "shift" if name == "centripetal" else "size"
    batch = batch_of(detector_of(name)[1])
    found = []
    for loss in ("smooth_l1", "l1", "torch.nn.L1Loss"):
        torch.manual_seed(3)
        detector, _ = detector_of(name, f"loss.{place}.name={loss}")
        found.append(detector.train()(batch)[place].item())
    assert found[0] < found[1] and found[2] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.pairing.args.region=paper", "region must be one of repository, mmdetection"),
        ("model.pairing.args.regoin=paper", "regoin"),
        ("loss.size.name=l1", "has no size loss"),
        ("loss.shift.name=none", "loss.shift.name must be that of a loss"),
    ],
)
def test_what_centripetal_shifts_cannot_be_told_is_a_sentence(override, message):
    with pytest.raises(ValueError, match=message):
        detector_of("centripetal", override)


@pytest.mark.parametrize("name", WAYS)
def test_an_exported_graph_gives_the_same_boxes(name, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    wild = "test.ae_threshold=9" if name == "tags" else "test.top_k=30"
    torch.manual_seed(0)
    detector, _ = detector_of(name, "model.backbone.stacks=1", wild, "test.num_dets=40", "test.weights.distance=1")
    for key, p in detector.named_parameters():
        if "_heat.2.weight" in key:
            torch.nn.init.normal_(p, std=1.0)
        elif key.endswith("_tag.shift.2.bias") or key.endswith("_tag.size.2.bias"):
            torch.nn.init.constant_(p, 0.7)
    images = torch.randint(0, 256, (1, 3, 64, 48), dtype=torch.uint8)
    graph = Graph(detector.eval())
    path = tmp_path / "way.onnx"
    onnx.write(trace(graph, FixedCanvas((64, 48)), 1), path, {})
    with torch.inference_mode():
        expected = graph(images)
    rows = onnx.open(path)[0](images)
    valid = expected[1] > 0
    assert valid.sum() >= 3 and torch.equal(rows[1] > 0, valid)
    for got, mine in zip(rows, expected, strict=True):  # rows that are none may be in any order
        torch.testing.assert_close(got[valid], mine[valid], atol=1e-3, rtol=1e-4)
