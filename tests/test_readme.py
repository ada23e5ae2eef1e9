"""What README and docs show is true of the code: the Python runs, the commands shown are ones that would be taken."""

import difflib
import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch

import cornernet
from cornernet import config, detectors
from cornernet.cli import commandline, console, keys
from cornernet.cli.commandline import Command
from cornernet.config import Config, shipped
from cornernet.detectors.losses import asked, have_place
from cornernet.experiments import box_regression, grid, planning
from cornernet.losses import build, role_of
from cornernet.prediction.video import video_writer

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKS = re.compile(r"\]\((?!http|#)([^)#]+)")
FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([\w+-]*)")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
OPTIONAL = re.compile(r"(?<=\s)\[[^\]]*\]+")  # of a usage line: [key=value ...]
SHELL = ("", "sh", "shell", "console", "bash")
ELSEWHERE = re.compile(r"name=my_\w+\.")  # a loss of the reader's own
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


class Fence(NamedTuple):
    """A block between two fences."""

    language: str
    text: str


def split_up(text: str) -> tuple[list[Fence], str]:
    """Markdown -> (its fenced blocks, the text around them)."""
    blocks, around, opened, held = [], [], "", []
    for line in text.splitlines():
        mark = FENCE.fullmatch(line.rstrip())
        if not opened and mark:
            opened, language, held = mark[1], mark[2], []
        elif opened and mark and not mark[2] and mark[1].startswith(opened):
            blocks.append(Fence(language, "\n".join(held)))
            opened = ""
        elif opened:
            held.append(line)
        else:
            around.append(line)
    assert not opened, "a fence is not closed"
    return blocks, "\n".join(around)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Markdown -> (command, the error shown below it, if any), of shell blocks and of code in the text."""
    blocks, around = split_up(text)
    for block in blocks:
        lines = block.text.replace("\\\n", " ").splitlines() if block.language in SHELL else []
        for line, below in zip(lines, [*lines, ""][1:], strict=True):
            yield line.strip().removeprefix("$ "), below.partition("error: ")[2] if line.startswith("$ ") else ""
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", around):
        yield " ".join(span.split()), ""


def arguments(line: str) -> list[str]:
    """Words of a command line -> those from its own name on, without what sets it going; [] for other text."""
    try:
        words = shlex.split(OPTIONAL.sub("", line), comments=True)
    except ValueError:  # an apostrophe in what is no command
        return []
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if words[:1] == ["torchrun"]:
        start = next((i for i, word in enumerate(words) if word == "-m" or word.startswith("tools/")), len(words))
        words = ["python", *words[start:]] if words[start:][:1] == ["-m"] else words[start:]
    if words[:2] == ["python", "-m"] and words[2:3] == ["cornernet"]:
        words = words[2:]
    elif words[:1] == ["python"]:
        words = words[1:]
    return words if len(words) > 1 or "/" in "".join(words) else []


@cache
def wrong(line: str) -> str:
    """What is wrong with a command, or nothing; the command's own grammar and config say it."""
    words = arguments(line)
    if not words:
        return ""
    name, *rest = words
    if name == "make":
        return "" if rest[0] in TARGETS else f"no target {rest[0]}"
    if name == "-m" and rest[0].startswith("benchmarks."):
        return _mistake(importlib.import_module(rest[0]).COMMAND, rest[0], rest[1:], line)
    if re.fullmatch(r"(tools|tests|docs|benchmarks)/\w+\.py", name) and name != "tools/NAME.py":
        if not (ROOT / name).is_file():
            return f"there is no {name}"
        if not name.startswith("tools/"):
            return ""
        name, rest = "cornernet", [Path(name).stem, *rest]
    if name != "cornernet" or rest[0].isupper() or rest[0].startswith("-"):
        return ""
    if rest[0] not in console.COMMANDS:
        return f"there is no command {rest[0]}"
    return _mistake(console.command(rest[0]), rest[0], rest[1:], line)


