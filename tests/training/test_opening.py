"""The way into a run's folder: whose it is, and what of the user's stays as it was."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.system import locking
from cornernet.system.locking import InUse, Lock
from cornernet.training import engine, opening, run_folder

ROOT = Path(__file__).resolve().parents[2]
FAST = ["train.eval_every=0", "train.save_every=0", "train.ema=null", "train.steps=1"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, caplog):
    """An empty folder to be in, no images, every message."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cornernet.training.logger.predictions", lambda *a: None)
    caplog.set_level("INFO", logger="cornernet")


def command(path, *overrides):
    """What tools/train.py does, in this process."""
    settings = config.load(path, [*FAST, *overrides])
    return engine.train(opening.at_home(settings, path, overrides), Path(path).stem)


def where(path, *overrides):
    """Folder that it would go on in."""
    settings = opening.at_home(config.load(path, overrides), path, overrides)
    with opening.claimed(settings, Path(path).stem) as (folder, wanted):
        assert wanted == "auto"
        return folder


def step(folder):
    return checkpoint.load(Path(folder) / "last.pt")["step"]


# -- one run a folder -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [[], ["train.resume=auto"]])
def test_a_second_run_is_refused_and_leaves_no_trace(tiny, monkeypatch, resume):
    monkeypatch.setattr(locking, "PATIENCE", 0)
    Path("run").mkdir()
    with Lock("run"), pytest.raises(InUse, match=r"^work_dir run is in use by .*, process \d+; "):
        command(tiny, "work_dir=run", *resume)
    assert os.listdir("run") == []


def test_many_starts_at_once_have_a_folder_each(tiny):
    """Of one name, or the same one is refused."""
    settings, entered, done = config.load(tiny), [], threading.Event()

    def start():
        with opening.claimed(settings, "tiny") as (folder, _):
            entered.append(str(folder))
            done.wait(20)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while len(entered) < 8 and time.monotonic() < until:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert sorted(entered) == sorted(["runs/tiny", *(f"runs/tiny-{number}" for number in range(2, 9))])


@pytest.mark.slow
def test_killed_it_goes_on_at_once(tiny):
    """While its loader processes may still be there."""
    line = [sys.executable, ROOT / "tools" / "train.py", tiny, "work_dir=run", "train.resume=auto", *FAST,
            "data.workers=1", "train.save_every=1", "train.steps=100000"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, stderr=subprocess.PIPE, start_new_session=True, env=environment)
    try:
        until = time.monotonic() + 60
        while not Path("run/last.pt").exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        with pytest.raises(InUse, match=f"process {process.pid};"):
            Lock("run", 0)
        os.kill(process.pid, signal.SIGKILL)  # it alone
        done = command(tiny, "work_dir=run", "train.resume=auto", "train.steps=1", "data.workers=0")
        assert done is not None and step("run") >= 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_what_was_made_goes_again_if_the_run_cannot_start(tiny):
    Path("run").mkdir()
    for overrides in ([], ["work_dir=new"], ["work_dir=run"]):
        with pytest.raises(FileNotFoundError, match="no file"):
            command(tiny, *overrides, "data.name=coco", "data.train.annotations=a.json", "data.val.annotations=b.json")
    assert os.listdir("run") == [] and not Path("new").exists() and os.listdir("runs") == []


