"""Corner verification in a graph, where several levels are read."""

import pytest
import torch

from cornernet import graphs
from cornernet.detectors import build
from cornernet.export import export
from cornernet.prediction import FixedCanvas
from cornernet.prediction.exported import difference
from tests.detectors.anchor.test_anchor_detector import CLASSES, settings
from tests.detectors.anchor.test_verify import VERIFY


@pytest.mark.slow
def test_a_graph_snaps_boxes_as_pytorch_does(tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra export")
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    torch.manual_seed(0)
    model = build(settings(*VERIFY, "test.top_k=20", "test.num_dets=40"), CLASSES).eval()
    for name, module in model.named_modules():  # so large that scores and corners are apart
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            scale = 0.2 if name.endswith("boxes") else 2
            torch.nn.init.normal_(module.weight, std=scale * module.weight[0].numel() ** -0.5)
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8)
    path = tmp_path / "verify.onnx"
    export.write(export.trace(export.Graph(model), FixedCanvas((64, 48)), None), path, {"class_names": ["a", "b", "c"]})
    with torch.no_grad():
        expected = export.Graph(model)(images)
        maps = model.network(images.float() / 255)[-1]
        plain = model.decoder(maps._replace(corners=()), model.anchors(maps))
        assert (plain.boxes - model.decoder(maps, model.anchors(maps)).boxes).abs().amax() > 1
    apart = difference(graphs.of_file(path).open(path)[0](images), expected)
    assert apart.rows > 10 and apart.lost == 0 and max(apart.boxes, apart.scores) <= 1e-4, apart
