"""One process of `benchmarks.start`: what a training does until its first batch, and what that took."""

import json
import os
import sys
from time import process_time

from benchmarks.start import COLUMNS, memory, shares
from cornernet import config, detectors
from cornernet.data import build_sources, train_loader
from cornernet.hardware import build_accelerator
from cornernet.training import check_data
from cornernet.training.agreement import agree


def main(path: str, overrides: list[str]) -> dict[str, float]:
    """Config and overrides -> figures by the names of the columns."""
    settings = config.load(path, overrides)
    accelerator = build_accelerator(settings)
    before, begin = memory(), process_time()
    train, val = build_sources(settings.data)
    read = process_time() - begin
    agree(settings, train, val, accelerator)
    if accelerator.is_main_process:
        check_data.before_training(settings, detectors.build(settings, len(train.class_names)), train, val)
    knobs = settings.train
    loader = train_loader(
        settings.data, train, knobs.batch_size, steps=knobs.steps, rank=accelerator.process_index,
        world=accelerator.num_processes,
    )  # fmt: skip
    with loader.watched() as watch:
        batches = iter(loader)
        next(batches)
        took, after = process_time() - begin, memory()
        each = [shares(worker.pid) for worker in watch.workers if worker.pid] or [(0.0, 0.0)]
    if accelerator.num_processes > 1:
        accelerator.wait_for_everyone()
        accelerator.end_training()
    loaded, own = (max(values) for values in zip(*each, strict=True))
    figures = (read, took, before["now"], after["peak"] - before["now"], after["now"] - before["now"], loaded, own)
    return dict(zip(COLUMNS[1:], figures, strict=True))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2:])), flush=True)
    os._exit(0)
