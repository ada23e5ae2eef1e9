"""Corner verification outside of eager PyTorch on one process: in a graph, and on two processes."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from cornernet import graphs
from cornernet.detectors import build
from cornernet.export import export
from cornernet.prediction.exported import difference
from tests.detectors.anchor.test_anchor_detector import CLASSES, batch_of, settings
from tests.detectors.anchor.test_verify import VERIFY

EQUAL = [*VERIFY, "train.batch_size=4", "model.backbone.stacks=2"]
OBJECTS = (5, 2, 1, 0)  # of the images; the second process has far fewer


def detector(*extra):
    torch.manual_seed(0)
    return build(settings(*EQUAL, *extra), CLASSES)


@pytest.mark.slow
def test_a_graph_snaps_boxes_as_pytorch_does(tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    model = detector("test.top_k=20", "test.num_dets=40").eval()
    for name, module in model.named_modules():  # so large that scores and corners are apart
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            scale = 0.2 if name.endswith("boxes") else 2
            torch.nn.init.normal_(module.weight, std=scale * module.weight[0].numel() ** -0.5)
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8)
    path = tmp_path / "verify.onnx"
    export.write(export.trace(export.Graph(model), images, None), path, {"class_names": ["a", "b", "c"]})
    with torch.no_grad():
        expected = export.Graph(model)(images)
        maps = model.network(images.float() / 255)[-1]
        plain = model.decoder(maps._replace(corners=()), model.anchors(maps))
        assert (plain.boxes - model.decoder(maps, model.anchors(maps)).boxes).abs().amax() > 1
    apart = difference(graphs.of_file(path).open(path)[0](images), expected)
    assert apart.rows > 10 and apart.lost == 0 and max(apart.boxes, apart.scores) <= 1e-4, apart


def gradients(model, images):
    """Terms and gradients of these images of one batch, where BatchNorm uses its running statistics."""
    torch.manual_seed(1)
    batch = batch_of(settings(*EQUAL))
    mask = torch.arange(batch.mask.shape[1]) < torch.tensor(OBJECTS)[:, None]
    held = batch._replace(mask=mask).map(lambda x: x[images])
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()
    terms = model(held)
    terms["total"].backward()
    return {name: value.detach() for name, value in terms.items()}, [p.grad for p in model.parameters()]


def work(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    terms, grads = gradients(DistributedDataParallel(detector().train()), slice(2 * rank, 2 * rank + 2))
    for value in terms.values():
        dist.all_reduce(value)
    if rank == 0:
        torch.save(({name: value / 2 for name, value in terms.items()}, grads), f"{folder}/two.pt")
    dist.barrier()  # nobody leaves while the other still talks
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    mp.spawn(work, (str(tmp_path),), nprocs=2)
    terms, grads = torch.load(tmp_path / "two.pt")
    expected, whole = gradients(detector().train(), slice(None))
    assert expected["verify"] > 0 and expected["offset"] > 0
    torch.testing.assert_close(terms, expected)
    torch.testing.assert_close(grads, whole, rtol=1e-3, atol=1e-5)
