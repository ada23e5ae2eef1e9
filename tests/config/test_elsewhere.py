"""Nothing that came inside a file is looked up: losses by dotted path, at any depth, and files of weights."""

import subprocess

import pytest
import torch

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint, load
from cornernet.cli import replay_batch
from cornernet.config import elsewhere
from cornernet.evaluation.checkpoint import evaluate_checkpoint
from cornernet.evaluation.diagnosis.run import diagnose_checkpoint
from cornernet.export import export
from cornernet.losses import build
from cornernet.losses.lookup import find
from cornernet.prediction.predictor import Predictor
from cornernet.training import engine, preflight, replay, state

SMALL = ["data.shapes.val_images=1", "data.shapes.train_images=4", "train.steps=2", "train.save_every=1"]


def touching(marker):
    """A call that leaves a file behind, as the arguments of a loss."""
    return {"args": ["touch", str(marker)]}


def hostile(marker):
    """Every shape in which a component may ask for a call of subprocess.Popen, by name."""
    inner = {"base": "subprocess.Popen", "base_args": touching(marker)}
    nested = {"base": "inner", "base_args": {"base": "focaler", "base_args": inner}}
    return {
        "name": {"name": "subprocess.Popen", "args": touching(marker)},
        "inner": {"name": "inner", "args": inner},
        "focaler": {"name": "focaler", "args": inner},
        "nested": {"name": "inner", "args": nested},
        "by its own path": {"name": "cornernet.losses.box.inner.inner", "args": inner},
        "build": {"name": "cornernet.losses.build", "args": {"role": "box", "name": "subprocess.Popen"}},
    }


@pytest.fixture(scope="module")
def anchor_run(tiny_anchor, tmp_path_factory):
    """Folder of a finished run with anchors, of which a batch was kept as a bad one."""
    folder = tmp_path_factory.mktemp("anchor") / "run"
    settings = config.load(tiny_anchor, [f"work_dir={folder}", "train.eval_every=0", *SMALL])
    engine.train(settings)
    held = checkpoint.load(folder / "last.pt")
    now = state.initial_state(settings, held["class_names"], held["category_ids"], torch.device("cpu"))
    source = replay.build_source(settings.data, "train")

    class Alone:
        num_processes, is_main_process = 1, True

    replay.keep(now, replay.NonFiniteStep(1, {"total": float("nan")}), source, folder, Alone())
    return folder


def with_box_loss(path, box, to):
    """Write a checkpoint with another box loss in its config."""
    held = checkpoint.load(path)
    held["config"]["loss"]["box"] = {"weight": None, "args": {}, **box}
    checkpoint.save(held, to)
    return to


def use(path, out):
    """Everything that takes a checkpoint in order to predict."""
    evaluate_checkpoint(path, out=out / "evaluation")
    diagnose_checkpoint(path, images=0, out=out / "diagnosis")
    export.traceable(str(path), [])
    Predictor.load(path)(torch.zeros(3, 64, 64, dtype=torch.uint8))


@pytest.mark.parametrize("kind", hostile(""))
def test_what_predicts_looks_nothing_up(anchor_run, tmp_path, kind, monkeypatch):
    path = with_box_loss(anchor_run / "last.pt", hostile(tmp_path / "executed")[kind], tmp_path / "x.pt")
    monkeypatch.setattr("cornernet.registry.imported", lambda *a: pytest.fail(f"{a} was looked up"))
    if kind == "nested":  # of all ways to predict; the other kinds of one
        use(path, tmp_path)
    detector, settings, _ = load.load_detector(path)
    assert detector.loss is None and not (tmp_path / "executed").exists()
    assert not config.untyped(settings)


@pytest.mark.parametrize("kind", hostile(""))
def test_a_replay_looks_nothing_up_that_was_not_typed(anchor_run, tmp_path, kind):
    path = with_box_loss(anchor_run / "bad_batch.pt", hostile(tmp_path / "executed")[kind], tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"code from elsewhere; if you trust it, say so: .*loss\.box\.\S*="):
        replay.replay(path)
    assert not (tmp_path / "executed").exists()


def test_a_config_that_came_inside_a_file_builds_no_loss_from_elsewhere(anchor_run, tmp_path):
    for box in hostile(tmp_path / "executed").values():
        held = checkpoint.load(anchor_run / "last.pt")["config"]
        held["loss"]["box"] = {"weight": None, **box}
        with pytest.raises(ValueError, match="only looked up where you typed it"):
            detectors.build(config.override(config.from_container(held), ["train.precision=fp32"]), 3)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.precision=fp32"],
        ["work_dir=loss.box.name=train.precision"],
        ["loss.classification.name=train.precision"],
        ["loss.box.name=train.precisions"],
        ["loss.box.args.name=train.precision"],
        ["test.draw_score=0.1", "data.root=train.precision"],
    ],
)
def test_consent_is_the_very_word(anchor_run, tmp_path, overrides):
    path = with_box_loss(anchor_run / "bad_batch.pt", {"name": "train.precision"}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"code from elsewhere|there is no module train"):
        replay.replay(path, overrides)
    settings = config.override(config.from_container(checkpoint.load(path)["config"]), overrides)
    assert config.untyped(settings) or "loss.classification.name=train.precision" in overrides or (
        settings.loss.box.name == "train.precisions"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ({"name": "torch.nn.L1Loss", "args": {"reduction": "none"}}, ["loss.box.name=torch.nn.L1Loss"]),
        (
            {"name": "focaler", "args": {"base": "torch.nn.PairwiseDistance"}},
            ["loss.box.args.base=torch.nn.PairwiseDistance"],
        ),
        (
            {"name": "focaler", "args": {"base": "torch.nn.PairwiseDistance"}},
            ["loss.box={name: focaler, args: {base: torch.nn.PairwiseDistance}}"],
        ),
    ],
)
def test_the_words_that_a_refusal_gives_are_those_that_let_it_in(anchor_run, tmp_path, box, words):
    path = with_box_loss(anchor_run / "bad_batch.pt", box, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="if you trust it, say so: ") as refused:
        replay.replay(path)
    if "{" not in words[0]:
        assert str(refused.value).endswith(f"say so: {words[0]}")
    assert "gradients: all " in replay_batch.text(replay.replay(path, [*words, "model.anchor.box_space=boxes"]))


