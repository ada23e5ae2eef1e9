"""What a folder holds, what plug-ins add to it, and what a dotted path names."""

import importlib
import sys

import pytest
import torch

from cornernet import registry
from cornernet.errors import BadPlugin


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `house` with the folder `parts`, which holds one file, and the folder of the user's plug-ins."""
    for folder in ("house", "house/parts", "mine/parts"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "house/parts/door.py").write_text("door = 1\n")
    (tmp_path / "house/parts/_hinge.py").write_text("raise SystemExit\n")
    (tmp_path / "mine/parts/__init__.py").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "mine" / "parts"
    for name in [name for name in sys.modules if name.split(".")[0] == "house"]:
        del sys.modules[name]


def members(monkeypatch, plugins=""):
    monkeypatch.setenv("CORNERNET_PLUGINS", str(plugins))
    return registry.modules("house.parts", importlib.import_module("house.parts").__path__)


def test_a_registry_holds_the_files_of_its_folder(package, monkeypatch):
    assert list(members(monkeypatch)) == ["door"]


def test_plugins_add_to_it_and_are_modules_of_the_package(package, monkeypatch):
    (package / "window.py").write_text("window = 2\n")
    found = members(monkeypatch, package.parent)
    assert {name: getattr(module, name) for name, module in found.items()} == {"door": 1, "window": 2}
    assert found["window"].__name__ == "house.parts.window"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("door", "door = 3", r"parts/door\.py: there is a house\.parts\.door already, give it another name"),
        ("roof", "1 / 0", r"parts/roof\.py cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_cannot_be_is_named(package, monkeypatch, name, text, message):
    (package / f"{name}.py").write_text(text)
    with pytest.raises(BadPlugin, match=message):
        members(monkeypatch, package.parent)


def test_a_folder_of_plugins_that_is_not_there_is_named(package, monkeypatch):
    with pytest.raises(BadPlugin, match=r"CORNERNET_PLUGINS names \S*nowhere, which is no folder"):
        members(monkeypatch, package / "nowhere")


def test_names_and_dotted_paths():
    held = {"sum": sum, "max": max}
    assert registry.find("sort of loss", "sum", held) is sum
    assert registry.find("sort of loss", "some.where.max.max", held, "some.where") is max
    assert registry.find("sort of loss", "torch.nn.L1Loss", held, typed=True) is torch.nn.L1Loss
    assert registry.find("format", "xml.sax.handler", held, typed=True) is importlib.import_module("xml.sax.handler")
    with pytest.raises(ValueError, match=r"sort of loss 'torch\.nn\.L1Loss' is code from elsewhere, and is only"):
        registry.find("sort of loss", "torch.nn.L1Loss", held)
    with pytest.raises(ValueError, match=r"unknown sort of loss 'summ', did you mean sum\? Choose from sum, max, or"):
        registry.find("sort of loss", "summ", held, typed=True)
    with pytest.raises(ValueError, match=r"module torch\.nn has no L1Los, did you mean L1Loss\?"):
        registry.find("sort of loss", "torch.nn.L1Los", held, typed=True)


def test_the_path_of_a_file_means_what_the_file_is_named_after(package, monkeypatch):
    (package / "window.py").write_text("window = 2\n")
    (package / "frame.py").write_text("other = 3\n")
    members(monkeypatch, package.parent)
    assert registry.own(registry.imported("part", "house.parts.window")) == 2
    assert registry.own(frame := registry.imported("part", "house.parts.frame")) is frame
    assert registry.own(sum) is sum
