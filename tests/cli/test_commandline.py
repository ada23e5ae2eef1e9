"""The grammar of all tools, and exit codes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cornernet.cli.commandline import Command, call, obeyed, sentences, split
from cornernet.cli.keys import OUT, Reader, whole
from cornernet.errors import Failed, Interrupted, Unsaved

USAGE = "tool.py A B [key=value ...]\n\nmore"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a", "b"], ["a", "b", None, []]),
        (["a", "b", "c", "x.y=1"], ["a", "b", "c", ["x.y=1"]]),
        (["a", "b", "x=1", "y[0]=a=b"], ["a", "b", None, ["x=1", "y[0]=a=b"]]),
        (["runs/lr=1/best.pt", "b", "x="], ["runs/lr=1/best.pt", "b", None, ["x="]]),
    ],
)
def test_paths_first_then_overrides(arguments, expected):
    assert split(arguments, USAGE, 2, 1) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "0 paths given; usage: tool.py A B"),
        (["a"], "1 path given"),
        (["a", "b", "c", "d"], "4 paths given"),
        (["a", "b", "x=1", "c"], "got 'c' where an override key=value was expected; usage: tool.py A B"),
        (["a", "--x=1"], "got '--x=1' where"),
        (["-v", "a", "b"], "got '-v' where"),
        (["a", "b", "x=1", "a/b=c"], "got 'a/b=c' where"),
    ],
)
def test_anything_else_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        split(arguments, USAGE, 2, 1)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("a\n  b"), 2, "error: a b\n"),
        (FileNotFoundError("no x"), 2, "error: no x\n"),
        (FileExistsError(17, "exists", "x"), 2, "error: [Errno 17] exists: 'x'\n"),
        (FloatingPointError("not finite"), 1, "error: not finite\n"),
        (Interrupted(signal.SIGTERM, "stopped"), 143, "stopped\n"),
        (Interrupted(signal.SIGINT, "stopped"), 130, "stopped\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (Failed("a loader process died while it held a.jpg"), 1, "error: a loader process died while it held a.jpg\n"),
        (Unsaved("could not save last.pt"), 1, "error: could not save last.pt\n"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 1, "error: too little memory"),
        (RuntimeError("CUDA out of memory. Tried"), 1, "error: the device has too little memory"),
    ],
)
def test_errors_become_one_line_and_a_code(error, code, text, capsys):
    with pytest.raises(SystemExit) as left, sentences():
        raise error
    err = capsys.readouterr().err
    assert left.value.code == code and err.startswith(text) and err.count("\n") == 1


def test_a_process_of_several_says_which_it_is(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit), sentences():
        raise Failed("a loader process died")
    assert capsys.readouterr().err == "error: rank 1: a loader process died\n"


def test_errors_of_ours_are_not_hidden():
    with pytest.raises(RuntimeError, match="a bug"), sentences():
        raise RuntimeError("a bug")


def test_the_environment_can_ask_for_tracebacks(monkeypatch):
    monkeypatch.setenv("CORNERNET_TRACEBACK", "1")
    with pytest.raises(ValueError, match="wrong"), sentences():
        raise ValueError("wrong")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_wins_over_everything(flag, capsys):
    with pytest.raises(SystemExit) as left:
        call(Command(lambda *a: pytest.fail("main ran"), USAGE, 2), ["nonsense", flag])
    out = capsys.readouterr().out
    assert left.value.code == 0 and out.startswith(USAGE) and "train.lr" in out


def test_a_command_gets_paths_overrides_and_its_own_keys():
    got = []
    command = Command(lambda *a, **own: got.extend([*a, own]), USAGE, 2, keys={"n": Reader(whole(1)), **OUT})
    call(command, ["a", "b", "train.lr=1", "n=3", "work_dir=there"])
    assert got == ["a", "b", ["train.lr=1"], {"n": 3, "out": Path("there")}]


def test_a_command_without_keys_takes_none(capsys):
    command = Command(lambda *a: pytest.fail("main ran"), USAGE, 1, overrides=False)
    with pytest.raises(SystemExit) as left:
        call(command, ["a", "x=1"])
    assert left.value.code == 2 and "got 'x=1', but nothing can be set here" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call(command, ["--help"])
    assert capsys.readouterr().out == USAGE + "\n"


def test_help_may_be_read_in_part():
    tool = Path(__file__).resolve().parents[2] / "tools" / "train.py"
    process = subprocess.Popen([sys.executable, tool, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # before anything is written
    assert process.stderr.read() == b"" and process.wait() == 0


def test_keys_that_change_nothing_are_said_and_the_help_is_short(capsys, caplog):
    got = []
    command = Command(lambda *a: got.append(a), USAGE, 2, obeys=("data", "test", "train.device"), shown=("test",))
    call(command, ["a", "b", "train.lr=1", "train.lr=2", "seed=3", "test.flip=false", "train.device=cpu", "data={}"])
    assert got and caplog.messages == ["train.lr, seed: nothing here changes with that"]
    for arguments, every in ((["--help"], False), (["--help", "all"], True)):
        with pytest.raises(SystemExit):
            call(command, arguments)
        out = capsys.readouterr().out
        assert "test.nms.iou" in out and ("train.lr" in out) == every and ("--help all prints" in out) != every


def test_a_section_or_a_part_of_one_is_obeyed():
    assert obeyed("data.root", ("data",)) and obeyed("train", ("train.device",)) and obeyed("x", ())
    assert not obeyed("database.x", ("data",)) and not obeyed("train.devices", ("train.device",))
