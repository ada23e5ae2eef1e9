"""`train`: train a detector and score it."""

from pathlib import Path

from cornernet.cli.commandline import Command

USAGE = """tools/train.py CONFIG [key=value ...]

Trains what the config describes and scores it with COCO mAP, for example
  tools/train.py configs/shapes.yaml
  tools/train.py configs/cornernet.yaml train.lr=1e-4
  torchrun --nproc_per_node 8 tools/train.py configs/cornernet.yaml train.batch_size=48

SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and, but under nohup, SIGHUP let the step end, save and leave; a second one, a second
later or more, ends at once. train.resume=auto goes on, and so does what torchrun --max-restarts starts again. A log
that nobody takes any more ends no run. Exit codes: 0 done; 2 bad input; 1 failed, for want of memory, by steps that are
not finite, a loader process that died or hangs, a process of several that no longer answers, or because the last state
could not be saved; 130, 143, 138 and 129 stopped and saved after SIGINT, SIGTERM, SIGUSR1 and SIGHUP (torchrun itself
ends with 1 for all of these)."""


def main(path: str, overrides: list[str]) -> None:
    """Train."""
    from cornernet import config

    settings = config.load(path, overrides)
    from cornernet.training import engine, opening  # heavy imports wait until the config is known to be right

    engine.train(opening.at_home(settings, path, overrides), Path(path).stem)


COMMAND = Command(main, USAGE, stopped=" before the first step: nothing to save")
