#!/usr/bin/env python3
"""Say where a checkpoint loses its AP and why it misses objects:
tools/diagnose.py CHECKPOINT [pictures=N] [out=DIR] [key=value ...]
"""

from cornernet.cli import commandline

USAGE = """tools/diagnose.py CHECKPOINT [pictures=N] [out=DIR] [key=value ...]

Runs the checkpoint over its validation split with parts of its output replaced by the truth, prints the AP of each and
the reason why each object was missed, and writes diagnosis.json, missed.csv and the N worst pictures (12) into out
(default: diagnosis/ beside the checkpoint), for example
  tools/diagnose.py runs/shapes/best.pt
  tools/diagnose.py best.pt data.val.images=photos data.val.annotations=photos.json test.draw_score=0.5 pictures=30"""


def main(path: str, overrides: list[str]) -> None:
    from cornernet.evaluation.diagnosis.run import diagnose_checkpoint

    commandline.say(diagnose_checkpoint(path, overrides))


if __name__ == "__main__":
    commandline.run(main, USAGE, paths=1)