def _mistake(command: Command, name: str, given: list[str], line: str) -> str:
    """What the command would refuse, or a shell would not hand on as it stands."""
    bare = QUOTED.sub("", line.partition(" #")[0])
    if re.search(r"\S\[", OPTIONAL.sub("", bare)):
        return "a shell may take the brackets for a pattern: they want quotes"
    own_roles = [word.rpartition("name=")[0] for word in given if ELSEWHERE.search(word)]
    given = [word for word in given if word not in ("...", "--help") and not word.startswith(tuple(own_roles))]
    try:
        if not given:
            return ""
        *paths, settings = commandline.split(given, command.usage, command.paths, command.optional, command.several)
        own, overrides = keys.read(settings, command.keys, command.overrides)
        _tried(name, command, paths, own, overrides)
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def _tried(name: str, command: Command, paths: list, own: dict, overrides: list[str]) -> None:
    """Go as far as it goes without data: raises what the command would."""
    if name == "simulate_boxes":
        box_regression.plan(**own)
    elif name == "list_losses" and paths[0]:
        assert paths[1] is None or build(*paths)
    elif " CONFIG" in command.usage.partition("\n")[0]:
        path = _config(paths[0])
        if name == "compare_losses" and path:
            found = planning.plan(path, overrides, **own)
            for choice in grid.trainings(found):
                _losses_exist(grid.settings(found, choice))
        else:
            _losses_exist(config.load(path, overrides) if path else config.override(Config(), overrides))
    else:
        assert all(hasattr(Config(), text.partition("=")[0].split(".")[0]) for text in overrides)
        anchor = any(re.match(r"loss\.(box|classification)", text) for text in overrides)
        config.override(config.load("anchor_shapes") if anchor else Config(), overrides)


def _config(given: str) -> str:
    """A config that the command can find; empty for one of the reader's own, or for a word that stands for any."""
    near = difflib.get_close_matches(given, shipped.names(), 1, 0.85)
    if given in shipped.comparisons():
        return given
    if given.startswith("configs/") or given in shipped.names() or (near and not given.endswith(".yaml")):
        return str(ROOT / given) if given.startswith("configs/") and given != "configs/mine.yaml" else given
    if not given.isupper() and not given.endswith(".yaml"):
        raise ValueError(f"there is no config {given}")
    return ""


def _losses_exist(settings: Config) -> None:
    if settings.model.detector != "centre":  # the plug-in of docs/own_detector.md
        have_place(settings, detectors.kind(settings).ROLES, {})
    given = {"num_classes": 3, "dim": 8, "image_size": tuple(settings.data.input_size)}
    for term, loss in asked(settings, [item.name for item in fields(settings.loss) if item.name != "features"]).items():
        build(role_of(term), loss.name, given=given, **loss.args)


