import numpy as np
import pytest
import torch

from cornernet.config import Config
from cornernet.data import normalise, prepare
from cornernet.data.transforms import colour, lighting
from cornernet.data.transforms.lighting import EIGENVALUES, EIGENVECTORS
from cornernet.detectors import with_colours
from cornernet.structures import Batch, Change


def batch_of(images, order, alpha, light) -> Batch:
    jitter = Change(colour.change_colours, True, {"order": order, "alpha": alpha})
    return Batch(images, *[images] * 5, (jitter, Change(lighting.change_colours, True, {"light": light})))


def photometric(images, order, alpha, light) -> torch.Tensor:
    """Images in 0..1, jittered and lit."""
    return prepare(batch_of(images, order, alpha, light), (0.0,) * 3, (1.0,) * 3)


def golden_case(g, case: int) -> tuple[torch.Tensor, ...]:
    def row(name):
        return torch.from_numpy(g[f"col{case}_{name}"])[None]

    return row("order"), row("alpha_minus1").float(), row("light_alpha").float()


def photo(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous()


@pytest.mark.parametrize("case", range(3))
def test_equals_the_published_jitter_lighting_and_normalisation(golden, case):
    g = golden("g3_augment")
    order, alpha, light = golden_case(g, case)
    data = with_colours(Config()).data
    image = photo(g["col_in"])
    jittered = photometric(image, order, alpha, torch.zeros_like(light))
    lit = photometric(image, order, alpha, light)
    torch.testing.assert_close(jittered, photo(g[f"col{case}_jitter"]), rtol=2e-6, atol=1e-6)
    torch.testing.assert_close(lit, photo(g[f"col{case}_light"]), rtol=2e-6, atol=1e-6)
    expected = photo(g[f"col{case}_norm"])
    torch.testing.assert_close(normalise(lit, data.mean, data.std), expected, rtol=2e-6, atol=4e-6)


def test_a_batch_is_its_images(golden):
    g = golden("g3_augment")
    order, alpha, light = (torch.cat(t) for t in zip(*(golden_case(g, c) for c in range(3)), strict=True))
    images = torch.cat([photo(g["col_in"])] * 3)
    whole = photometric(images, order, alpha, light)
    for c in range(3):
        alone = photometric(images[:1], order[c : c + 1], alpha[c : c + 1], light[c : c + 1])
        torch.testing.assert_close(whole[c : c + 1], alone)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_steps_one_after_the_other_give_the_same(order):
    image = torch.rand(2, 3, 5, 7, dtype=torch.float32)
    alpha = torch.tensor([[0.3, -0.2, 0.1], [-0.4, 0.4, 0.2]], dtype=torch.float32)
    weights = torch.tensor([0.114, 0.587, 0.299], dtype=torch.float32).view(1, 3, 1, 1)
    grey = (image * weights).sum(1, keepdim=True)
    towards = {0: torch.zeros(()), 1: grey.mean((2, 3), keepdim=True), 2: grey}
    expected = image
    for step, kind in enumerate(order):
        factor = 1 + alpha[:, step].view(2, 1, 1, 1)
        expected = expected * factor + towards[kind] * (1 - factor)
    zeros = torch.zeros(2, 3, dtype=torch.float32)
    torch.testing.assert_close(photometric(image, torch.tensor([order] * 2), alpha, zeros), expected)


def test_no_draws_no_change():
    image, zeros = torch.rand(2, 3, 4, 4), torch.zeros(2, 3)
    same = photometric(image, torch.tensor([[0, 1, 2]] * 2), zeros, zeros)
    torch.testing.assert_close(same, image, rtol=0, atol=1e-7)


def test_constants_equal_the_published_ones(golden):
    g, data = golden("g3_augment"), with_colours(Config()).data
    for name, ours in [("eig_val", EIGENVALUES), ("eig_vec", EIGENVECTORS), ("mean", data.mean), ("std", data.std)]:
        np.testing.assert_allclose(ours, g[f"coco_{name}"], rtol=1e-6)


def test_one_graph_for_every_order():
    torch._dynamo.reset()
    compiled = torch.compile(photometric, backend="eager", fullgraph=True)
    image = torch.rand(2, 3, 4, 4)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for order in ([[0, 1, 2], [2, 1, 0]], [[1, 0, 2], [1, 2, 0]]):
            args = (image, torch.tensor(order), torch.rand(2, 3), torch.rand(2, 3))
            torch.testing.assert_close(compiled(*args), photometric(*args))


def test_prepare_takes_a_batch():
    zeros = torch.zeros(1, 3)
    images = torch.full((1, 3, 4, 4), 51, dtype=torch.uint8)
    batch = batch_of(images, torch.tensor([[2, 0, 1]]), zeros, zeros)
    out = prepare(batch, (0.2, 0.1, 0.0), (1.0, 0.5, 0.1))
    torch.testing.assert_close(out[0, :, 0, 0], torch.tensor([0.0, 0.2, 2.0]), rtol=1e-5, atol=1e-6)


def a_batch(images: torch.Tensor) -> Batch:
    generator = torch.Generator().manual_seed(1)
    n, order = len(images), torch.tensor([[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]])
    alpha, light = torch.rand(2, n, 3, generator=generator) * 0.8 - 0.4
    return batch_of(images, order[:n], alpha, light)


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.randint(0, 256, (4, 3, 37, 41), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def step_by_step(batch: Batch, mean, std) -> torch.Tensor:
    return normalise(prepare(batch, (0.0,) * 3, (1.0,) * 3), mean, std)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_prepare_is_the_jitter_and_the_normalisation(pixels, layout):
    batch, data = a_batch(pixels.contiguous(memory_format=layout)), with_colours(Config()).data
    out = prepare(batch, data.mean, data.std)
    assert out.dtype == torch.float32 and out.shape == pixels.shape
    torch.testing.assert_close(out, step_by_step(batch, data.mean, data.std), rtol=2e-6, atol=4e-6)
    tensors = torch.tensor(data.mean), torch.tensor(data.std)
    torch.testing.assert_close(prepare(batch, *tensors), out, rtol=0, atol=1e-6)
    for n in range(4):
        alone = prepare(batch.map(lambda x, n=n: x[n : n + 1]), data.mean, data.std)
        torch.testing.assert_close(alone, out[n : n + 1], rtol=1e-6, atol=1e-6)


def test_prepare_keeps_its_digits_under_autocast(pixels):
    batch, data = a_batch(pixels), with_colours(Config()).data
    with torch.autocast("cpu", torch.bfloat16):
        out = prepare(batch, data.mean, data.std)
    assert torch.equal(out, prepare(batch, data.mean, data.std))


def test_prepare_compiles_to_one_graph_and_reads_no_number(pixels):
    torch._dynamo.reset()
    batch, data = a_batch(pixels), with_colours(Config()).data
    whole = torch.compile(lambda b: prepare(b, data.mean, data.std), backend="eager", fullgraph=True)(batch)
    torch.testing.assert_close(whole, prepare(batch, data.mean, data.std), rtol=2e-6, atol=4e-6)
    meta = batch.map(lambda x: x.to("meta"))  # whose numbers nobody can read
    mean, std = (torch.tensor(x, device="meta") for x in (data.mean, data.std))
    assert prepare(meta, mean, std).shape == pixels.shape


def test_mean_and_std_may_be_tensors_and_are_then_not_read():
    images = torch.rand(2, 3, 4, 5)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    expected = normalise(images, mean, std)
    assert torch.equal(normalise(images, torch.tensor(mean), torch.tensor(std)), expected)
    meta = normalise(images.to("meta"), torch.tensor(mean, device="meta"), torch.tensor(std, device="meta"))
    assert meta.shape == images.shape  # a tensor on the meta device has no numbers that could be read
