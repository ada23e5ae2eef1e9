"""Objects as points as one module: terms, gradients, weights, and settings that do not go together."""

import pytest
import torch
from torch import nn

from cornernet import config
from cornernet.config import Config, override
from cornernet.detectors import build
from cornernet.evaluation.reach import kept
from cornernet.losses import ROLES
from cornernet.profiling import random_batch
from cornernet.structures import PointMaps, PointTargets

TINY = [
    "model.detector=points",
    "model.backbone.stacks=1",
    "model.backbone.stem_channels=4",
    "model.backbone.channels=[4,6]",
    "model.backbone.blocks=[1,1]",
    "model.head.channels=4",
    "data.input_size=[32,48]",
    "data.max_objects=6",
    "train.batch_size=2",
]
CLASSES = 3
FEATURES = ["loss.feature.name=softmax", "loss.features=[{name: center}]"]


def settings(*overrides):
    return override(Config(), [*TINY, *overrides])


def batch_of(given, objects=3):
    batch = random_batch(given)
    slots = torch.arange(batch.mask.shape[1])
    return batch._replace(labels=batch.labels % CLASSES, mask=(slots < objects).expand_as(batch.mask).clone())


@pytest.mark.parametrize("extra", [[], FEATURES, ["model.backbone.stacks=2"], ["model.head.kernel=1"]])
@pytest.mark.parametrize("objects", [3, 0])
def test_terms_are_finite_and_gradients_reach_every_parameter(extra, objects):
    given = settings(*extra)
    detector = build(given, CLASSES).train()
    terms = detector(batch_of(given, objects))
    terms["total"].backward()
    assert all(value.dim() == 0 and value.dtype == torch.float32 and value.isfinite() for value in terms.values())
    assert {"heatmap", "offset", "size"} <= terms.keys() and (terms["size"] > 0) == (objects > 0)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detector.parameters())
    if objects:
        assert all(p.grad.any() for name, p in detector.network.heads.named_parameters() if name.endswith("2.weight"))


@pytest.mark.parametrize("role", ["heatmap", "offset", "size"])
def test_every_loss_of_its_role_trains(role):
    held = ROLES["heatmap" if role == "heatmap" else "offset"]
    for name in sorted(held):
        given = settings(f"loss.{role}.name={name}")
        terms = build(given, CLASSES).train()(batch_of(given))
        terms["total"].backward()
        assert terms[role].isfinite() and terms[role] > 0, name


def test_terms_by_hand():
    """Two objects, one slot empty, maps of zeros: |0.5| + |0.25| + |0.25| + |0| and the sides, over 2 + 1e-4."""
    given = settings("loss.offset.name=l1", "loss.size.name=l1", "model.backbone.stacks=2")
    loss = build(given, 1).loss
    offset, size = torch.tensor([[[0.5, 0.25], [0.25, 0], [0, 0]]]), torch.tensor([[[3.0, 4], [1, 2], [0, 0]]])
    heat, mask = torch.zeros(1, 1, 2, 2), torch.tensor([[True, True, False]])
    heat[0, 0, 0, 0] = 1
    goal = PointTargets(heat, mask, offset, size, torch.tensor([[0, 0, 0]]))  # both objects in one cell
    maps = PointMaps(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2).requires_grad_())
    terms = loss.terms([maps, maps], goal, torch.zeros(1, 3).long())
    assert terms["offset"].item() == pytest.approx(1 / 2.0001) and terms["size"].item() == pytest.approx(10 / 2.0001)
    # p = 1/2 in all four cells: a quarter of log 2 each, over one cell that is 1
    assert terms["heatmap"].item() == pytest.approx(torch.tensor(2.0).log().item(), rel=1e-5)
    total = loss.total(terms)
    torch.testing.assert_close(total, terms["heatmap"] + terms["offset"] + 0.1 * terms["size"])
    total.backward()
    assert maps.size.grad[0, :, 0, 0].tolist() == pytest.approx([-0.1, -0.1], rel=1e-3)  # of both, 2 / 2.0001
    assert maps.size.grad.count_nonzero() == 2


def test_weights_are_those_of_the_paper_until_they_are_given():
    assert build(settings(), CLASSES).describe() == "heatmap x 1, offset x 1, size x 0.1"
    assert build(settings("loss.size.weight=1"), CLASSES).describe().endswith("size x 1")
    assert build(settings(*FEATURES), CLASSES).describe().count("feature") == 2


def test_losses_see_float32_under_autocast_and_features_are_those_of_the_centres():
    given = settings("loss.feature.name=softmax")
    detector, seen, batch = build(given, CLASSES).train(), {}, batch_of(given)
    for name in ("heatmap_loss", "offset_loss", "size_loss", "feature_loss"):
        loss = getattr(detector.loss, name)
        delattr(detector.loss, name)
        setattr(detector.loss, name, lambda *x, n=name, loss=loss: seen.update({n: x}) or loss(*x))
    with torch.autocast("cpu", torch.bfloat16):
        detector(batch)
    assert {x[0].dtype for x in seen.values()} == {torch.float32} and len(seen) == 4
    ((maps, read),) = detector.network(torch.rand(2, 3, 32, 48), with_features=True)
    goal = detector.targets(batch, maps.heat.shape[2:])
    detector.loss.terms([maps], goal, batch.labels, [read])
    rows, labels = seen["feature_loss"]
    torch.testing.assert_close(rows[1], read[0].flatten(1)[:, goal.index[0, 1]])
    assert (labels >= 0).sum() == goal.mask.sum() == 6 and labels[0] == batch.labels[0, 0]


