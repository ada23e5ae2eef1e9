"""One measurement in a process of its own, so that its peak of memory is its own.

`python -m cornernet.profiling.point` reads {config, classes, objects, least} as JSON from stdin and writes a JSON of
`training_step.Measured` as the last line of stdout.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from cornernet import config
from cornernet.config import Config
from cornernet.errors import Failed
from cornernet.profiling.training_step import Measured, measure
from cornernet.system.wording import counted

ROOT = Path(__file__).resolve().parent.parent.parent  # of this package, installed or not
SECONDS = 2.0  # that the steps of a process take together at least: one long step, or many short ones


def measured(settings: Config, classes: int, objects: int) -> Measured:
    """Time training steps in a fresh process, after one step that does not count.

    Raises Failed, one sentence, where that process ends otherwise than well, for example for lack of memory.
    """
    given = {"config": config.to_dict(settings), "classes": classes, "objects": objects, "least": SECONDS}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "cornernet.profiling.point"],
        input=json.dumps(given), capture_output=True, encoding="utf-8", errors="replace", check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    if done.returncode < 0:
        raise Failed(f"the process of {_what(settings, classes, objects)} was ended by signal {-done.returncode}, "
                     "which may mean that the memory did not suffice")  # fmt: skip
    if done.returncode:
        said = re.sub(r"^[\w.]+Error: ", "", (done.stderr.strip().splitlines() or ["no word why"])[-1])
        raise Failed(f"{_what(settings, classes, objects)} failed: {said}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _what(settings: Config, classes: int, objects: int) -> str:
    height, width = settings.data.input_size
    return (
        f"{settings.train.batch_size} x {height} x {width}, {counted(classes, 'class')}, {counted(objects, 'object')}"
    )


def main(given: dict[str, Any]) -> str:
    """What stdin holds -> what stdout gets."""
    settings = config.from_container(given["config"], typed=True)
    found = measure(settings, 1, given["classes"], given["objects"], warm=1, least=given["least"])
    return json.dumps(found._asdict())


if __name__ == "__main__":
    print(main(json.load(sys.stdin)))