def test_words_are_written_so_that_a_shell_takes_them_as_they_are():
    asked = elsewhere.needed(
        {"loss": {"box": {"name": "a.b; touch executed", "args": {"x": ["c.d", 1]}}}}, ["loss.box"]
    )
    text = elsewhere.refusal("x.pt", asked).partition("say so: ")[2]
    said = subprocess.run(["sh", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["loss.box.name=a.b; touch executed", "loss.box.args.x=[c.d, 1]"]


def test_a_run_goes_on_with_a_loss_from_elsewhere_only_where_it_is_typed_again(tiny, tmp_path):
    words = ["loss.offset.name=torch.nn.L1Loss"]
    fixed = [f"work_dir={tmp_path}", "train.eval_every=0", "train.ema=null", "train.resume=auto", *SMALL]
    engine.train(config.load(tiny, [*fixed, *words]))
    more = [*fixed, "train.steps=3"]
    with pytest.raises(ValueError, match=r"say so: loss\.offset\.name=torch\.nn\.L1Loss$"):
        engine.train(config.load(tiny, more))
    engine.train(config.load(tiny, [*more, *words]))
    engine.train(config.load(tmp_path / "config.yaml", ["train.steps=4"]))  # the user's own file counts as typed
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 4


def test_the_lookup_refuses_dotted_paths_unless_they_were_typed():
    with pytest.raises(ValueError, match="is code from elsewhere, and is only looked up where you typed it"):
        find("box", "torch.nn.L1Loss", {})
    assert find("box", "torch.nn.L1Loss", {}, typed=True) is torch.nn.L1Loss
    assert isinstance(build("box", "inner", base="torch.nn.PairwiseDistance").base, torch.nn.PairwiseDistance)
    for name in (
        "torch .nn.L1Loss",
        "torch.nn.L1Loss\n",
        "torch/nn.L1Loss",
        "torch:nn.L1Loss",
        ".L1Loss",
        "os..system",
    ):
        with pytest.raises(ValueError, match="unknown box loss"):
            find("box", name, {}, typed=True)
    with pytest.raises(ValueError, match=r"has no argument 'typed'"):
        build("box", "inner", typed=True)


# -- files of weights -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resnet_run(tiny_anchor, tmp_path_factory):
    """Config, overrides and folder of a run that began with a file of weights, which is gone by now."""
    from torchvision.models import resnet18

    folder = tmp_path_factory.mktemp("resnet")
    torch.save(resnet18(weights=None).state_dict(), folder / "w.pth")
    words = ["model.backbone.name=resnet18", f"model.backbone.weights={folder}/w.pth", "train.ema=null"]
    words += [f"work_dir={folder}/run", "train.eval_every=0", "model.anchor.first_level=3", *SMALL]
    engine.train(config.load(tiny_anchor, words))
    (folder / "w.pth").unlink()
    return tiny_anchor, words, folder / "run"


def test_a_run_that_began_with_a_file_of_weights_needs_it_no_more(resnet_run, tmp_path):
    source, words, folder = resnet_run
    use(folder / "last.pt", tmp_path)
    engine.train(config.load(source, [*words, "train.resume=auto", "train.steps=3"]))
    assert checkpoint.load(folder / "last.pt")["step"] == 3
    with pytest.raises(FileNotFoundError, match=r"model\.backbone\.weights: there is no file"):
        engine.train(config.load(source, [*words, f"work_dir={tmp_path}/new"]))
    with pytest.raises(FileNotFoundError, match=r"model\.backbone\.weights: there is no file"):
        preflight.check(config.load(source, words))


@pytest.mark.parametrize("detector", ["hourglass", "resnet"])
def test_no_file_that_a_checkpoint_names_as_weights_is_opened(anchor_run, resnet_run, tmp_path, monkeypatch, detector):
    held = checkpoint.load((anchor_run if detector == "hourglass" else resnet_run[2]) / "last.pt")
    held["config"]["model"]["backbone"]["weights"] = "/etc/passwd"
    checkpoint.save(held, tmp_path / "x.pt")
    monkeypatch.setattr("cornernet.backbones.pretrained.load", lambda *a: pytest.fail(f"{a} was opened"))
    load.load_detector(tmp_path / "x.pt")


def test_a_loss_of_the_package_by_its_path_is_no_code_from_elsewhere_in_any_place():
    for place, role in (("pair", "classification"), ("classification", "classification"), ("box", "box")):
        name = "bce" if role == "classification" else "giou"
        held = {"loss": {place: {"name": f"cornernet.losses.{role}.{name}.{name}"}}}
        assert elsewhere.needed(held, [f"loss.{place}"]) == []
        held["loss"][place]["name"] = f"cornernet.losses.{role}.{name}.torch"
        assert elsewhere.needed(held, [f"loss.{place}"])
