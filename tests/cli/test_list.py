"""What can be named is printed: every kind, with arguments, defaults and where it comes from."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cornernet.cli import catalogue, list_losses
from cornernet.cli import list as command

PACKAGE = Path(__file__).resolve().parents[2] / "cornernet"


@pytest.mark.parametrize("kind", command.KINDS)
def test_every_kind_is_printed_from_its_registries(kind, capsys):
    held = command.KINDS[kind]
    module = importlib.import_module(f"cornernet.{held.folder}")
    names = [name for registry in held.registries for name in getattr(module, registry)]
    command.main(kind, None, None)
    said = capsys.readouterr().out
    head, _, *rows = said.splitlines()
    assert names and [row.split()[0] for row in rows if row.startswith("  ") and row[2] != " "] == names
    assert (PACKAGE / head.split()[5].removeprefix("cornernet/").rstrip(";")).is_dir() and "no docstring" not in said
    assert "plug-in" not in said and all(len(row) <= 120 for row in rows)


def test_the_overview_names_everything(capsys):
    command.main(None, None, None)
    rows = [row.split(maxsplit=1) for row in capsys.readouterr().out.splitlines() if not row.startswith(" ")]
    assert {row[0] for row in rows} == set(command.ALL)
    assert ["metrics", "any_class, ap90, coco, false_discovery"] in rows and ["callbacks", "json_lines"] in rows


def test_losses_are_those_of_list_losses(capsys):
    for words in ((None, None), ("box", None), ("box", "ciou")):
        list_losses.main(*words)
        command.main("losses", *words)
        first, second = capsys.readouterr().out.split(catalogue.terminal(*words) + "\n")[:2]
        assert first == second == ""


def test_one_is_printed_with_all_that_it_says(capsys):
    command.main("metrics", "coco", None)
    said = capsys.readouterr().out
    assert (
        said.startswith("metrics.coco\n\nThe twelve figures of COCO,") and "AP50, more is better: IoU 0.50, all" in said
    )
    assert "\nNot SAFE: " in command.text("formats", "torch") and "Not SAFE" not in command.text("formats")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("metric", None, None), "there is no kind metric, did you mean metrics? there are losses, backbones"),
        (
            ("metrics", "cocoa", None),
            "there is no cocoa among the metrics, did you mean coco? there are any_class, ap90",
        ),
        (("metrics", "coco", "AP"), "got 'AP' behind list metrics coco; only of losses"),
        (("losses", "boxes", None), "there is no role 'boxes' for a loss; there are heatmap"),
    ],
)
def test_what_there_is_not_is_said(words, message):
    with pytest.raises(ValueError) as error:
        command.main(*words)
    assert message in str(error.value)


def test_plugins_are_said_to_be_some(tmp_path):
    (tmp_path / "training" / "callbacks").mkdir(parents=True)
    path = tmp_path / "training" / "callbacks" / "mail.py"
    path.write_text('"""Writes a mail."""\n\n\ndef mail(to="me", every: int | None = None): ...\n')
    (tmp_path / "evaluation" / "measures").mkdir(parents=True)
    (tmp_path / "evaluation" / "measures" / "size.py").write_text(
        '"""Size."""\nHIGHER = False\ndef size(seen): return 1\n'
    )
    code = "from cornernet.cli import list as c; c.main('metrics', None, None); c.main('callbacks', None, None)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "CORNERNET_PLUGINS": str(tmp_path)},
    ).stdout.split()  # fmt: skip
    assert " ".join(said).endswith(f"mail Writes a mail. to me, every null a plug-in: {path.resolve()}")
    assert "size Size. size, less is better: Size. a plug-in: " in " ".join(said)
