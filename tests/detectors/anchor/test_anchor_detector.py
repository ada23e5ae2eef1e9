"""The anchor detector as one module: terms, gradients, the swap of losses, decoding, and its backbones."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from cornernet.backbones.pyramid import Coarser
from cornernet.config import Config, override
from cornernet.detectors import build
from cornernet.detectors.anchor.coding import decode
from cornernet.detectors.anchor.loss import _rows
from cornernet.losses import ROLES
from cornernet.profiling import random_batch
from cornernet.structures import AnchorMaps

TINY = [
    "model.detector=anchor",
    "model.backbone.stacks=1",
    "model.backbone.stem_channels=4",
    "model.backbone.channels=[4,6,8]",
    "model.backbone.blocks=[1,1,1]",
    "model.anchor.channels=8",
    "model.anchor.depth=1",
    "model.anchor.first_level=2",
    "model.anchor.last_level=5",
    "data.input_size=[64,48]",
    "data.max_objects=6",
    "train.batch_size=2",
]
CLASSES = 3
FEATURE = "loss.feature.name=softmax"
L1_FROM_TORCH = "loss.box={name: torch.nn.L1Loss, args: {reduction: none}}"
AROUND_TORCH = "loss.box={name: focaler, args: {base: torch.nn.PairwiseDistance}}"


def settings(*overrides):
    return override(Config(), [*TINY, *overrides])


def batch_of(config, objects=3):
    batch = random_batch(config)
    slots = torch.arange(batch.mask.shape[1])
    return batch._replace(labels=batch.labels % CLASSES, mask=(slots < objects).expand_as(batch.mask).clone())


@pytest.mark.parametrize("assigner", ["atss", "max_iou", "tal", "simota"])
@pytest.mark.parametrize("extra", [[], ["loss.box.name=l1"], [FEATURE], ["model.backbone.stacks=2"]])
@pytest.mark.parametrize(("images", "objects"), [(2, 3), (2, 0), (1, 1)])
def test_terms_are_finite_with_their_gradients(assigner, extra, images, objects):
    config = settings(f"train.batch_size={images}", f"model.anchor.assign={assigner}", *extra)
    detector = build(config, CLASSES).train()
    terms = detector(batch_of(config, objects))
    terms["total"].backward()
    assert all(value.dim() == 0 and value.dtype == torch.float32 and value.isfinite() for value in terms.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in detector.parameters())
    assert (terms["box"] > 0) == (terms["iou"] > 0) == (objects > 0)


@pytest.mark.parametrize("name", sorted(ROLES["box"]))
def test_every_box_loss_trains(name):
    config = settings(f"loss.box.name={name}")
    detector = build(config, CLASSES).train()
    terms = detector(batch_of(config))
    terms["total"].backward()
    assert terms["box"] > 0 and all(p.grad.isfinite().all() for p in detector.parameters())
    assert detector.network.head.boxes.weight.grad.any()


@pytest.mark.parametrize("name", sorted(ROLES["classification"]))
def test_every_classification_loss_trains(name):
    config = settings(f"loss.classification.name={name}")
    terms = build(config, CLASSES).train()(batch_of(config))
    terms["total"].backward()
    assert terms["classification"].isfinite() and terms["classification"] > 0


@pytest.mark.parametrize(
    ("overrides", "weight", "words"),
    [
        ([], 2, "decoded boxes"),
        (["loss.box.name=ciou"], 2.4, "decoded boxes"),
        (["loss.box.name=l1"], 1, "deltas"),
        (["loss.box.name=l1", "loss.box.weight=5"], 5, "deltas"),
        (["loss.box.name=l1", "model.anchor.box_space=boxes"], 1, "decoded boxes"),
        ([L1_FROM_TORCH, "model.anchor.box_space=boxes"], 1, "decoded boxes"),
        ([L1_FROM_TORCH, "model.anchor.box_space=deltas"], 1, "deltas"),
        (["loss.box.name=cornernet.losses.box.ciou.ciou"], 2.4, "decoded boxes"),
        (["loss.box.name=cornernet.losses.box.l1.l1"], 1, "deltas"),
        (["loss.box={name: inner, args: {base: ciou}}"], 2.4, "decoded boxes"),
        (["loss.box={name: focaler, args: {base: inner, base_args: {base: ciou}}}"], 2.4, "decoded boxes"),
        ([AROUND_TORCH, "model.anchor.box_space=boxes"], 1, "decoded boxes"),
    ],
)
def test_name_weight_and_decoding_move_together_unless_they_are_set(overrides, weight, words):
    detector = build(settings(*overrides), CLASSES)
    terms = detector(batch_of(settings(*overrides)))
    torch.testing.assert_close(terms["total"], terms["classification"] + weight * terms["box"])
    assert f"box x {weight:g}" in detector.describe() and detector.describe().endswith(f"compares {words}")


def test_the_mean_of_a_foreign_box_loss_is_refused():
    config = settings("loss.box.name=torch.nn.L1Loss", "model.anchor.box_space=deltas")
    with pytest.raises(ValueError, match=r"one value for each of its .* got .* \[\]; torch's losses do with args\.red"):
        build(config, CLASSES)(batch_of(config))


def test_a_scalar_of_a_foreign_classification_loss_is_refused():
    config = settings()
    detector = build(config, CLASSES)
    detector.loss.classification_loss = lambda logits, labels: logits.mean()
    with pytest.raises(
        ValueError, match=r"a classification loss gives one value for each of its \d+ rows, got .* \[\]"
    ):
        detector(batch_of(config))


def test_losses_see_float32_under_autocast():
    config = settings(FEATURE)
    detector, seen = build(config, CLASSES).train(), []
    for name in ("classification_loss", "box_loss", "feature_loss"):
        loss = getattr(detector.loss, name)
        delattr(detector.loss, name)
        setattr(detector.loss, name, lambda *x, loss=loss: seen.append(x[0].dtype) or loss(*x))
    with torch.autocast("cpu", torch.bfloat16):
        detector(batch_of(config))
    assert seen == [torch.float32] * 3


def test_features_are_those_of_the_positive_anchors_cells():
    config = settings("model.anchor.ratios=[0.5,1,2]", "model.anchor.scales=[1]")
    detector, batch = build(config, CLASSES).train(), batch_of(config, 1)
    ((maps, levels),) = detector.network(torch.rand(2, 3, 64, 48), with_features=True)
    anchors = detector.anchors(maps)
    assigned = detector.targets(batch, anchors)
    embeddings, labels = _rows(levels, assigned)
    image, anchor = assigned.positive.nonzero()[0].tolist()
    sizes, cell, level = [h * w for h, w in maps.sizes], anchor // 3, 0
    while cell >= sizes[level]:
        cell, level = cell - sizes[level], level + 1
    torch.testing.assert_close(embeddings[0], levels[level][image].flatten(1)[:, cell])
    assert labels[0] == assigned.labels[image, anchor] and (labels >= 0).sum() == assigned.positive.sum()


def test_image_size_reaches_the_loss_that_asks_for_it():
    def diagonal(*overrides):
        return build(settings("loss.box.name=mpdiou", *overrides), CLASSES).loss.box_loss.diagonal

    assert diagonal() == 80.0 and diagonal("loss.box.args.diagonal=5") == 5
    wrapped = build(settings("loss.box={name: inner, args: {base: mpdiou}}"), CLASSES).loss.box_loss
    assert wrapped.base.diagonal == 80.0


def test_objects_that_are_masked_do_not_count():
    config = settings()
    detector, batch = build(config, CLASSES).eval(), batch_of(config)
    noise = batch._replace(boxes=batch.boxes.where(batch.mask[..., None], torch.tensor(30.0)))
    torch.testing.assert_close(detector(noise), detector(batch))


def test_a_planted_object_is_found():
    """Maps that say one anchor is class 1 with a known delta -> that box first."""
    detector = build(settings(), CLASSES).eval()
    sizes = [(16, 12), (8, 6), (4, 3), (2, 2)]
    levels = detector.anchors(AnchorMaps(torch.zeros(1), torch.zeros(1), sizes))
    anchors = torch.cat(levels)
    logits, deltas = torch.full((1, len(anchors), CLASSES), -9.0), torch.zeros(1, len(anchors), 4)
    row = len(levels[0]) + 5
    logits[0, row, 1], deltas[0, row] = 4.0, torch.tensor([0.5, 0.0, 0.0, 0.0])
    found = detector.decoder(AnchorMaps(logits, deltas, sizes), levels)
    width = anchors[row, 2] - anchors[row, 0]
    torch.testing.assert_close(found.boxes[0, 0], anchors[row] + torch.tensor([0.5, 0, 0.5, 0]) * width)
    assert found.labels[0, 0] == 1 and found.scores[0, 0].item() == pytest.approx(0.982, abs=1e-3)
    assert (found.scores[0].diff() <= 0).all()


def test_predictions_do_not_depend_on_the_batch():
    detector = build(settings(), CLASSES).eval()
    images = torch.randint(0, 255, (3, 3, 64, 48), dtype=torch.uint8)
    nn.init.normal_(detector.network.head.classes.weight)  # scores that are apart, so that no rounding changes order
    with torch.no_grad():
        together, alone = detector.predict(images), detector.predict(images[1:2])
    torch.testing.assert_close(together.boxes[1:2], alone.boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(together.scores[1:2], alone.scores)


@pytest.mark.parametrize("stacks", [1, 2])
@pytest.mark.parametrize("first", [2, 3, 4])
def test_every_parameter_is_of_use_whatever_the_levels(stacks, first):
    config = settings(f"model.backbone.stacks={stacks}", f"model.anchor.first_level={first}", "train.batch_size=4")
    detector = build(config, CLASSES).train()
    detector(batch_of(config, 6))["total"].backward()
    assert [name for name, p in detector.named_parameters() if p.grad is None] == []


def test_the_last_of_two_stacks_is_tested():
    detector = build(settings("model.backbone.stacks=2"), CLASSES)
    images, backbone = torch.rand(2, 3, 64, 48), detector.network.backbone
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    backbone.training = True
    first, last = backbone(images)
    backbone.training = False
    (tested,) = backbone(images)
    assert torch.equal(tested[0], last[0]) and not torch.equal(tested[0], first[0])


def test_further_levels_are_made_of_the_one_before():
    coarser = Coarser(4, 2)
    p5 = torch.randn(1, 4, 8, 6)
    _, p6, p7 = coarser([p5])
    first, second = coarser.convs
    torch.testing.assert_close(p6, F.conv2d(p5, first.weight, first.bias, 2, 1))
    torch.testing.assert_close(p7, F.conv2d(p6.relu(), second.weight, second.bias, 2, 1))
    assert p7.shape == (1, 4, 2, 2)


def test_a_resnet_takes_torchvisions_weights_from_a_file(tmp_path):
    torch.save(resnet18(weights=None).state_dict(), tmp_path / "r18.pth")
    wanted = "model.backbone.name=resnet18", f"model.backbone.weights={tmp_path / 'r18.pth'}", "data.input_size=[64,64]"
    config = settings(*wanted)
    detector = build(config, CLASSES).train()
    held = torch.load(tmp_path / "r18.pth", weights_only=True)["layer3.0.conv1.weight"]
    assert torch.equal(detector.network.backbone.body.layer3[0].conv1.weight, held)
    assert detector(batch_of(config))["total"].isfinite() and detector.fit_size(33, 64) == (64, 64)
    torch.save({"a": torch.ones(1)}, tmp_path / "r18.pth")
    with pytest.raises(ValueError, match=r"model\.backbone\.weights: .* does not hold the weights of this backbone"):
        build(config, CLASSES)
    with pytest.raises(FileNotFoundError, match=r"model\.backbone\.weights: there is no file"):
        build(settings("model.backbone.name=resnet50", "model.backbone.weights=nowhere.pth"), CLASSES)


def test_a_resnet_sees_rgb():
    detector = build(settings("model.backbone.name=resnet18", "data.input_size=[64,64]"), CLASSES).eval()
    seen, images, body = [], torch.rand(1, 3, 64, 64), detector.network.backbone.body
    body.bn1.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    detector.network(images)
    torch.testing.assert_close(seen[0], body.conv1(images.flip(1)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("model.anchor.last_level=1", r"last_level 1 lies below first_level 2"),
        (
            "model.anchor.first_level=1",
            r"first_level=1 asks for .* stride 2, and the backbone offers strides 4, 8, 16$",
        ),
        ("model.anchor.first_level=5", r"first_level=5 asks for features of stride 32, and the backbone offers"),
        ("model.anchor.ratios=[]", r"model\.anchor\.ratios must hold one number or more"),
        ("model.anchor.negative_iou=0.9", r"negative_iou 0\.9 must not be above positive_iou 0\.5"),
        (
            "loss.grouping.name=triplet",
            r"the anchor detector has no grouping loss; it has classification, box,",
        ),
        ("model.anchor.box_space=deltas", r"deltas does not go with loss\.box\.name=giou: deltas have no area"),
        ("model.backbone.weights=some.pth", r"weights=some\.pth does not go with model\.backbone\.name=hourglass"),
        ("loss.box={name: focaler, args: {base: l1}}", r"name=focaler goes around losses on areas, got .*base=l1"),
        ("loss.box={name: focaler, args: {base: cornernet.losses.box.l1.l1}}", r"goes around losses on areas, got "),
        (L1_FROM_TORCH, r"L1Loss does not declare what it compares \(SPACE\), so model\.anchor\.box_space must be "),
        (AROUND_TORCH, r"focaler does not declare what it compares \(SPACE\), so model\.anchor\.box_space must be "),
        ((AROUND_TORCH, "model.anchor.box_space=deltas"), r"loss\.box\.name=focaler: deltas have no area"),
        ("loss.box.name=cuio", r"unknown box loss 'cuio', did you mean ciou"),
        ("loss.box.args.epz=1", r"has no argument 'epz'; it takes eps"),
        ("data.input_size=[70,48]", r"data\.input_size \[70, 48\] does not suit"),
    ],
)
def test_settings_that_do_not_go_together_are_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(settings(*([wrong] if isinstance(wrong, str) else wrong)), CLASSES)


def test_losses_of_anchors_have_no_place_in_the_corner_detector():
    for text in ("loss.box.name=ciou", "loss={box: {name: ciou}}"):
        with pytest.raises(ValueError, match=r"the corner detector has no box loss; it has heatmap"):
            build(override(Config(), [text]), CLASSES)


def test_the_network_compiles_its_loss_without_a_break():
    config = settings()
    detector, batch = build(config, CLASSES).train(), batch_of(config)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    stacks = detector.network(torch.rand(2, 3, 64, 48))
    anchors = detector.anchors(stacks[-1])
    assigned = detector.targets(batch, anchors)
    torch.compiler.reset()

    def loss(logits, deltas):
        return detector.loss.terms([AnchorMaps(logits, deltas, stacks[0].sizes)], torch.cat(anchors), assigned)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    maps = stacks[0].logits.detach(), stacks[0].deltas.detach()
    torch.testing.assert_close(compiled(*maps), loss(*maps))


def test_terms_are_sums_over_anchors_divided_by_the_positive_ones():
    config = settings()
    detector, batch = build(config, CLASSES), batch_of(config)
    (maps,) = detector.eval().network(torch.rand(2, 3, 64, 48))
    anchors = detector.anchors(maps)
    assigned = detector.targets(batch, anchors)
    terms = detector.loss.terms([maps], torch.cat(anchors), assigned)
    count = assigned.positive.sum()
    predicted = decode(maps.deltas, torch.cat(anchors))[assigned.positive]
    giou = ROLES["box"]["giou"](predicted, assigned.boxes[assigned.positive])
    classes = ROLES["classification"]["focal"](maps.logits.flatten(0, 1), assigned.labels.flatten())
    assert count > 1
    torch.testing.assert_close(terms["box"], giou.mean())
    torch.testing.assert_close(terms["classification"], classes.sum() / count)
