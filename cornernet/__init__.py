"""Keypoint- and anchor-based object detectors and their losses.

`train` and `evaluate` do what the commands of these names do and return figures, `Predictor` finds objects in images;
`config`, `detectors`, `losses` and `ops` are what they are made of. All are imported when they are asked for, so that
`cornernet --help` need not wait for torch.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cornernet.system import limits  # noqa: F401  # before anything imports cv2
from cornernet.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from cornernet import config, detectors, losses, ops
    from cornernet.config import Config
    from cornernet.evaluation import Metrics
    from cornernet.prediction import Predictor
else:  # type checkers shall not take every name for one that is there

    def __getattr__(name: str):
        if name == "Predictor":
            return importlib.import_module("cornernet.prediction.predictor").Predictor
        if name in ROOMS:
            return importlib.import_module(f"cornernet.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


ROOMS = ("config", "detectors", "losses", "ops")
__all__ = ["Predictor", "__version__", "config", "detectors", "evaluate", "losses", "ops", "train"]


def train(config: "Config | str | Path", overrides: Sequence[str] = (), name: str | None = None) -> dict[str, float]:
    """Train what a config describes -> the COCO figures of its last evaluation, such as AP and AP50.

    config: a `cornernet.config.Config`, the path of a YAML file, or the name of a shipped one, such as shapes;
    overrides: `a.b=c` texts; name: of the run's folder below runs/, where work_dir does not name one. Raises as
    `cornernet.config.load` and `cornernet.training.engine.train` do.
    """
    from pathlib import Path

    from cornernet.config import Config, load, override
    from cornernet.training import engine

    if isinstance(config, Config):
        return engine.train(override(config, overrides), name or "run")
    return engine.train(load(config, overrides), name or Path(config).stem)


def evaluate(checkpoint: "str | Path", overrides: Sequence[str] = (), out: "str | Path | None" = None) -> "Metrics":
    """Score a checkpoint, or an exported .onnx, on the validation split of its config -> Metrics.

    overrides: `a.b=c` texts; out: folder of metrics.json, predictions.json and the report, evaluation/ beside the
    checkpoint unless it is given. Raises as `Predictor.load` does, and for data that cannot be read.
    """
    from pathlib import Path

    from cornernet.evaluation import evaluate_checkpoint

    return evaluate_checkpoint(checkpoint, overrides, Path(out) if out else None).metrics


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