def test_objects_that_are_masked_do_not_count():
    given = settings()
    detector, batch = build(given, CLASSES).eval(), batch_of(given)
    noise = batch._replace(boxes=batch.boxes.where(batch.mask[..., None], torch.tensor(30.0)))
    torch.testing.assert_close(detector(noise), detector(batch))


def test_the_radius_is_the_config_s():
    batch, bumps = batch_of(settings()), []
    batch = batch._replace(boxes=torch.tensor([2.0, 2, 30, 28]).expand_as(batch.boxes))
    for roots in ("old", "right"):
        detector = build(settings("model.min_overlap=0.7", f"model.radius_roots={roots}"), CLASSES)
        bumps.append((detector.targets(batch, (8, 12)).heat > 0).sum().item())
    assert bumps[0] > bumps[1] > 0


def test_stacks_are_supervised_and_the_last_is_tested():
    detector = build(settings("model.backbone.stacks=2"), CLASSES)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = None
    images = torch.rand(1, 3, 32, 48)
    first, last = detector.train().network(images)
    (tested,) = detector.eval().network(images)
    assert torch.equal(tested.heat, last.heat) and not torch.equal(tested.heat, first.heat)
    assert (tested.heat.shape, tested.size.shape) == ((1, CLASSES, 8, 12), (1, 2, 8, 12))


def test_a_prediction_is_in_pixels_of_the_input():
    detector = build(settings(), CLASSES).eval()
    detector.network.forward = lambda images: [maps]
    maps = PointMaps(torch.full((1, CLASSES, 8, 12), -9.0), torch.zeros(1, 2, 8, 12), torch.ones(1, 2, 8, 12) * 2)
    maps.heat[0, 2, 4, 7] = 3
    found = detector.predict(torch.zeros(1, 3, 32, 48, dtype=torch.uint8))
    assert found.boxes[0, 0].tolist() == [24, 12, 32, 20] and found.labels[0, 0] == 2
    assert detector.cell_size() == 4 and detector.fit_size(33, 41) == (40, 48)


def test_the_loss_compiles_without_a_break():
    given = settings()
    detector, batch = build(given, CLASSES).eval(), batch_of(given)
    (maps,) = detector.network(torch.rand(2, 3, 32, 48))
    maps, goal = PointMaps(*(x.detach() for x in maps)), detector.targets(batch, (8, 12))
    torch.compiler.reset()
    terms = lambda *x: detector.loss.terms([PointMaps(*x)], goal, batch.labels)  # noqa: E731
    torch.testing.assert_close(torch.compile(terms, fullgraph=True, backend="aot_eager")(*maps), terms(*maps))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("loss.grouping.name=triplet", r"the points detector has no grouping loss; it has heatmap, offset, size, feat"),
        ("loss.size.name=none", r"loss\.size\.name must be that of a loss"),
        ("test.kernel=4", r"test\.kernel must be a positive odd number of cells, got 4"),
        ("test.top_k=0", r"test\.top_k must be at least 1"),
        ("model.head.channels=0", r"model\.head\.channels must be at least 1"),
        ("model.args.width=3", r"the points detector has no keys of its own, got model\.args\.width"),
        ("data.input_size=[30,41]", r"data\.input_size \[30, 41\] does not suit"),
        ("model.backbone.stride=32", r"stride=32 asks for features of stride 32, and the backbone offers"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(settings(wrong), CLASSES)


def test_the_paper_s_network():
    with torch.device("meta"):
        network = build(config.load("points"), 80).network
    heads = 2 * (3 * (256 * 256 * 9 + 256) + 256 * (80 + 2 + 2) + 80 + 2 + 2)  # two stacks of three branches
    assert sum(p.numel() for p in network.heads.parameters()) == heads == 3_583_656
    assert sum(p.numel() for p in network.parameters()) == 191_284_008
    assert [network.heads[0].heat[-1].bias.shape, network.heads[1].size[-1].weight.shape] == [(80,), (2, 256, 1, 1)]


def test_the_first_convolution_of_a_branch_is_the_config_s():
    for side in (1, 3):
        (head,) = build(settings(f"model.head.kernel={side}"), CLASSES).network.heads
        assert {branch[0].kernel_size for branch in head.children()} == {(side, side)}


def test_the_heatmap_starts_at_a_tenth():
    assert build(settings(), CLASSES).network.heads[0].heat[-1].bias.tolist() == pytest.approx([-2.19] * CLASSES)


def test_what_limits_its_detections():
    assert kept(settings("test.top_k=50")) == {"test.max_per_image": 100, "test.top_k": 50}
