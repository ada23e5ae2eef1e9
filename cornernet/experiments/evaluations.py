"""How often the trainings of a comparison are evaluated: a curve needs points, and a figure at the end alone is one."""

import re

from cornernet.config import Config

LEAST = 6  # evaluations of a training, the last one among them


def evaluations(settings: Config) -> list[str]:
    """Settings of a training -> the override with which it is evaluated LEAST times, [] where it is already.

    [] too where train.eval_every was typed, and where train.patience counts evaluations, since more of them would end
    the training earlier. An evaluation changes nothing of a training.
    """
    train, every = settings.train, max(1, settings.train.steps // LEAST)
    typed = any(re.match(r"train(\.eval_every=|=.*\beval_every\b)", text) for text in settings.overrides)
    if typed or train.patience is not None or 0 < train.eval_every <= every:
        return []
    return [f"train.eval_every={every}"]
