"""The network of keypoint triplets against outputs of the published code: poolings, forward maps, a training step."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from cornernet.config import load
from cornernet.detectors import build
from cornernet.detectors.corner import official
from cornernet.detectors.corner.centre_loss import CentreLoss
from cornernet.detectors.corner.head import CornerPool
from cornernet.detectors.corner.naming import NAMINGS, POOL
from cornernet.losses import AELoss, neg_loss
from cornernet.losses.offset.smooth_l1 import smooth_l1
from cornernet.ops.corner_pool import bottom_pool, column_pool, left_pool, right_pool, row_pool, top_pool
from cornernet.ops.gather import gather_cells
from cornernet.structures import CentreTargets

ROOT = Path(__file__).parents[3]
KINDS = {"tl": (top_pool, left_pool, True), "br": (bottom_pool, right_pool, True), "ct": (column_pool, row_pool, False)}
HEADS = {"heats": "heat", "tags": "tag", "regrs": "offset"}


@pytest.fixture(scope="session")
def recipes(shared):
    """The recipe of the goldens' parameters."""
    path = shared / "golden" / "recipes.py"
    if not path.is_file():
        pytest.skip("the recipes of the reference data are absent")
    spec = importlib.util.spec_from_file_location("recipes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(recipes, shapes):
    """Keys of the published code -> their tensors by the recipe."""
    norms = {key.rpartition(".")[0] for key in shapes if key.endswith("running_mean")}
    return {
        key: torch.as_tensor(recipes.fill_param(key, shape, key.rpartition(".")[0] in norms, 1.0))
        for key, shape in shapes.items()
    }


def near(found, expected, tolerance):
    """Equal to a share of the largest number expected."""
    error = (found.double() - torch.as_tensor(expected).double()).abs().max().item()
    assert error <= tolerance * max(float(np.abs(expected).max()), 1e-12)


@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_poolings_and_their_gradients_are_the_published_ones(golden, recipes, case, kind):
    """In float64, with running and with batch statistics."""
    stored, (vertical, horizontal, cascade) = golden(f"g6_pool_modules_{case}"), KINDS[kind]
    batch, width, height, across = (int(n) for n in stored["dims"])
    module = CornerPool(width, 128, vertical, horizontal, cascade)
    theirs = {ours: name for name, ours in POOL.items()}
    names = {key: f"{kind}.{theirs[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" for key in module.state_dict()}
    made = filled(recipes, {names[key]: tuple(x.shape) for key, x in module.state_dict().items()})
    module.load_state_dict({key: made[name] for key, name in names.items()})
    module.double()
    seed, shape = int(stored["seed"]), (batch, width, height, across)
    upstream = torch.tensor(recipes.randn_f32(seed + 1, shape)).double()
    for mode in ("eval", "train"):
        x = torch.tensor(recipes.randn_f32(seed, shape)).double().requires_grad_()
        y = module.train(mode == "train")(x)
        module.zero_grad()
        y.backward(upstream)
        near(y.detach(), stored[f"{kind}_{mode}_y"], 1e-6)
        near(x.grad, stored[f"{kind}_{mode}_grad_x"], 1e-6)
    grads = {names[key]: p.grad for key, p in module.named_parameters()}
    for key, norm in zip(stored[f"{kind}_train_param_keys"], stored[f"{kind}_train_grad_norm"], strict=True):
        name = str(key) if str(key).startswith(f"{kind}.") else f"{kind}.{key}"
        assert grads[name].norm().item() == pytest.approx(norm, rel=1e-8, abs=1e-12), name


def network(shared, recipes, stacks):
    """The network of configs/centernet.yaml with the goldens' parameters, and the published names of its own."""
    lines = (shared / "golden" / f"g6_keys_CenterNet-{52 * stacks}.txt").read_text().splitlines()
    rows = [line.split("\t")[:2] for line in lines if "\t" in line and not line.startswith("#")]
    shapes = {key: tuple(map(int, re.findall(r"\d+", shape))) for key, shape in rows}
    naming = next(naming for naming in NAMINGS if naming.title == "CornerNet")
    with torch.device("meta"):
        settings = load(ROOT / "configs" / "centernet.yaml", [f"model.backbone.stacks={stacks}"])
        net = build(settings, 80, with_loss=False).network
    net.load_state_dict(official.convert(filled(recipes, shapes)), assign=True)
    return net, {official.rename(key, naming): key for key in shapes}


FORWARD = {
    "g6_centernet52_255x255_gain1": 1, "g6_centernet52_127x255_gain1": 1,
    "g6_centernet104_127x127_gain1": 2, "g6_centernet104_255x255_gain1": 2,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", FORWARD)
def test_forward_maps_of_all_stacks_are_the_published_ones(shared, golden, recipes, case):
    stored = golden(case)
    net, _ = network(shared, recipes, FORWARD[case])
    net.eval()
    size = [int(n) for n in stored["input_hw"]]
    images = torch.tensor(np.random.RandomState(int(stored["input_seed"])).randn(1, 3, *size).astype(np.float32))
    with torch.inference_mode():
        features = [levels[0] for levels in net.backbone(images)]
        stacks = [(head(x), head.centre_maps(x)) for head, x in zip(net.heads, features, strict=True)]
    names = [name for name in stored.files if name.startswith("map_") and name.endswith("_maxerr_f32_vs_f64")]
    assert len(names) == 8 * FORWARD[case]
    for name in names:
        plain = name.removesuffix("_maxerr_f32_vs_f64")
        corner, what, stack = re.fullmatch(r"map_(tl|br|ct)_(\w+)\.(\d)", plain).groups()
        corners, centres = stacks[int(stack)]
        got = getattr(centres, HEADS[what]) if corner == "ct" else getattr(corners, f"{corner}_{HEADS[what]}")
        if plain not in stored:
            plain, got = f"{plain}_stride7", got.flatten()[::7]
        assert (got - torch.tensor(stored[plain])).abs().max().item() <= 20 * float(stored[name]), plain


@pytest.mark.slow
@pytest.mark.parametrize("case", ["a", "b"])
def test_a_training_step_is_the_published_one(shared, golden, recipes, case):
    """In float64 with batch statistics: the loss, gradients and the statistics after it."""
    stored = golden(f"g6_centernet52_train_{case}")
    net, theirs = network(shared, recipes, 1)
    net.double().train()
    batch, height, width = (int(n) for n in stored["dims_BHW"])
    (maps,) = net(torch.tensor(recipes.randn_f32(int(stored["seed"]), (batch, 3, height, width))).double())
    heat = {kind: torch.zeros(batch * 80 * maps.tl_heat.shape[2] * maps.tl_heat.shape[3]).double() for kind in KINDS}
    for kind, flat in heat.items():
        flat[torch.tensor(stored[f"gt_{kind}_heat_idx"]).long()] = torch.tensor(stored[f"gt_{kind}_heat_val"]).double()
        heat[kind] = flat.view(maps.tl_heat.shape)
    given = {
        name: torch.tensor(stored[f"gt_{name}"])
        for name in ("mask", *(f"{k}_{x}" for k in KINDS for x in ("regr", "ind")))
    }
    read = [
        gather_cells(getattr(maps, f"{kind}_{what}"), given[f"{kind}_ind"])
        for what in ("tag", "offset") for kind in ("tl", "br")
    ]  # fmt: skip
    corners = AELoss(pull_weight=0.1, push_weight=0.1)
    goal = [heat["tl"], heat["br"], given["mask"], given["tl_regr"].double(), given["br_regr"].double()]
    terms = corners.terms([maps.tl_heat, maps.br_heat, *read], goal)
    target = CentreTargets(heat["ct"], given["mask"] > 0, given["ct_regr"].double(), given["ct_ind"])
    centre, offset = CentreLoss(neg_loss, smooth_l1, 1.0).terms([maps.centre], target)
    total = corners.total(terms) + centre + offset
    wanted = stored["loss64"]
    assert total.item() == pytest.approx(wanted[0], rel=1e-6)
    assert (terms["heatmap"] + centre).item() == pytest.approx(wanted[1], rel=1e-8)
    assert (0.1 * terms["pull"]).item() == pytest.approx(wanted[2], rel=1e-6)
    assert 0.1 * terms["push"].item() == pytest.approx(wanted[3], rel=5e-4)  # of one object, where float32 counts there
    assert (terms["offset"] + offset).item() == pytest.approx(wanted[4], rel=1e-6)
    total.backward()
    ours = {theirs[name]: p.grad for name, p in net.named_parameters()}
    for key, norm in zip(stored["param_keys"], stored["grad_norm_f64"], strict=True):
        assert ours[str(key)].norm().item() == pytest.approx(norm, rel=1e-8, abs=1e-12), key
    for name in stored.files:
        if found := re.fullmatch(r"grad64_(.+)_stride", name):
            near(ours[found[1]].flatten()[:: int(stored[f"grad64_{found[1]}_step"])], stored[name], 1e-6)
    state = {theirs[name]: x for name, x in net.state_dict().items()}
    for name in stored.files:
        if name.startswith("bn_after_"):
            near(state[name.removeprefix("bn_after_")].double(), stored[name], 1e-6)
