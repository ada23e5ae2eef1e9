"""Comparisons whose trainings only leave what one leaves at its end."""

import json
import shutil
import time
from types import SimpleNamespace

import pytest

from cornernet.experiments import compare, outputs

LEFT = ("last.pt", "metrics.json", "predictions.json", "eval.csv", "log.csv", "config.yaml")


@pytest.fixture
def quick(monkeypatch, tiny_run):
    """Trainings that only leave what one leaves at its end, and what was trained: folders, and their overrides.

    The AP of a training is what `ap` says of its overrides, if it says anything; `fails` says whether it fails; `stops`
    is the step at which it ends by itself.
    """
    made = SimpleNamespace(done=[], settings=[], ap=lambda settings: None, fails=lambda settings: False, stops=0)

    def finish(folder, settings=()):
        for name in LEFT:
            shutil.copy(tiny_run / name, folder)
        steps = [text.partition("=")[2] for text in settings if text.startswith("train.steps=")]
        if steps:
            (folder / "eval.csv").write_text(f"step,AP\n{made.stops or steps[-1]},0.5\n")
        (folder / "log.csv").write_text("step,lr,images_per_s,memory_mib\n20,1,40,90\n40,1,8,100\n")
        if (value := made.ap(settings)) is not None:
            held = json.loads((folder / "metrics.json").read_text())
            (folder / "metrics.json").write_text(json.dumps(held | {"AP": value}))

    def trained(found, folder, settings):
        made.done.append(folder)
        made.settings.append(settings)
        time.sleep(0.05)
        if made.fails(settings):
            return 1
        finish(folder, settings)
        return 0

    made.finish = finish
    monkeypatch.setattr(compare, "WAIT", 0.02)
    monkeypatch.setattr(compare, "_trained", trained)
    monkeypatch.setattr(outputs.page, "plots", lambda shown: {})
    monkeypatch.setattr(outputs.page, "document", lambda shown, drawn: "")
    monkeypatch.setattr(compare.preflight, "check", lambda settings, weights=True: None)
    return made
