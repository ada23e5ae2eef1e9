"""What the README shows is true of the code: its Python runs, its commands name tools, configs and keys that exist."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cornernet import config
from cornernet.config import schema
from cornernet.config.messages import keys
from cornernet.prediction.media import video_writer

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
KEYS = {name for name, _, _ in keys(schema.Config)}
LINKS = re.compile(r"\]\((?!http)([^)#]+)")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def place(tiny_run, tmp_path, monkeypatch):
    """A folder with the files that the README's Python names."""
    for name in ("street.jpg", "a.jpg"):
        cv2.imwrite(str(tmp_path / name), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    writer = video_writer(tmp_path / "street.mp4", 10, (64, 64))
    for _ in range(2):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    (tmp_path / "runs" / "shapes").mkdir(parents=True)
    (tmp_path / "runs" / "shapes" / "best.pt").write_bytes((tiny_run / "best.pt").read_bytes())
    monkeypatch.chdir(tmp_path)


def test_the_predictors_python_runs(place, capsys):
    (code,) = [block for block in blocks("python") if "Predictor" in block]
    known = {"array": np.zeros((64, 64, 3), np.uint8), "tensor": torch.zeros(2, 3, 64, 64)}
    exec(compile(code, "README.md", "exec"), known)
    assert capsys.readouterr().out.splitlines()[0].startswith("street.mp4#0 ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    for name in set(re.findall(r"\b(tools/\w+\.py|configs/\w+\.yaml|docs/\w+\.(?:md|py))", text)):
        assert (ROOT / name).is_file() or name == "configs/mine.yaml", name
    for link in set(LINKS.findall(text)):
        assert (page.parent / link).exists(), link


def test_every_key_that_a_command_sets_exists():
    commands = [line for block in blocks("") for line in block.splitlines() if line.lstrip().startswith("tools/")]
    given = [key for line in commands for key in re.findall(r" ([\w.]+)=", line.partition("#")[0])]
    roots = {name for name in KEYS if "." not in name} | {"seeds", "out", "images", "format", "precision", "processes"}
    free = re.compile(r"loss\.\w+\.args\.\w+")
    unknown = [key for key in given if key not in KEYS | roots and not free.fullmatch(key)]
    assert len(given) > 5 and set(unknown) <= {"train.lrr"}  # the misspelt one, whose message is shown


def test_the_message_for_a_misspelt_key_is_the_one_shown():
    shown = re.search(r"error: (train\.lrr=.*)", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    with pytest.raises(ValueError, match=re.escape(shown)):
        config.load(ROOT / "configs" / "shapes.yaml", ["train.lrr=1e-4"])
