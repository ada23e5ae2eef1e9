"""The gradient of every weighted term at the shared features: its value, what it leaves alone, which terms starve."""

import csv

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn

from cornernet import config, detectors
from cornernet.backbones.recompute import recompute
from cornernet.checkpoints import checkpoint
from cornernet.profiling import random_batch
from cornernet.training import engine
from cornernet.training.gradients import gradient_norms, starving


class Body(nn.Module):
    """One tensor z of three features, or of several stacks a level each."""

    def __init__(self, stacks):
        super().__init__()
        self.linear, self.stacks = nn.Linear(1, 3), stacks

    def forward(self, x):
        z = self.linear(x)
        return [[z * k] for k in range(1, self.stacks + 1)] if self.stacks else z


class Linear(nn.Module):
    """A detector of terms that are linear in z: a = 3 z0 + 4 z1, b = z2, one that z has no part in, and a metric."""

    def __init__(self, stacks=0):
        super().__init__()
        self.network, self.body, self.free = nn.Module(), Body(stacks), nn.Parameter(torch.ones(()))
        self.network.shared = lambda: self.body
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, x):
        self.seen += torch.rand(2)
        z = self.body(x)
        z = (z[-1][0] if self.body.stacks else z).add_(1)  # a head may change what it reads
        terms = {"a": 3 * z[0, 0] + 4 * z[0, 1], "b": z[0, 2], "own": self.free * 2, "iou": z[0, 0] * 1}
        return {**terms, "total": 0.5 * terms["a"] + 7 * terms["b"] + terms["own"]}


X = torch.ones(1, 1)
SMALL = ["model.backbone.stacks=1", "model.backbone.channels=[8,8]", "model.backbone.blocks=[1,1]"]


@pytest.mark.parametrize("stacks", [0, 2])
@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_norms_are_those_of_the_weighted_terms(stacks, scale):
    norms = gradient_norms(Linear(stacks), X, scale)  # at the last stack itself, not at what it is made of
    assert norms == pytest.approx({"a": 0.5 * 5, "b": 7, "own": 0}, rel=1e-6)


def test_a_pass_leaves_nothing_behind():
    detector = Linear().requires_grad_(True)
    state = torch.get_rng_state()
    gradient_norms(detector, X)
    assert torch.equal(state, torch.get_rng_state()) and not detector.seen.any()
    assert all(p.grad is None for p in detector.parameters()) and not detector.body._forward_hooks


def test_a_frozen_backbone_has_norms_as_well():
    detector = Linear()
    detector.body.requires_grad_(False)
    assert gradient_norms(detector, X)["a"] == pytest.approx(2.5)


def test_a_total_that_is_not_made_of_the_terms_is_refused():
    class Copies(Linear):
        def forward(self, x):
            return {name: term * 1 for name, term in super().forward(x).items()}

    with pytest.raises(ValueError, match="the total of Copies is not computed from the terms"):
        gradient_norms(Copies(), X)


# -- the detectors ------------------------------------------------------------------------------------------------


def built(path, *overrides):
    """Detector in train mode with two images, the same every time."""
    settings = config.load(path, ["train.batch_size=2", *overrides])
    torch.manual_seed(3)
    detector = detectors.build(settings, 3).train()
    return detector, random_batch(settings, classes=3, objects=2)


def at_the_backbone(detector, batch, weights):
    """The same norms by another way, where heads read one level: the graph of one whole pass, backbone included."""
    seen = []
    hook = detector.network.backbone.register_forward_hook(lambda _, __, out: seen.extend(out[-1][:1]))
    terms = detector(batch)
    hook.remove()
    found = {}
    for name, weight in weights.items():
        found[name] = float(torch.autograd.grad(weight * terms[name], seen, retain_graph=True)[0].norm())
    return found


def factors(detector, names):
    """Weights of terms as the loss has them."""
    loss = detector.loss
    own = {} if getattr(loss, "region", None) is None else loss.region.weights
    own |= {} if getattr(loss, "centre", None) is None else {"centre": loss.centre.weight}
    of = loss.weight if hasattr(loss, "weight") else loss.weights.get
    return {name: own[name] if name in own else of(name) for name in names}