def faults(text: str) -> list[str]:
    """Commands of a page that would be refused, unless the page shows that error."""
    found = []
    for line, shown in commands(text):
        error = wrong(line)
        if (error or shown) and (not shown or shown not in error):
            found.append(f"{line}: {error or f'shows {shown}, but works'}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_would_be_taken(page):
    assert faults(page.read_text(encoding="utf-8")) == []


def test_commands_are_found_behind_a_python_block():
    counts = {page.name: sum(bool(arguments(x)) for x, _ in commands(page.read_text("utf-8"))) for page in PAGES}
    assert counts["README.md"] > 18 and counts["tutorial.md"] > 15 and counts["performance.md"] > 10
    text = README.read_text(encoding="utf-8")
    assert faults(text.replace("## Configs", "```\ncornernet train shapes loss.box.nmae=ciou\n```\n\n## Configs"))


PLANTED = [
    "tools/train.py configs/anchor_shapes.yaml loss.box.nmae=ciou",  # key
    "cornernet train anchor_shapes loss.box.name=cioux",  # loss
    "cornernet train shapes loss.heatmap.args.gama=2",  # argument of a loss
    "cornernet train shapes loss.box.name=ciou",  # role that the detector does not have
    "cornernet train shaeps",  # config
    "tools/train.py configs/shaeps.yaml",
    "tools/benchmark.py",  # tool
    "cornernet benchmark",  # command
    "make demos",  # target
    "cornernet train shapes train.lrr=1",
    "cornernet train shapes train.lr=fast",
    "cornernet diagnose best.pt pictures=3",  # own key
    "cornernet diagnose best.pt image=3",
    "cornernet export best.pt precision=int4",
    "cornernet evaluate best.pt test.scale=[1]",
    "cornernet evaluate best.pt test.scales=[1]",  # brackets without quotes
    "cornernet check_data custom [images=true] data.root",  # grammar
    "cornernet compare_losses shapes 'loss.grouping.name=[ae,permutations]'",
    "cornernet simulate_boxes points=200 'loss=[cioux]'",
    "python -m benchmarks.stages repeat=3",
    "OMP_NUM_THREADS=2 torchrun --nproc_per_node 2 -m cornernet train shapes train.step=3",
]


@pytest.mark.parametrize("name", [name for name in console.COMMANDS if name != "version"])  # it has no example
def test_examples_of_a_usage_text_would_be_taken(name):
    _, _, text = console.command(name).usage.partition("\n")
    assert faults(f"```\n{text}\n```") == []


@pytest.mark.parametrize("name", shipped.names())
def test_the_command_at_the_head_of_a_config_would_be_taken(name):
    lines = (ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    head = "\n".join(line.lstrip("# ") for line in lines if line.startswith("#   "))
    assert "tools/" in head and faults(f"```\n{head}\n```") == []


@pytest.mark.parametrize("line", PLANTED)
@pytest.mark.parametrize("around", ["```python\nx = 1\n```\n\n```\n{}\n```", "say `{}` in a text", "```sh\n$ {}\n```"])
def test_planted_faults_are_seen(line, around):
    assert len(faults(around.format(line))) == 1


def test_an_error_that_a_page_shows_is_the_one_that_comes():
    shown = "```\n$ cornernet train shapes train.lrr=1\nerror: {}\n```"
    assert not faults(shown.format("train.lrr=1: unknown key train.lrr; did you mean train.lr?"))
    assert faults(shown.format("unknown key train.lrr; did you mean train.lrs?"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"\b((?:tools|benchmarks|tests|docs|cornernet|configs)/[\w/]+\.(?:py|yaml|md|csv))", text))
    missing = [name for name in named if not (ROOT / name).is_file()]
    missing += [link for link in LINKS.findall(text) if not (page.parent / link).exists()]
    assert not set(missing) - {"tools/NAME.py", "configs/mine.yaml"}


@pytest.fixture
def place(tiny_run, tmp_path, monkeypatch):
    """A folder with the files that the README's Python names."""
    for name in ("street.jpg", "a.jpg"):
        cv2.imwrite(str(tmp_path / name), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    writer = video_writer(tmp_path / "street.mp4", 10, (64, 64))
    for _ in range(2):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    images = tmp_path / "data" / "shapes" / "images" / "val"  # of the tutorial
    images.mkdir(parents=True)
    (images / "000001.png").write_bytes((tmp_path / "a.jpg").read_bytes())
    (tmp_path / "runs" / "shapes").mkdir(parents=True)
    (tmp_path / "runs" / "shapes" / "best.pt").write_bytes((tiny_run / "best.pt").read_bytes())
    monkeypatch.chdir(tmp_path)


def test_the_predictors_python_runs(place, capsys):
    blocks, _ = split_up(README.read_text(encoding="utf-8"))
    (code,) = [block.text for block in blocks if block.language == "python"]
    known = {"array": np.zeros((64, 64, 3), np.uint8), "tensor": torch.zeros(2, 3, 64, 64)}
    exec(compile(code, "README.md", "exec"), known)
    assert capsys.readouterr().out.splitlines()[0].startswith("street.mp4#0 ")


def test_the_tutorials_python_runs(place, capsys):
    blocks, _ = split_up((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    (code,) = [block.text for block in blocks if block.language == "python"]
    exec(compile(code, "tutorial.md", "exec"), {})
    assert "tensor(" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "docs/own_loss.md"])
def test_names_of_the_package_in_a_text_exist(page):
    names = re.findall(r"`cornernet\.([a-zA-Z_][\w.]*)", (ROOT / page).read_text(encoding="utf-8"))
    assert names and [name for name in names if not exists(name)] == []


def exists(name):
    """Whether cornernet has it; `a.b` is b of a."""
    found = cornernet
    for part in name.rstrip(".").split("."):
        found = getattr(found, part, None)
    return found is not None