def test_a_run_that_fails_later_keeps_its_folder_and_its_launch(tiny, monkeypatch):
    """So that the next attempt of the launch finds it."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    with pytest.raises(FloatingPointError):
        command(tiny, "train.optimizer=sgd", "train.lr=1000", "train.steps=9", "train.max_nonfinite_steps=1")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert str(run_folder.again("", "tiny")) == "runs/tiny" and not Path("runs/tiny", locking.FILE).exists()


def test_a_restarted_launch_waits_for_the_rank_that_it_replaces(tiny, monkeypatch):
    monkeypatch.setattr(locking, "PATIENCE", 0)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job-7")
    with opening.claimed(config.load(tiny), "a") as (folder, _):
        (folder / "log.csv").touch()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    dying = Lock("runs/a")
    threading.Timer(0.5, dying.release).start()
    with opening.claimed(config.load(tiny), "a") as (folder, wanted):
        assert str(folder) == "runs/a" and wanted == ""


def test_what_another_machine_left_half_written_is_cleared_up(tiny):
    Path("run").mkdir()
    Path("run/.last.another_host-7-0.part.pt").touch()
    with opening.claimed(config.load(tiny, ["work_dir=run"]), "a"):
        assert os.listdir("run") == [locking.FILE]


# -- what is the user's -----------------------------------------------------------------------------------------


@pytest.fixture
def mine(tiny):
    """A config of a user in the folder that is to hold the run."""
    Path("exp").mkdir()
    path = Path("exp/config.yaml")
    path.write_text(f"base: {tiny}\n# a slow one\ntrain: {{lr: 1.0e-4}}\n")
    return path


def test_a_config_in_the_folder_of_the_run_stays(mine, tiny, caplog):
    text = mine.read_text()
    command(mine, "work_dir=exp")
    assert mine.read_text() == text and config.load("exp/resolved.yaml").train.lr == 1e-4
    assert "exp/config.yaml is not the run's own and stays; the run's settings are in exp/resolved.yaml" in caplog.text
    command(mine, "train.resume=auto", "train.steps=2")
    command(tiny, "work_dir=exp", "train.resume=auto", "train.steps=3")
    assert mine.read_text() == text and step("exp") == 3 and not Path("runs").exists()
    assert sorted(path.name for path in Path("exp").glob("*.yaml")) == ["config.yaml", "resolved.yaml"]
    assert config.load("exp/resolved.yaml").train.steps == 3 and opening.recorded(Path("exp")).name == "resolved.yaml"


@pytest.mark.parametrize("make", ["link", "dangling", "folder", "changed"])
def test_so_does_whatever_else_stands_in_its_place(tiny, make):
    Path("exp").mkdir()
    place = Path("exp/config.yaml")
    if make == "folder":
        place.mkdir()
    elif make == "changed":
        opening.record(config.load(tiny), place.parent)
        place.write_text(place.read_text().replace("seed: 317", "seed: 9"))
    else:
        place.symlink_to("elsewhere.yaml")
        if make == "link":
            Path("exp/elsewhere.yaml").write_text("seed: 9\n")
    before = [place.is_symlink(), place.is_dir(), place.read_text() if place.is_file() else ""]
    for name in ("resolved.yaml", "resolved-2.yaml"):
        opening.record(config.load(tiny), place.parent)
        opening.record(config.load(tiny), place.parent)
        assert [place.is_symlink(), place.is_dir(), place.read_text() if place.is_file() else ""] == before
        assert Path("exp", name).exists() and not Path("exp/resolved-3.yaml").exists()
        Path("exp/resolved.yaml").write_text("seed: 1\n")


def test_its_own_config_is_written_anew(tiny):
    Path("run").mkdir()
    for steps in (1, 2):
        opening.record(config.load(tiny, [f"train.steps={steps}"]), Path("run"))
    assert config.load("run/config.yaml").train.steps == 2 and os.listdir("run") == ["config.yaml"]
    assert opening.recorded(Path("run")) == Path("run/config.yaml")


@pytest.mark.parametrize(
    ("key", "name", "more"),
    [
        ("train.init", "best.pt", ()),
        ("train.init", "last.pt", ("train.resume=auto",)),
        ("train.init", "bad_batch.pt", ()),
        ("train.resume", "last.damaged.pt", ()),
        ("model.backbone.weights", "best.pt", ("train.resume=auto",)),
        ("data.train.annotations", "predictions.json", ("data.name=coco", "data.val.annotations=x.json")),
        ("data.val.annotations", "report/truth.json", ("data.name=coco", "data.train.annotations=x.json")),
        ("data.val.annotations", "metrics.json", ("data.name=coco", "data.root=exp", "data.train.annotations=x.json")),
    ],
)
def test_a_file_that_the_run_is_given_is_not_written_over(tiny, key, name, more):
    path = Path("exp", name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    given = name if "data.root=exp" in more else path
    settings = config.load(tiny, [f"{key}={given}", "work_dir=exp", *more])
    with pytest.raises(ValueError, match=r"already holds a run|is exp/.* write over; name another work_dir"):
        opening.claimed(settings, "a").__enter__()
    assert path.read_bytes() == b"mine" and [x for x in Path("exp").rglob("*") if x.is_file()] == [path]


def test_nor_is_it_by_another_of_its_names(tiny):
    Path("exp").mkdir()
    Path("exp/predictions.json").write_text("mine")
    os.link("exp/predictions.json", "truth.json")
    coco = ["data.name=coco", "data.train.annotations=truth.json", "data.val.annotations=truth.json"]
    with pytest.raises(ValueError, match=r"data\.train\.annotations is truth\.json, which a run in work_dir exp would"):
        command(tiny, *coco, "work_dir=exp")


@pytest.mark.parametrize("begun", [False, True])
def test_a_image_that_is_named_like_a_drawing(tiny, begun):
    """A run that shares its folder with images is not kept from its own drawings later."""
    Path("exp").mkdir()
    Path("exp/curves.png").touch()
    if begun:
        Path("exp/log.csv").touch()
    settings = config.load(tiny, ["data.name=coco", "data.train.images=exp", "work_dir=exp", "train.resume=auto",
                                  "data.train.annotations=x.json", "data.val.annotations=x.json"])  # fmt: skip
    if begun:
        with opening.claimed(settings, "a") as (folder, _):
            assert str(folder) == "exp"
    else:
        with pytest.raises(ValueError, match=r"an image of data\.train\.images is exp/curves\.png"):
            opening.claimed(settings, "a").__enter__()


def test_a_best_one_alone_is_not_started_over(tiny):
    Path("exp").mkdir()
    Path("exp/best.pt").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"holds best\.pt and no last\.pt to go on from.*train\.init=exp/best\.pt"):
        command(tiny, "work_dir=exp", "train.resume=auto")
    assert os.listdir("exp") == ["best.pt"]


# -- a run's own config -----------------------------------------------------------------------------------------


@pytest.fixture(params=["runs/tiny", "named"])
def run(request, tiny, tiny_run):
    """A folder with what a run leaves, whose config names no folder, or names it."""
    folder = Path(request.param)
    folder.mkdir(parents=True)
    shutil.copy(tiny_run / "last.pt", folder)
    opening.record(config.load(tiny, [f"work_dir={folder}"] if request.param == "named" else []), folder)
    return folder


def test_the_config_of_a_run_resumes_it_where_it_lies(run, monkeypatch):
    assert where(run / "config.yaml", "train.resume=auto") == run
    shutil.copytree(run, "copy")
    assert where("copy/config.yaml", "train.resume=auto") == Path("copy")
    run.rename("moved")
    assert where("moved/config.yaml", "train.resume=auto") == Path("moved")
    monkeypatch.chdir("copy")
    assert where("config.yaml", "train.resume=auto") == Path(".")
    Path("last.pt").rename("last.prev.pt")
    assert where(Path("config.yaml").resolve(), "train.resume=auto") == Path.cwd()


def test_a_copy_goes_on_by_itself(run):
    shutil.copytree(run, "copy")
    before = (run / "last.pt").read_bytes()
    command("copy/config.yaml", "train.resume=auto", "train.ema=0.9", "train.steps=5")
    assert (
        step("copy") == 5
        and (run / "last.pt").read_bytes() == before
        and sorted(os.listdir(run)) == ["config.yaml", "last.pt"]
    )


def test_a_folder_that_is_typed_counts(run):
    assert where(run / "config.yaml", "train.resume=auto", "work_dir=typed") == Path("typed")


def test_a_config_elsewhere_is_one_like_any_other(run, tiny):
    """Beside weights from somewhere too, and without train.resume=auto."""
    Path("exp").mkdir()
    for path in (Path("exp/config.yaml"), run / "other.yaml"):
        shutil.copy(run / "config.yaml", path)
        own = config.load(path, ["train.resume=auto"])
        assert opening.at_home(own, path, []) is own
    Path("exp/config.yaml").write_text(f"base: {tiny}\nwork_dir: chosen\n")
    shutil.copy(run / "last.pt", "exp/last.pt")
    own = config.load("exp/config.yaml", ["train.resume=auto"])
    assert opening.at_home(own, "exp/config.yaml", []).work_dir == "chosen"
    own = config.load(run / "config.yaml")
    assert opening.at_home(own, run / "config.yaml", []) is own