def test_every_term_of_every_detector_has_its_norm(any_tiny):
    detector, batch = built(any_tiny, "model.anchor.last_level=2")
    names = detector(batch).keys() - {"total", "iou"}
    norms = gradient_norms(detector, batch)
    assert norms.keys() == names and min(norms.values()) > 0
    of_coarser_levels = {"attention"}  # which are on the way to the finest
    expected = at_the_backbone(detector, batch, factors(detector, names - of_coarser_levels))
    assert {name: norm for name, norm in norms.items() if name in expected} == pytest.approx(expected, rel=1e-4)


def test_features_that_are_computed_twice_have_the_same_norms(tiny):
    detector, batch = built(tiny)
    plain = gradient_norms(detector, batch)
    recompute(detector.network.segments())
    assert gradient_norms(detector, batch) == pytest.approx(plain, rel=1e-5)


def test_half_precision_has_the_same_norms(tiny_anchor):
    detector, batch = built(tiny_anchor)
    plain = gradient_norms(detector, batch)
    with torch.autocast("cpu", torch.bfloat16):
        assert gradient_norms(detector, batch) == pytest.approx(plain, rel=0.05)


def test_what_half_precision_loses_the_scale_saves(tiny):
    detector, batch = built(tiny, "loss.offset.weight=1e-7")
    plain = gradient_norms(detector, batch)["offset"]
    with torch.autocast("cpu", torch.float16):
        assert gradient_norms(detector, batch)["offset"] < plain / 2
        assert gradient_norms(detector, batch, 65536.0)["offset"] == pytest.approx(plain, rel=0.02)


@pytest.mark.slow
def test_a_compiled_network_stays_compiled_and_has_the_same_norms(tiny):
    detector, batch = built(tiny, *SMALL)
    plain = gradient_norms(detector, batch)
    torch.compiler.reset()
    detector.network.compile(backend="aot_eager")
    detector(batch)["total"].backward()
    assert gradient_norms(detector, batch) == pytest.approx(plain, rel=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        detector(batch)["total"].backward()


# -- in a training ------------------------------------------------------------------------------------------------


def train(path, folder, *overrides):
    AcceleratorState._reset_state(reset_partial_state=True)
    engine.train(
        config.load(path, [f"work_dir={folder}", "train.eval_every=0", "train.accumulate=2", *SMALL, *overrides])
    )
    return folder


def test_a_training_is_the_same_with_them_and_goes_on_with_its_table(tiny, tmp_path):
    off = train(tiny, tmp_path / "off")
    on = train(tiny, tmp_path / "on", "train.gradients_every=1", "train.steps=2")
    table = on / "gradients.csv"
    with table.open("a") as file:
        file.write("3,9,9,9,9\n")  # of a step beyond the last save
    train(tiny, on, "train.gradients_every=2", "train.resume=auto")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "4"]
    assert list(rows[0]) == ["step", "heatmap", "pull", "push", "offset"] and rows[2]["pull"] != "9"
    ends = [checkpoint.load(folder / "last.pt") for folder in (off, on)]
    for part in ("model", "averaged"):
        assert all(torch.equal(value, ends[1][part][key]) for key, value in ends[0][part].items())
    assert torch.equal(ends[0]["rng"], ends[1]["rng"])
    assert not (off / "gradients.csv").exists()
    assert b"gradient/pull" in b"".join(path.read_bytes() for path in (on / "tensorboard").iterdir())


def test_a_term_that_starves_is_said_at_the_end(tiny, tmp_path, caplog):
    train(tiny, tmp_path / "run", "train.gradients_every=1", "train.steps=1", "loss.offset.weight=1e-4")
    (said,) = (record.getMessage() for record in caplog.records if "starved" in record.getMessage())
    assert said.startswith("starved at the shared features: offset has ")


def test_terms_starve_by_their_median_share_of_the_largest():
    held = ["0.01", "0.01", "2", ""]  # a cell is empty where a norm was not finite
    rows = [{"step": str(k), "a": "2", "b": "0.1", "c": c} for k, c in enumerate(held)]
    assert starving([*rows, {"step": "9", "a": "0", "b": "0"}]) == {"c": 0.005}
    assert starving([]) == {}
