"""`epochs=50`, which many bring along: the answer is a number of steps, where the training set can be counted."""

import math
from collections.abc import Sequence
from pathlib import Path

from cornernet.config import brought
from cornernet.system.wording import counted

LARGEST = 2**26  # bytes of an annotation file that is read to answer this
CHECKPOINTS = (".pt", ".pth", ".onnx")


def check(paths: Sequence[object], settings: Sequence[str]) -> None:
    """Raise ValueError, one sentence, where epochs are among the settings of a command whose first path is a config."""
    words = [text for text in settings if text.partition("=")[0].rpartition(".")[2] == "epochs"]
    if not words or not paths or not isinstance(paths[0], str) or Path(paths[0]).suffix in CHECKPOINTS:
        return
    others = [text for text in settings if text not in words and not brought.answer(text.partition("=")[0])]
    raise ValueError(in_steps(words[-1].partition("=")[2], paths[0], others) or brought.answer("epochs"))


def in_steps(epochs: str, path: str, overrides: Sequence[str]) -> str:
    """Number of epochs, config and overrides -> the sentence with the steps that they are, "" where it is not known."""
    from cornernet import config

    try:
        number = float(epochs)
        settings = config.load(path, [text for text in overrides if "." in text.partition("=")[0]])
        images = _images(settings)
    except (ValueError, OSError):  # what is wrong with the rest is said once this word is gone
        return ""
    if not images or not 0 < number < math.inf:
        return ""
    size = settings.train.batch_size
    steps = math.ceil(number * images / size)
    return f"epochs={epochs} of {counted(images, 'image')} in batches of {size} are train.steps={steps} here"


def _images(settings) -> int:
    """Number of training images, 0 where counting them would take long."""
    from cornernet.data import build_source

    file = Path(settings.data.root, settings.data.train.annotations).expanduser()
    if file.is_file() and file.stat().st_size > LARGEST:
        return 0
    return len(build_source(settings.data, "train", quiet=True))
