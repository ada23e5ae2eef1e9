"""A cold start: what the prediction of one image must not wait for."""

import subprocess
import sys

import pytest

CODE = """
import sys
from cornernet.cli import predict
from cornernet.prediction import annotate
from cornernet import config, detectors
from cornernet.prediction import inference
import numpy as np
detector = detectors.build(config.load({config!r}, {changed}), 3, with_loss=False).eval()
inference.detect(detector, [np.zeros((64, 64, 3), np.uint8)])
print(*sys.modules)
"""
CONFIGS = {
    "custom": ["model.backbone.channels=[8,8,8,8]", "model.head.channels=8", "model.head.pool_channels=8"],
    "pretrained": ["model.backbone.weights=''", "model.head.channels=8", "model.head.pool_channels=8"],
}
SLOW = ("torchvision", "torch._dynamo", "accelerate", "matplotlib", "scipy", "tensorboard", "pycocotools")


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_one_image_needs_no_slow_import(config):
    code = CODE.format(config=config, changed=CONFIGS[config])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(SLOW) & set(done.stdout.split())
