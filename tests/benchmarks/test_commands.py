"""The table of whole commands: turns, shares, peers, command lines of others, and all of it once on a small network."""

import os
import sys

import pytest
import torch

from benchmarks import commands, peers, results, works
from benchmarks.peers import Peer, command
from benchmarks.works import Work
from cornernet import config
from cornernet.cli.commandline import call
from cornernet.profiling import random_batch


def test_ways_take_turns_and_shares_are_of_the_first(monkeypatch):
    order, taken = [], iter([9, 9, 2, 1, 4, 8, 10, 5])  # the first round does not count
    monkeypatch.setattr(commands, "seconds", lambda run: run() or commands.Taken(wall := next(taken), 2 * wall))
    work = Work(6, {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, {"a": 1.0})
    found = commands.timed(work, 3)
    assert "".join(order) == "ab" * 4
    assert found["a"] == {
        "seconds": "4", "lower": "3", "upper": "7", "processor_s": "8", "share": "1", "processor_share": "1",
        "images_per_s": "1.5", "least_s": "1",
    }  # fmt: skip
    assert (found["b"]["seconds"], found["b"]["share"]) == ("5", "0.5") and "least_s" not in found["b"]


def test_ways_that_are_not_named_are_left_out(monkeypatch):
    called = []
    ways = {name: lambda name=name: called.append(name) for name in ("a", "b")}
    monkeypatch.setattr(commands, "WORKS", {"work": lambda given: Work(1, dict(ways))})
    given = works.Given("", "", None, 1, ("peer",))
    assert [row["way"] for row in commands.rows(given, ("work",), 1, ("b",))] == ["b"] and called == ["b", "b"]
    assert list(commands.rows(given, ("work",), 1, ("c",))) == []
    assert commands.KEYS["ways"].value("ONNX int8;import torch") == ("ONNX int8", "import torch")
    with pytest.raises(ValueError, match=r"must be some of PyTorch fp32, .*, got ONNX"):
        commands.KEYS["ways"].value("PyTorch fp32;ONNX")


def test_processes_that_were_waited_for_count():
    spin = "import time\nwhile time.process_time() < 0.2: pass"
    assert commands.seconds(command([sys.executable, "-S", "-c", spin])).processor > 0.15


@pytest.mark.parametrize(
    ("words", "message"),
    [(f"{sys.executable} -S -c 'raise SystemExit(3)'", "ended with exit code 3: no word why"),
     ("no-such-program x", "no-such-program cannot be started")],
)  # fmt: skip
def test_a_peer_that_fails_is_named(words, message):
    with pytest.raises(ValueError, match=message):
        command(words)()


def test_a_peer_is_told_how_many_threads_there_are(tmp_path):
    code = f"import os, pathlib; pathlib.Path({str(tmp_path / 'x')!r}).write_text(os.environ['OMP_NUM_THREADS'])"
    command([sys.executable, "-S", "-c", code])()
    assert (tmp_path / "x").read_text() == str(torch.get_num_threads())


def test_more_cores_than_there_are_are_refused():
    with pytest.raises(ValueError, match=f"this machine has {os.cpu_count()}"):
        commands.pin((os.cpu_count() or 1) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", peers.NETWORKS)
def test_a_peer_predicts_and_learns(name):
    settings = config.override(config.Config(), ["data.input_size=[64,64]", "train.batch_size=2", "data.max_objects=3"])
    peer, batch = Peer(name, (64, 64), 3), random_batch(settings, 3, 2)
    with torch.inference_mode():
        found = peer.eval().predict(batch.images)
    assert found.boxes.shape == (2, peers.ROWS, 4) and found.scores.max() <= 1 and found.labels.max() < 3
    total = peer.train()(batch)["total"]
    total.backward()
    assert torch.isfinite(total)


@pytest.mark.slow
def test_all_works_on_a_small_network(tiny_run, tmp_path, monkeypatch, capsys):
    small = {"torchvision SSDLite, MobileNetV3": peers.NETWORKS["torchvision SSDLite, MobileNetV3"]}
    monkeypatch.setattr(peers, "NETWORKS", small)
    file, peer = tmp_path / "c.csv", f"{sys.executable} -c pass"
    monkeypatch.setattr(commands, "pin", lambda count: None)  # it is this process that would stay pinned
    given = [str(tiny_run / "best.pt"), str(file), "rounds=1", "cores=1", "images=2", f"peer={peer}"]
    call(commands.COMMAND, given)
    rows = results.read(file)
    assert {row["work"] for row in rows} == set(works.WORKS) and all(float(row["seconds"]) > 0 for row in rows)
    assert {row["way"] for row in rows if row["work"] == "cold"} >= {"import torch", "PyTorch fp32", peer}
    assert {row["way"] for row in rows if row["work"] == "predict"} >= {*works.OURS, *small}
    ours = [row for row in rows if row["work"] in ("predict", "train") and row["way"] in works.OURS]
    assert len(ours) == 2 * len(works.OURS) and all(float(row["least_s"]) > 0 for row in ours)
    assert "images_per_s" in capsys.readouterr().out
