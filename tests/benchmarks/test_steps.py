"""Training steps of configs in turns, with one of something else beside them on the same batch."""

import csv

from benchmarks import steps
from cornernet.cli.commandline import call
from tests.conftest import ROOT

SMALL = ["data.input_size=[64,64]", "train.batch_size=2", "data.max_objects=9", "model.backbone.stem_channels=4"]
SMALL += ["model.backbone.channels=[4,4,4]", "model.head.channels=4", "model.head.pool_channels=4"]


def test_a_peer_takes_its_turns_on_the_batch_of_the_first(tmp_path, capsys):
    peer, seen = tmp_path / "peer.py", tmp_path / "seen"
    peer.write_text(f"""
def step(batch):
    with open({str(seen)!r}, "a") as file:
        file.write(f"{{tuple(batch.images.shape)}} {{int(batch.mask.sum())}} {{int(batch.labels.max()) < 3}}\\n")
""")
    given = [str(ROOT / "configs/shapes.yaml"), str(ROOT / "configs/squeeze_shapes.yaml"), "rounds=2", f"peer={peer}"]
    call(steps.COMMAND, [*given, *SMALL])
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["config"] for row in rows] == [*given[:2], "peer.py"] and float(rows[0]["share"]) == 1
    assert all(float(row["seconds"]) > 0 for row in rows[:2])
    assert seen.read_text().splitlines() == ["(2, 3, 64, 64) 16 True"] * 3  # the first round does not count
