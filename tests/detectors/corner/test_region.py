"""Region stages: where boxes are read, batches, layouts, and the whole corner detector with one."""

import copy

import pytest
import torch

from cornernet import config as configs
from cornernet.config import Config, override
from cornernet.detectors import build
from cornernet.detectors.corner import region
from cornernet.detectors.corner.decode import region_scored
from cornernet.detectors.corner.region.centre import centre
from cornernet.detectors.corner.region.cpn import cpn
from cornernet.ops.roi_align import roi_align
from cornernet.profiling import random_batch
from cornernet.structures import Detections, RegionLogits
from tests.conftest import ROOT
from tests.detectors.corner.test_detector import CLASSES, FEATURE, HALF_SIDES, TINY, batch_of

SMALL = ["model.region.args={pair_channels: 4, class_channels: 6, bins: 3}", "model.region.top_k=8"]
CPN = ["model.region.name=cpn", "model.region.proposals=20", *SMALL]
NONE, AGNOSTIC = ["loss.grouping.name=none"], ["model.region.class_corners=false"]
CENTRE = ["model.region.name=centre", "model.region.args={width: 5}", "model.region.proposals=20"]
KINDS = {
    "tags": CPN, "half_sides": [*CPN, *HALF_SIDES], "none": [*CPN, *NONE], "agnostic": [*CPN, *NONE, *AGNOSTIC],
    "agnostic tags": [*CPN, *AGNOSTIC], "stacks, feature": [*CPN, *FEATURE], "centre": [*CENTRE, *AGNOSTIC],
    "cascade": [*CPN, *NONE, "model.head.pooling=cascade"],
}  # fmt: skip
every = pytest.mark.parametrize("kind", KINDS)


def settings(*overrides):
    return override(Config(), [*TINY, *overrides])


