"""What is exported, and where it is written."""

from pathlib import Path

import pytest

from cornernet.export.plan import plan


@pytest.mark.parametrize(("name", "how"), [("best.pt2", {}), ("best.pt", {"out": Path("x/../best.pt2")})])
def test_a_checkpoint_is_never_overwritten_by_its_export(tmp_path, monkeypatch, name, how):
    monkeypatch.chdir(tmp_path)
    if how:
        Path("x").mkdir()
        Path("best.pt").symlink_to("best.pt2")
    with pytest.raises(ValueError, match=rf"^{name} would be overwritten by its own export: give another name"):
        plan(name, format="torch", **how)


def test_nor_are_its_weights_by_a_file_beside(tmp_path):
    pytest.importorskip("openvino", reason="needs the extra openvino")
    with pytest.raises(ValueError, match=r"best\.bin would be overwritten by its own export"):
        plan(tmp_path / "best.bin", format="openvino")
