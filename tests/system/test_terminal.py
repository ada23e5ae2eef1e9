"""Standard streams that are gone, full or closed cost what is written to them, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cornernet.checkpoints import checkpoint
from cornernet.system.streams import Lossy

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
FILES = {"config.yaml", "last.pt", "best.pt", "log.csv", "eval.csv", "metrics.json", "predictions.json", "curves.png",
         "predictions.png", "tensorboard"}  # fmt: skip
TALKING = """
import logging, os, sys, warnings
from tqdm import tqdm
from cornernet.cli import commandline

def main(path):
    held = open(path, "w")
    for number in tqdm(range(3), mininterval=0):
        print("x" * 10000, flush=True)
        print("y", file=sys.stderr)
        logging.getLogger("cornernet").warning("Größe %d", number)
        warnings.warn("oh", stacklevel=1)
        os.system("echo from a program; echo from a program >&2")
    sys.stdout.write("left for the end")
    held.write("done")

commandline.call(commandline.Command(main, "", overrides=False), sys.argv[1:])
"""


def shell(command, tmp_path, *arguments, **environment):
    """Run a command of bash, in which "$@" is python and its arguments -> the process when it has ended."""
    return subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, *map(str, arguments)], cwd=tmp_path, timeout=120,
        capture_output=True, text=True, env={**ENVIRONMENT, **environment},
    )  # fmt: skip


LOGS = {
    "reader gone": '("$@" 2>&1; echo $? >code) | true; cat code',
    "reader had enough": '("$@" 2>&1; echo $? >code) | head -c 5 >/dev/null; cat code',
    "disk full": '"$@" >/dev/full 2>/dev/full; echo $?',
    "both closed": '"$@" >&- 2>&-; echo $?',
    "all closed": '"$@" <&- >&- 2>&-; echo $?',
    "errors closed": '"$@" 2>&- >/dev/null; echo $?',
    "errors full": '"$@" 2>/dev/full >/dev/null; echo $?',
    "output closed": '"$@" >&- 2>/dev/null; echo $?',
}


@pytest.mark.parametrize("log", LOGS)
def test_no_line_and_no_bar_ends_a_tool(tmp_path, log):
    (tmp_path / "tool.py").write_text(TALKING)
    done = shell(LOGS[log], tmp_path, "tool.py", "result", PYTHONIOENCODING="ascii")
    assert done.stdout.split()[-1] == "0", done.stderr
    assert (tmp_path / "result").read_text() == "done"  # and no word of the log in it


def test_what_a_full_disk_did_not_take_of_the_output_is_said(tmp_path):
    (tmp_path / "tool.py").write_text(TALKING)
    done = shell('"$@" >/dev/full', tmp_path, "tool.py", "result")
    assert done.returncode == 0 and "a part of what was printed is lost: No space left on device\n" in done.stderr
    done = shell('"$@" | true', tmp_path, "tool.py", "result")
    assert "lost" not in done.stderr


def test_where_nothing_is_wrong_everything_is_written(tmp_path):
    (tmp_path / "tool.py").write_text(TALKING)
    done = shell('"$@"', tmp_path, "tool.py", "result", PYTHONIOENCODING="utf-8")
    assert done.stdout.count("x" * 10000 + "\n") == 3 and done.stdout.endswith("left for the end")
    assert done.stderr.count("Größe") == 3 and done.stderr.count("from a program") == 3 and "3/3" in done.stderr


@pytest.mark.parametrize(
    "log", ["reader gone", *(pytest.param(x, marks=pytest.mark.slow) for x in ("all closed", "disk full"))]
)
def test_a_training_outlives_its_log(tiny, tmp_path, log):
    arguments = [tiny, "work_dir=run", "data.workers=1", "train.steps=3"]
    done = shell(LOGS[log], tmp_path, ROOT / "tools" / "train.py", *arguments)
    assert done.stdout.split()[-1] == "0", done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} >= FILES
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 3


def test_bytes_that_nobody_takes_are_used_up():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with Lossy(writer, "w") as stream:
        assert stream.write(b"1") == 1 and os.read(reader, 9) == b"1" and stream.error is None
        assert stream.write(bytes(2**20)) > 0  # more than the pipe holds
        assert stream.write(b"12") == 2  # nobody waits
        os.close(reader)
        try:
            raise ValueError("what a traceback is written of")
        except ValueError:
            assert stream.write(b"123") == 3 and isinstance(stream.error, BrokenPipeError)
        # else what the callers hold would live as long as the stream
        assert stream.error.__traceback__ is None and stream.error.__context__ is None
