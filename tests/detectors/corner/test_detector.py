"""The corner detector as one module: sizes, loss terms, gradients, and boxes planted in its maps."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cornernet.config import Config, override
from cornernet.detectors import build
from cornernet.detectors.canvas import slack
from cornernet.detectors.corner.features import corner_features
from cornernet.losses import heatmap
from cornernet.profiling import random_batch
from cornernet.structures import CornerMaps

TINY = [
    "model.backbone.stem_channels=4",
    "model.backbone.channels=[4,6,8]",
    "model.backbone.blocks=[1,1,1]",
    "model.head.channels=8",
    "model.head.pool_channels=4",
    "data.input_size=[64,48]",
    "data.max_objects=6",
    "train.batch_size=2",
]
FEATURE = ["loss.feature.name=softmax", "model.backbone.stacks=2"]
HALF_SIDES = ["loss.grouping.name=half_sides", "model.head.tag_dim=2"]
CLASSES = 3
HEATMAP = heatmap.LOSSES


def settings(*overrides):
    return override(Config(), [*TINY, *overrides])


def batch_of(config, objects=3):
    """Random batch of the tiny detector; boxes beyond `objects` an image are masked out."""
    batch = random_batch(config)
    slots = torch.arange(batch.mask.shape[1])
    return batch._replace(labels=batch.labels % CLASSES, mask=(slots < objects).expand_as(batch.mask).clone())


# -- sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [((511, 511), 128, (1, 1)), ((512, 384), 128, (0, 0)), ((61, 64), 16, (3, 0)), ((13, 30), 16, (3, 2))],
)
def test_slack(size, multiple, expected):
    assert slack(size, multiple) == expected


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((500, 511), "height 384 or 512, width 384 or 512"),
        ((512, 520), "height 512 or 640, width 512 or 640"),
        ((5, 128), "height 128, width 128 or 256"),
        ((0, 128), "height 128, width 128 or 256"),
        ((128, -128), "height 128 or 256, width 128"),
    ],
)
def test_sizes_that_do_not_fit_name_the_nearest(size, nearest):
    with pytest.raises(ValueError, match=rf"data\.input_size .* 1/128: .*; nearest: {nearest}$"):
        slack(size, 128)


def test_build_refuses_a_size_before_anything_runs():
    with pytest.raises(ValueError, match=r"nearest: height 48 or 64, width 48 or 64"):
        build(settings("data.input_size=[60,60]"), CLASSES)


@pytest.mark.parametrize("input_size", [(64, 48), (63, 46), (61, 61)])
def test_fitted_sizes_hold_the_image_and_pass_the_network(input_size):
    detector = build(settings(f"data.input_size={list(input_size)}", "test.top_k=5"), CLASSES).eval()
    short = slack(input_size, 16)
    for image in [(1, 1), (16, 17), (33, 61), (64, 64), (45, 100)]:
        fitted = detector.fit_size(*image)
        assert all(f >= p and f - p < 16 for f, p in zip(fitted, image, strict=True))
        assert all((f + s) % 16 == 0 for f, s in zip(fitted, short, strict=True))
        found = detector.predict(torch.zeros(1, 3, *fitted, dtype=torch.uint8))
        assert found.boxes.shape[::2] == (1, 4)
    assert detector.fit_size(*input_size) == input_size


def test_whole_images_are_tested_in_the_frame_they_were_trained_in():
    whole = ["data.input_size=[64,64]", "data.transforms.crop=null", "data.transforms.fit={}", "data.longest_side=64"]
    detector = build(settings(*whole), CLASSES)
    assert detector.fit_size(40, 64) == (64, 64) and detector.fit_size(40, 65) == (64, 80)
    assert build(settings("data.input_size=[64,64]"), CLASSES).fit_size(40, 64) == (48, 64)


@pytest.mark.parametrize(
    ("override_", "message"),
    [
        ("test.kernel=2", r"test\.kernel must be a positive odd number of cells, got 2"),
        ("test.top_k=0", r"test\.top_k must be at least 1 and at most 10000, got 0"),
        ("loss.heatmap.name=nag", r"unknown heatmap loss 'nag', did you mean neg\?"),
        ("loss.offset.args.gama=1", "has no argument 'gama'"),
        (
            "model.backbone.stride=2",
            r"asks for features of stride 2, and the backbone offers strides 4, 8, 16$",
        ),
        ("model.backbone.weights=some.pth", r"weights=some\.pth does not go with model\.backbone\.name=hourglass"),
        ("loss.feature.name=arcfac", r"unknown feature loss 'arcfac', did you mean arcface\?"),
        ("loss.grouping.name=half_sides", r"needs model\.head\.tag_dim=2"),
        ("model.backbone.blocks=[1]", r"model\.backbone needs"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(override_, message):
    with pytest.raises(ValueError, match=message):
        build(settings(override_), CLASSES)


# -- loss -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grouping", [[], HALF_SIDES, FEATURE], ids=["ae", "half_sides", "feature"])
@pytest.mark.parametrize(("images", "objects"), [(2, 3), (2, 0), (1, 1), (1, 0), (2, 6)])
def test_terms_are_finite_with_their_gradients(grouping, images, objects):
    config = settings(f"train.batch_size={images}", *grouping)
    detector = build(config, CLASSES).train()
    terms = detector(batch_of(config, objects))
    terms["total"].backward()
    assert all(value.dim() == 0 and value.dtype == torch.float32 and value.isfinite() for value in terms.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detector.parameters())


@pytest.mark.parametrize("name", HEATMAP)
def test_a_backward_pass_may_come_after_the_next_forward_pass(name):
    config = settings(f"loss.heatmap.name={name}")
    detector = build(config, CLASSES).train()
    batches = [batch_of(config) for _ in range(2)]
    first, _ = (detector(batch)["total"] for batch in batches)
    first.backward()
    late = [p.grad.clone() for p in detector.parameters()]
    detector.zero_grad()
    detector(batches[0])["total"].backward()
    assert all(torch.equal(p.grad, grad) for p, grad in zip(detector.parameters(), late, strict=True))


def test_only_training_steps_reuse_heatmaps():
    config = settings()
    detector, batch = build(config, CLASSES).train(), batch_of(config)
    targets = detector.targets(batch, (16, 12))
    before = targets.tl_heat.clone()
    with torch.inference_mode():  # whose tensors no training may change
        detector(batch_of(config))
    detector(batch_of(config))["total"].backward()
    detector(batch_of(config))["total"].backward()
    assert torch.equal(targets.tl_heat, before)


def test_one_image_empty_the_other_full():
    config = settings()
    batch = batch_of(config, 6)
    batch.mask[0] = False
    terms = build(config, CLASSES)(batch)
    assert all(value.isfinite() for value in terms.values()) and terms["offset"] > 0


@pytest.mark.parametrize(
    ("overrides", "weights"),
    [
        ([], {"heatmap": 1, "pull": 0.1, "push": 0.1, "offset": 1}),
        (["loss.heatmap.weight=2", "loss.grouping.weight=3", "loss.offset.weight=5"],
         {"heatmap": 2, "pull": 3, "push": 3, "offset": 5}),
        ([*HALF_SIDES, "loss.grouping.weight=2"], {"heatmap": 1, "grouping": 2, "offset": 1}),
        (HALF_SIDES, {"heatmap": 1, "grouping": 0.5, "offset": 1}),
        (FEATURE, {"heatmap": 1, "pull": 0.1, "push": 0.1, "offset": 1, "feature": 0.1}),
        ([*FEATURE, "loss.feature.weight=3"], {"heatmap": 1, "pull": 0.1, "push": 0.1, "offset": 1, "feature": 3}),
    ],
)  # fmt: skip
def test_total_is_the_weighted_sum(overrides, weights):
    config = settings(*overrides)
    terms = build(config, CLASSES)(batch_of(config))
    total = terms.pop("total")
    assert terms.keys() == weights.keys()
    torch.testing.assert_close(total, sum(weights[name] * value for name, value in terms.items()))


@pytest.mark.parametrize("feature", ["none", "softmax", "ring", "arcface"])
def test_gradients_reach_every_parameter(feature):
    config = settings("train.batch_size=4", "model.backbone.stacks=3", f"loss.feature.name={feature}")
    detector = build(config, CLASSES).train()
    detector(batch_of(config, 6))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_features_are_read_at_the_corners_of_the_objects_with_their_classes():
    config = settings(*FEATURE)
    detector, batch = build(config, CLASSES), batch_of(config)
    batch.mask[1, 1:] = False
    pooled = [(torch.rand(2, 8, 16, 12), torch.rand(2, 8, 16, 12)) for _ in range(2)]
    targets = detector.targets(batch, (16, 12))
    embeddings, labels = corner_features(pooled, targets, batch.labels)
    assert [x.shape for x in embeddings] == [(24, 8)] * 2
    assert labels.tolist() == [*batch.labels[0, :3], batch.labels[1, 0]] * 2 + [-1] * 16
    for (tl, br), got in zip(pooled, embeddings, strict=True):
        for row, (kind, index, image, slot) in enumerate(
            (x, where, *at) for x, where in ((tl, targets.tl_index), (br, targets.br_index))
            for at in ((0, 0), (0, 1), (0, 2), (1, 0))
        ):  # fmt: skip
            cell = index[image, slot]
            torch.testing.assert_close(got[row], kind[image, :, cell // 12, cell % 12])


def test_no_more_than_1024_features_are_compared():
    targets = SimpleNamespace(mask=torch.ones(8, 128) > 0, tl_index=torch.zeros(8, 128, dtype=torch.long))
    targets.br_index = targets.tl_index
    embeddings, labels = corner_features([(torch.rand(8, 3, 2, 2),) * 2], targets, torch.zeros(8, 128).long())
    assert embeddings[0].shape == (1024, 3) and (labels == 0).all() and len(labels) == 1024


def test_images_and_objects_that_are_masked_do_not_count():
    config = settings()
    detector, batch = build(config, CLASSES).eval(), batch_of(config)
    noise = batch._replace(boxes=batch.boxes.where(batch.mask[..., None], torch.tensor(1e6)))
    noise = noise._replace(labels=batch.labels.where(batch.mask, torch.tensor(2)))
    torch.testing.assert_close(detector(noise), detector(batch))


def test_a_batch_is_left_as_it_was():
    config = settings()
    batch = batch_of(config)
    before = [x.clone() for x in batch.tensors()]
    build(config, CLASSES)(batch)["total"].backward()
    assert all(map(torch.equal, batch.tensors(), before))


@pytest.mark.parametrize("grouping", [[], HALF_SIDES], ids=["ae", "half_sides"])
def test_finite_under_autocast(grouping):
    config = settings(*grouping)
    detector = build(config, CLASSES).train()
    with torch.autocast("cpu", torch.bfloat16):
        terms = detector(batch_of(config))
    terms["total"].backward()
    assert all(value.isfinite() and value.dtype == torch.float32 for value in terms.values())
    assert all(p.grad.isfinite().all() for p in detector.parameters())


@pytest.mark.parametrize("grouping", [[], pytest.param(HALF_SIDES, marks=pytest.mark.slow)], ids=["ae", "half_sides"])
def test_the_loss_is_one_graph_for_every_batch(grouping):
    config = settings(*grouping)
    detector = build(config, CLASSES).train()
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(detector.loss_terms, fullgraph=True, backend=count)
    for objects in (3, 0, 6):
        batch = batch_of(config, objects)
        with torch.no_grad():
            maps = detector.network(batch.images.float())
        targets = detector.targets(batch, maps[-1].tl_heat.shape[-2:])
        torch.testing.assert_close(compiled(maps, targets), detector.loss_terms(maps, targets))
    assert len(graphs) == 1


def test_the_state_dict_is_the_network_alone():
    assert all(key.startswith("network.") for key in build(settings(*HALF_SIDES), CLASSES).state_dict())


# -- prediction -------------------------------------------------------------------------------------------------


class Planted(nn.Module):
    """A network that answers with the maps it was given."""

    def __init__(self, maps, multiple):
        super().__init__()
        self.maps, self.backbone = maps, SimpleNamespace(multiple=multiple)

    def forward(self, images):
        return [self.maps]


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (61, 45)])
def test_predictions_are_in_pixels_of_the_input(size):
    detector = build(settings(f"data.input_size={list(size)}"), CLASSES).eval()
    maps = CornerMaps(*(torch.zeros(1, n, 16, 12) for n in (CLASSES, CLASSES, 1, 1, 2, 2)))
    for heat in (maps.tl_heat, maps.br_heat):
        heat.fill_(-20)
    maps.tl_heat[0, 2, 3, 1], maps.br_heat[0, 2, 12, 8] = 3.0, 2.0
    maps.tl_offset[0, :, 3, 1] = torch.tensor([0.25, 0.5])  # x, y
    maps.br_offset[0, :, 12, 8] = torch.tensor([0.75, 0.0])
    detector.network = Planted(maps, 16)
    found = detector.predict(torch.zeros(1, 3, *size, dtype=torch.uint8))
    height, width = size
    expected = torch.tensor([1.25 * width / 12, 3.5 * height / 16, 8.75 * width / 12, 12.0 * height / 16])
    torch.testing.assert_close(found.boxes[0, 0], expected)
    assert found.labels[0, 0] == 2 and (found.scores[0] > 0.5).sum() == 1
    assert found.scores[0, 0] == pytest.approx((torch.sigmoid(torch.tensor([3.0, 2.0])).sum() / 2).item())


@pytest.mark.parametrize("grouping", [[], HALF_SIDES], ids=["ae", "half_sides"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_boxes_come_back_from_perfect_maps(grouping, size):
    config = settings(f"data.input_size={list(size)}", *grouping)
    detector = build(config, CLASSES).eval()
    batch = batch_of(config, 0)
    boxes = torch.tensor([[3.2, 5.1, 22.7, 30.3], [25.0, 9.0, 40.5, 55.5]])
    batch.boxes[0, :2], batch.labels[0, :2], batch.mask[0, :2] = boxes, torch.tensor([1, 1]), True
    targets = detector.targets(batch, (16, 12))
    tags, offsets = torch.zeros(2, 2, config.model.head.tag_dim, 16, 12), torch.zeros(2, 2, 2, 16, 12)
    for corner, index, offset in ((0, targets.tl_index, targets.tl_offset), (1, targets.br_index, targets.br_offset)):
        for slot in range(2):
            y, x = divmod(int(index[0, slot]), 12)
            half = (boxes[slot, 2:] - boxes[slot, :2]) / 2 * torch.tensor([12 / size[1], 16 / size[0]])
            tags[corner, 0, :, y, x] = half.log() if grouping else 5.0 * slot
            offsets[corner, 0, :, y, x] = offset[0, slot]
    heats = [heat.clamp(1e-6, 1 - 1e-6).logit() for heat in (targets.tl_heat, targets.br_heat)]
    detector.network = Planted(CornerMaps(*heats, *tags, *offsets), 16)
    terms = detector(batch)
    assert terms["grouping" if grouping else "pull"] < 1e-6 and terms["offset"] < 1e-6
    found = detector.predict(batch.images)
    sure = found.scores[0] > 0.99
    torch.testing.assert_close(found.boxes[0][sure].sort(0).values, boxes.sort(0).values, atol=1e-3, rtol=0)
    assert (found.scores[1] < 0.01).all()


def test_the_detector_teaches_boxes_up_to_the_edge_of_the_image():
    detector = build(settings("data.input_size=[64,64]"), CLASSES)
    batch = batch_of(settings("data.input_size=[64,64]"))
    batch = batch._replace(boxes=torch.full_like(batch.boxes, 64.0) * torch.tensor([0.25, 0.25, 1, 1]))
    targets = detector.targets(batch, (16, 16))
    assert targets.br_index[0, 0] == 16 * 16 - 1 and targets.br_offset[0, 0].tolist() == [1, 1]
