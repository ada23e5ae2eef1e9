"""Every shipped config loads, builds its detector and says how it is run."""

import re
from pathlib import Path

import pytest
import torch

from cornernet import config, detectors
from cornernet.training import engine, optim, preflight

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "configs").glob("*.yaml"))


def test_the_configs_that_the_readme_promises_are_there():
    names = {path.name for path in FILES}
    assert {
        "cornernet.yaml",
        "cornernet_hg52.yaml",
        "shapes.yaml",
        "custom.yaml",
        "bccd.yaml",
        "coco_mini.yaml",
    } <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_builds(path):
    settings = config.load(path)
    preflight.check(settings)
    with torch.device("meta"):
        detector = detectors.build(settings, 80)
    assert sum(p.numel() for p in detector.parameters()) > 1e5
    rates = [optim.rate(step, settings.train) for step in range(0, settings.train.steps, settings.train.steps // 50)]
    assert max(rates) <= settings.train.lr and all(rate > 0 for rate in rates)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_opens_with_its_command(path):
    lines = path.read_text().splitlines()
    comment = [line for line in lines[: next(i for i, x in enumerate(lines) if not x.startswith("#"))]]
    commands = [line for line in comment if re.search(rf"tools/train\.py configs/{path.name}", line)]
    assert commands, "the comment on top holds no command"
    overrides = re.findall(r"[\w.]+=\S+", commands[0].partition(path.name)[2])
    config.load(path, overrides)


def test_the_paper_is_what_it_says():
    settings = config.load(ROOT / "configs" / "cornernet.yaml")
    with torch.device("meta"):
        network = detectors.build(settings, 80).network
    assert sum(p.numel() for p in network.parameters()) == 201_035_212
    assert settings.loss == config.Losses(
        heatmap=config.Component("neg", 1.0, {"alpha": 2, "beta": 4, "clamp": 1e-4}),
        grouping=config.Component("ae", 0.1, {"chunk_size": 4.9}),
        offset=config.Component("smooth_l1", 1.0),
    )


def test_without_coco_the_error_says_what_is_missing_and_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "check", lambda settings, weights: None)
    with pytest.raises(FileNotFoundError, match=r"instances_train2017\.json") as caught:
        engine.train(config.load(ROOT / "configs" / "cornernet.yaml", ["train.device=cpu", "data.root=nowhere"]))
    text = str(caught.value)
    assert all(
        word in text for word in ("nowhere", "instances_val2017.json", "val2017", "cocodataset.org", "data.root")
    )
    assert not list((tmp_path / "runs").iterdir())
