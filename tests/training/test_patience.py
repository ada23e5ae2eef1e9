"""A run that has long been no better ends early; the loss on the validation set."""

import csv
import logging
from types import SimpleNamespace

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint
from cornernet.data import build_source, plain_batches
from cornernet.drawing import curves
from cornernet.hardware import build_accelerator
from cornernet.training import engine, patience, preflight
from cornernet.training.validation_loss import validation_loss

STILL = ["train.lr=1e-12", "train.eval_every=1", "train.steps=9", "data.shapes.val_images=1", "train.ema=null"]


def test_a_run_ends_by_patience_and_goes_on_with_more(tiny, tmp_path, caplog):
    """With a rate of nothing the first evaluation is the best."""
    caplog.set_level(logging.INFO, "cornernet")
    words = [*STILL, f"work_dir={tmp_path / 'run'}", "train.resume=auto"]
    engine.train(config.load(tiny, [*words, "train.patience=1", "data.workers=1"]))
    told = [line for line in caplog.messages if "without a better" in line]
    assert len(told) == 1 and told[0].startswith("1 evaluation in a row without a better AP (train.patience=1): the ")
    assert "ends at step 2 of 9" in told[0]
    held = checkpoint.load(tmp_path / "run" / "last.pt")
    assert (held["step"], held["scored"], held["stale"]) == (2, 2, 1) and (tmp_path / "run" / "best.pt").exists()
    engine.train(config.load(tiny, [*words, "train.patience=2"]))
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 3


@pytest.mark.parametrize(
    ("wanted", "stale", "step", "ends"), [(2, 1, 5, 0), (2, 2, 5, 1), (None, 9, 5, 0), (2, 2, 9, 0)]
)
def test_when_patience_is_over(tiny, wanted, stale, step, ends):
    settings = config.load(tiny, ["train.steps=9", f"train.patience={'null' if wanted is None else wanted}"])
    assert patience.over(SimpleNamespace(config=settings, stale=stale, step=step), "AP") is bool(ends)


def test_patience_without_evaluations_is_refused(tiny):
    with pytest.raises(ValueError, match=r"train\.patience=2 counts evaluations, and train\.eval_every=0 has none"):
        preflight.check(config.load(tiny, ["train.patience=2", "train.eval_every=0"]))
    with pytest.raises(ValueError, match=r"train\.patience must be at least 1 and at most 10+ or null, got 0"):
        preflight.check(config.load(tiny, ["train.patience=0"]))


@pytest.mark.parametrize("images", [0, 3, 200])
def test_the_validation_loss_is_the_mean_over_whole_images(any_tiny, images):
    words = ["data.shapes.val_images=5", f"train.val_loss_images={images}", "train.batch_size=2"]
    settings = config.load(any_tiny, words)
    source, detector = build_source(settings.data, "val"), detectors.build(settings, 3)
    found = validation_loss(detector, source, settings, build_accelerator(settings), 0.5)
    if not images:
        assert found == {}
        return
    places = {3: [0, 2, 4], 200: [0, 1, 2, 3, 4]}[images]
    detector.train()
    for module in detector.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    parts = [places[i : i + 2] for i in range(0, len(places), 2)]
    batches = [next(plain_batches(settings.data, source, part, 2)) for part in parts]
    wanted = sum(float(detector(batch)["total"].detach()) * len(batch.index) for batch in batches) / len(places)
    assert found["total"] == pytest.approx(wanted, rel=1e-5)
    assert not any(batch.changes for batch in batches)


def test_the_validation_loss_changes_nothing_of_the_training(tiny_anchor):
    settings = config.load(tiny_anchor, ["loss.box={name: wiou, args: {version: 3}}", "loss.feature.name=center"])
    source, detector = build_source(settings.data, "val"), detectors.build(settings, 3)
    before, drawn = {k: v.clone() for k, v in detector.state_dict().items()}, torch.get_rng_state()
    detector.network.register_forward_hook(lambda *_: torch.rand(1) and None)
    validation_loss(detector, source, settings, build_accelerator(settings), 0.5)
    assert all(torch.equal(value, before[key]) for key, value in detector.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn) and not any(m.training for m in detector.modules())


def test_images_that_cannot_be_read_are_left_out_or_stop(tiny, monkeypatch):
    settings = config.load(tiny, ["data.on_error=skip"])
    source = build_source(settings.data, "val")
    read = source.image

    def image(index):
        if index == 0:
            raise ValueError("0.png is cut short")
        return read(index)

    monkeypatch.setattr(source, "image", image)
    assert [batch.index.tolist() for batch in plain_batches(settings.data, source, [0, 1], 1)] == [[1]]
    with pytest.raises(ValueError, match="cut short"):
        next(plain_batches(config.load(tiny).data, source, [0, 1], 2))


def test_the_log_has_columns_and_the_curves_lines_of_it(tiny_run):
    with open(tiny_run / "eval.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and all(float(row["val_total"]) > 0 and float(row["val_heatmap"]) > 0 for row in rows)
    assert len({row["val_total"] for row in rows}) == 2


def test_curves_draw_it_beside_the_term(tmp_path, monkeypatch):
    (tmp_path / "log.csv").write_text("step,lr,total,iou\n1,1,3,0.5\n2,1,2,0.6\n")
    (tmp_path / "eval.csv").write_text("step,AP,own,val_total,val_iou\n2,0.1,4,2.5,0.4\n")
    seen = {}
    monkeypatch.setattr("cornernet.drawing.plots._plot", lambda groups, *texts: seen.update(groups))
    curves(tmp_path)
    assert {title: list(lines) for title, lines in seen.items()} == {
        "loss": ["total", "val_total"], "mean IoU": ["iou", "val_iou"], "learning rate": ["lr"], "AP": ["AP"],
        "own": ["own"],
    }  # fmt: skip
    monkeypatch.undo()
    assert curves(tmp_path).stat().st_size > 1000