def linear(height=16, width=20):
    """A map whose cell i has the value of its centre, x + 0.5 in one channel and y + 0.5 in the other."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y])[None]


# -- where boxes are read -----------------------------------------------------------------------------------------

BOXES = torch.tensor([[[2.0, 3, 8, 6], [4.25, 5.5, 13.5, 14.25], [7.0, 7, 8, 8]]])


@pytest.mark.parametrize("samples", [1, 2])
def test_the_bins_of_a_box_hold_what_is_at_their_centres(samples):
    read = roi_align(linear(), BOXES, 3, samples)
    share = (torch.arange(3) + 0.5) / 3
    for box, got in zip(BOXES[0], read, strict=True):
        x, y = box[:2, None] + share * (box[2:] - box[:2])[:, None]
        torch.testing.assert_close(got, torch.stack([x.expand(3, 3), y[:, None].expand(3, 3)]))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_over_all_of_its_input_is_a_matrix_product(layout):
    torch.manual_seed(0)
    first = cpn(4, CLASSES, pair_channels=6, bins=3).double().to(memory_format=layout).pair_head[0]
    x = torch.randn(5, 6, 3, 3).double().contiguous(memory_format=layout).requires_grad_()
    grade = torch.randn(5, 6, 1, 1).double()
    found, expected = first(x), torch.nn.functional.conv2d(x, first.weight)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(
        *(torch.autograd.grad((y * grade).sum(), (x, first.weight)) for y in (found, expected)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_graph_keeps_that_convolution():
    first = cpn(4, CLASSES, pair_channels=6, bins=3).pair_head[0].eval()
    graph = torch.export.export(first, (torch.rand(5, 6, 3, 3),)).graph
    assert [node.target for node in graph.nodes if node.op == "call_function"] == [torch.ops.aten.conv2d.default]


def test_centre_reads_the_middle_of_the_box():
    stage = centre(2, 2, layers=0, share=0.5)
    torch.testing.assert_close(stage((linear(),), BOXES).classes, (BOXES[..., :2] + BOXES[..., 2:]) / 2)
    spike = torch.zeros(1, 2, 16, 20)
    spike[0, 0, :, 2] = spike[0, 1, :, 4:6] = 1  # at the border of the first box, and in its middle
    found = stage((spike,), BOXES).classes
    assert found[0, 0, 0] == 0 and found[0, 0, 1] > 0.5
    assert stage((spike,), BOXES).pair is None


@pytest.mark.parametrize("name", region.REGIONS)
def test_images_of_a_batch_and_layouts_of_memory_do_not_matter(name):
    torch.manual_seed(0)
    stage = region.REGIONS[name].__dict__[name](4, CLASSES).eval()
    features, boxes = torch.rand(2, 4, 16, 20), torch.cat([BOXES, BOXES + 1])
    whole = stage(stage.maps(features), boxes)
    assert whole.classes.shape == (2, 3, CLASSES) and (whole.pair is None or whole.pair.shape == (2, 3))
    for image in range(2):
        one = slice(image, image + 1)
        alone = stage(stage.maps(features[one]), boxes[one])
        torch.testing.assert_close(alone, RegionLogits(*(x if x is None else x[one] for x in whole)))
    other = copy.deepcopy(stage).to(memory_format=torch.channels_last)
    gradients = []
    for held, layout in ((stage, torch.contiguous_format), (other, torch.channels_last)):
        said = held(held.maps(features.contiguous(memory_format=layout)), boxes)
        torch.testing.assert_close(said, whole)
        (said.classes.square().sum() + (0 if said.pair is None else said.pair.square().sum())).backward()
        gradients.append([p.grad for p in held.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_pairs_keep_their_class_or_get_one():
    scores = torch.tensor([[0.9, 0.4, -1.0]])
    pairs = Detections(BOXES, scores, torch.tensor([[1, 0, 0]]), scores, scores)
    said = RegionLogits(torch.tensor([[3.0, 3, 3]]), torch.tensor([[[9.0, 0], [1, 2], [9, 9]]]))
    how = ("mean", Config().test.weights, 0.2)
    held = region_scored(pairs, said, 9, *how, class_corners=True)
    assert held.labels[0, :2].tolist() == [1, 0] and held.scores[0, 2] == -1
    found = region_scored(pairs, said, 5, *how, class_corners=False)
    assert found.labels[0, :4].tolist() == [0, 1, 1, 0] and found.scores[0, 4] == -1 and found.boxes.shape[1] == 5
    torch.testing.assert_close(found.boxes[0, :4], BOXES[0, [0, 0, 1, 1]])
    torch.testing.assert_close(found.tl_scores[0, :4], scores[0, [0, 0, 1, 1]])


# -- the detector -------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize(("images", "objects"), [(2, 3), (1, 0)])
def test_terms_are_finite_with_their_gradients(kind, images, objects):
    config = settings(*KINDS[kind], f"train.batch_size={images}")
    detector = build(config, CLASSES).train()
    terms = detector(batch_of(config, objects))
    terms["total"].backward()
    assert all(value.dim() == 0 and value.dtype == torch.float32 and value.isfinite() for value in terms.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detector.parameters())
    assert "classification" in terms and ("pair" in terms) == (kind != "centre")
    assert ("pull" in terms) == (kind in ("tags", "agnostic tags", "stacks, feature", "centre"))


@every
def test_boxes_have_a_class_and_a_score(kind):
    detector = build(settings(*KINDS[kind], "test.num_dets=30", "model.region.min_pair=0"), CLASSES).eval()
    found = detector.predict(torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8))
    rows = 60 if "agnostic" in kind or kind == "centre" else 20
    assert found.boxes.shape == (2, min(rows, 30), 4) and found.scores.max() <= 1
    assert (found.scores[:, :-1] >= found.scores[:, 1:]).all() and set(found.labels.unique().tolist()) <= {0, 1, 2}
    heads = detector.network.heads[-1].tl_heat[-1].out_channels
    assert heads == detector.kinds == (1 if "agnostic" in kind or kind == "centre" else CLASSES)


def test_the_total_is_the_weighted_sum():
    config = settings(*CPN, "loss.pair.weight=3", "loss.classification.weight=5", "model.backbone.stacks=2")
    detector = build(config, CLASSES)
    terms = detector(batch_of(config))
    total = terms.pop("total")
    weights = {"heatmap": 1, "pull": 0.1, "push": 0.1, "offset": 1, "pair": 3, "classification": 5}
    torch.testing.assert_close(total, sum(weights[name] * value for name, value in terms.items()))
    assert detector.describe().endswith("pair x 3, classification x 5")


def test_gradients_reach_every_parameter_of_every_stack():
    config = settings(*CPN, "train.batch_size=4", "model.backbone.stacks=2", "model.region.min_pair=0")
    detector = build(config, CLASSES).train()
    detector(batch_of(config, 6))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("place", ["pair", "classification"])
def test_one_word_swaps_the_loss(place):
    config = settings(*CPN)
    batch = batch_of(config)
    torch.manual_seed(0)
    first = build(config, CLASSES)(batch)
    torch.manual_seed(0)
    second = build(settings(*CPN, f"loss.{place}.name=bce"), CLASSES)(batch)
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed == {place, "total"}


def test_finite_under_autocast():
    config = settings(*CPN, *AGNOSTIC)
    detector = build(config, CLASSES).train()
    with torch.autocast("cpu", torch.bfloat16):
        terms = detector(batch_of(config))
    terms["total"].backward()
    assert all(value.isfinite() and value.dtype == torch.float32 for value in terms.values())


def test_what_it_is_trained_on_and_its_loss_are_one_graph_for_every_batch():
    config = settings(*CPN)
    detector, graphs = build(config, CLASSES).train(), []

    def step(maps, boxes, labels, mask):
        shown = detector.stage.proposals(maps, boxes, labels, mask)
        said = RegionLogits(maps.tl_heat.mean() + shown.boxes[..., 0], shown.boxes[..., :CLASSES])
        return detector.loss.region.terms([said], shown)

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(step, fullgraph=True, backend=count)
    for objects in (3, 0, 6):
        batch = batch_of(config, objects)
        with torch.no_grad():
            maps = detector.network(batch.images.float())[-1]
        truth = batch.boxes / 4, batch.labels, batch.mask
        torch.testing.assert_close(compiled(maps, *truth), step(maps, *truth))
    assert len(graphs) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.region.name=cnp"], r"unknown region stage 'cnp', did you mean cpn\?"),
        ([*CPN, "model.region.args.bin=3"], "region stage 'cpn' has no argument 'bin'"),
        (AGNOSTIC, "model.region.class_corners=false needs a region stage, such as model.region.name=cpn"),
        (AGNOSTIC, "corners alone have classes, model.region.class_corners=true"),
        (["loss.pair.name=bce"], "loss.pair.name=bce: the corner detector has no pair loss"),
        (["loss.classification.name=bce"], "the corner detector has no classification loss"),
        ([*CPN, "model.region.top_k=0"], "model.region.top_k must be at least 1 and at most 10000, got 0"),
        ([*CPN, "model.region.proposals=0"], "model.region.proposals must be at least 1 and at most 1000000, got 0"),
        ([*CPN, "model.region.positive_iou=0"], "model.region.positive_iou must be"),
        ([*CPN, "model.region.min_pair=1.1"], "model.region.min_pair must be"),
        (["test.weights.pair=-1"], "test.weights.pair must be"),
        ([*CPN, "loss.pair.name=none"], "loss.pair.name must be that of a loss; none is for grouping and"),
        ([*CPN, "loss.classification.name=none"], "loss.classification.name must be that of a loss"),
        (["test.score=cpn"], "test.score=cpn needs a region stage, such as model.region.name=cpn"),
        (["test.weights={corner: 0, region: 0}"], "test.weights.corner or test.weights.region must be above 0"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(words, message):
    with pytest.raises(ValueError, match=message):
        build(settings(*words), CLASSES)


@pytest.mark.parametrize(
    ("stage", "argument"),
    [("cpn", f"{name}={value}") for name in ("bins", "layers", "samples", "pair_hidden") for value in (0, -1, 10**9)]
    + [("cpn", "pair_channels=0"), ("cpn", "class_channels=-2"), ("centre", "width=0"), ("centre", "layers=-1")]
    + [("centre", f"{name}={value}") for name in ("share", "points") for value in (0, -1)]
    + [("centre", "share=1.5")],
)
def test_arguments_of_a_stage_that_are_out_of_range_are_a_sentence(stage, argument):
    name, _, value = argument.partition("=")
    words = rf"^region stage '{stage}' refused its arguments: model\.region\.args\.{name} must be .+, got "
    words += rf"{value}$"
    with pytest.raises(ValueError, match=words):
        build(settings(f"model.region.name={stage}", f"model.region.args.{argument}"), CLASSES)


def test_not_a_number_is_no_argument_of_a_stage():
    with pytest.raises(ValueError, match=r"^region stage 'centre': share must be a number, got nan$"):
        build(settings("model.region.name=centre", "model.region.args.share=.nan"), CLASSES)


def test_without_tags_and_without_a_stage_every_pair_is_a_box():
    config = settings(*NONE, "model.head.tag_dim=3", "test.top_k=5")
    detector = build(config, CLASSES).eval()
    assert "pull" not in detector(random_batch(config)._replace(labels=torch.zeros(2, 6).long()))
    assert not [name for name, _ in detector.named_parameters() if "tag" in name]
    assert detector.predict(torch.zeros(1, 3, 64, 48, dtype=torch.uint8)).boxes.shape == (1, 25, 4)


@pytest.mark.parametrize(("stacks", "count"), [(2, 212_469_802), (1, 106_047_573)])
def test_the_published_networks_have_this_many_parameters(stacks, count):
    config = configs.load(ROOT / "configs" / "cpn.yaml", [f"model.backbone.stacks={stacks}"])
    with torch.device("meta"):
        detector = build(config, 80, with_loss=False)
    assert sum(p.numel() for p in detector.parameters()) == count
