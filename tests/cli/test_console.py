"""The console command: the same commands as the tools, under the names of an installed package."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cornernet
from cornernet.cli import console

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {path.stem for path in (ROOT / "tools").glob("*.py")}


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the console command in this process -> (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cornernet", *arguments])
        try:
            console.main()
            code = 0
        except SystemExit as left:
            code = left.code or 0
        return code, *capsys.readouterr()

    return call


def test_every_tool_is_a_command_and_every_command_a_tool():
    assert set(console.COMMANDS) - {"version", "profile"} == TOOLS  # the standard library has a module `profile`


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_alone_it_lists_the_commands(call, arguments):
    code, out, err = call(*arguments)
    assert code == 0 and not err and cornernet.__version__ in out
    assert all(f"\n  {name} " in out and about in out for name, about in console.COMMANDS.items())
    assert "shapes" in out and max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("trian", "there is no command trian, did you mean train?"),
        ("check-data", "there is no command check-data, did you mean check_data?"),
        ("--version", "there is no command --version, did you mean version?"),
        ("configs/shapes.yaml", "there is no command configs/shapes.yaml; cornernet --help lists them"),
        ("commandline", "there is no command commandline"),
        ("../train", "there is no command ../train, did you mean train?"),
    ],
)
def test_a_misspelt_command_is_one_sentence(call, typed, message):
    code, out, err = call(typed, "x")
    assert code == 2 and not out and err.startswith(f"error: {message}") and err.count("\n") == 1


def test_the_version_is_printed(call):
    assert call("version") == (0, f"{cornernet.__version__}\n", "")
    assert call("version", "x=1")[0] == call("version", "x")[0] == 2


@pytest.mark.parametrize("name", console.COMMANDS)
def test_help_speaks_of_the_console_command(call, name):
    code, out, err = call(name, "--help")
    usage = out.partition("\n\n  KEY")[0]
    assert code == 0 and not err and out.startswith(f"cornernet {name}") and "tools/" not in usage
    assert "configs/" not in usage and f"\n  cornernet {name}" in usage


def test_a_launcher_calls_the_module(call):
    assert "torchrun --nproc_per_node 8 -m cornernet train cornernet train.batch_size=48" in call("train", "--help")[1]


def test_errors_speak_of_the_console_command(call, tmp_path):
    assert "usage: cornernet train CONFIG" in call("train")[2]
    torch.save({"w": torch.ones(1)}, tmp_path / "foreign.pt")
    code, _, err = call("evaluate", str(tmp_path / "foreign.pt"))
    assert code == 2 and "go through cornernet convert_checkpoint first" in err
    text = "tools/replay_batch.py runs/x/bad_batch.pt runs it again"
    assert console.installed(text) == "cornernet replay_batch runs/x/bad_batch.pt runs it again"
    (tmp_path / "configs").mkdir()
    own = tmp_path / "configs" / "mine.yaml"
    own.write_text("train: {lrr: 1}")
    assert f"error: {own}: unknown key train.lrr" in call("train", str(own))[2]  # a path of the user's is left alone


def test_a_shipped_config_is_found_by_its_name(call):
    code, out, err = call("train", "shapse")
    assert code == 2 and not out and "did you mean shapes? shipped by name are affinity, " in err
    code, _, err = call("train", "shapes", "train.lrr=1")
    assert code == 2 and "did you mean train.lr?" in err


def test_as_a_module_it_is_the_same(tmp_path):
    command = [sys.executable, "-m", "cornernet", "train", "shapes", "train.lrr=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "did you mean train.lr?" in done.stderr
