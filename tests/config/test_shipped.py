"""Configs by name."""

from pathlib import Path

import pytest

from cornernet import config
from cornernet.config import shipped

ROOT = Path(__file__).resolve().parents[2]


def test_all_configs_of_the_checkout_are_shipped():
    assert shipped.names() == sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("name", shipped.names())
def test_a_name_is_the_file_with_its_bases(name):
    assert config.load(name) == config.load(ROOT / "configs" / f"{name}.yaml")
    assert config.load(name, ["seed=5"]).seed == 5


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bccd").mkdir()  # a folder is no config
    (tmp_path / "shapes").write_text("seed: 4\n")
    assert config.load("shapes").seed == 4 and config.load("bccd") == config.load(ROOT / "configs" / "bccd.yaml")


def test_a_shipped_config_serves_as_a_base(tmp_path):
    (tmp_path / "mine.yaml").write_text("base: bccd\nseed: 4\n")
    assert config.load(tmp_path / "mine.yaml") == config.load("bccd", ["seed=4"])


@pytest.mark.parametrize("given", ["shaps", "configs/shaps.yaml", "shapes.yml", "../shapes", ""])
def test_any_other_name_is_a_sentence_that_lists_them(given):
    listed = ", ".join(shipped.names())
    with pytest.raises(FileNotFoundError, match=rf"^there is no config file .*shipped by name are {listed}$"):
        config.load(given)
    if given:
        assert "did you mean shapes?" in shipped.hint(Path(given))


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch):
    (tmp_path / "inner.yaml").write_text("seed: 9\n")
    monkeypatch.setattr(shipped, "FOLDERS", (tmp_path / "none", tmp_path))
    assert shipped.names() == ["inner"] and config.load("inner").seed == 9
