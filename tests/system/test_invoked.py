"""How a process was started, as a page tells it."""

import pytest

from cornernet.system import invoked


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["/opt/bin/cornernet", "train", "shapes", "train.steps=5"], "cornernet train shapes train.steps=5"),
        (["/lib/cornernet/__main__.py", "evaluate", "runs/a/best.pt"], "cornernet evaluate runs/a/best.pt"),
        (["train.py", "/home/me/data/my set/x.yaml"], "train.py '…/my set/x.yaml'"),
        (["train.py", "data.train.images=/home/me/a/b"], "train.py 'data.train.images=…/a/b'"),
        (["train.py", "/x.yaml", "out=/sets/x"], "train.py /x.yaml out=/sets/x"),
        ([""], ""), (["-c", "x"], ""), ([], ""),
    ],
)  # fmt: skip
def test_command(monkeypatch, given, told):
    monkeypatch.setattr("sys.argv", given)
    assert invoked.command() == told
