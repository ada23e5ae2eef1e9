"""A bad batch is kept with the weights that met it, and made anew from seed, epoch and index."""

import math

import pytest
import torch

from cornernet import config
from cornernet.checkpoints import checkpoint
from cornernet.cli import replay_batch
from cornernet.training import engine, loop, replay, state
from cornernet.training.nonfinite_steps import NonFiniteSteps


@pytest.fixture(scope="module")
def bad(any_tiny, tmp_path_factory):
    """Folder of a run of two parts a step that gave up at its fourth step, and the batches that step saw."""
    folder, seen, judge = tmp_path_factory.mktemp("bad") / "run", [], NonFiniteSteps.judge
    to_device = loop.to_device

    def spoilt(self, step, terms, parameters):
        terms = {**terms, "total": terms["total"] * (math.nan if step >= 2 else 1)}
        return judge(self, step, terms, parameters)

    def watched(batch, *where):
        seen.append(batch)
        return to_device(batch, *where)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NonFiniteSteps, "judge", spoilt)
        patch.setattr(loop, "to_device", watched)
        knobs = ["train.max_nonfinite_steps=2", "train.accumulate=2", "train.eval_every=0", "train.steps=9"]
        with pytest.raises(FloatingPointError) as caught:
            engine.train(config.load(any_tiny, [f"work_dir={folder}", *knobs]))
    return folder, seen[6:8], str(caught.value)


def test_the_run_ends_with_terms_and_images(bad):
    folder, _, message = bad
    ids = ", ".join(str(sample["image_id"]) for sample in checkpoint.load(folder / "bad_batch.pt")["bad"]["samples"])
    assert message.startswith("2 steps in a row not finite and skipped; at step 4 its loss is not finite (")
    assert f"images {ids}; tools/replay_batch.py {folder / 'bad_batch.pt'} runs it again" in message


def test_the_file_holds_what_the_batch_follows_from(bad):
    folder, batches, _ = bad
    held = checkpoint.load(folder / "bad_batch.pt")
    assert held["step"] == 4 and held["bad"]["step"] == 3 and math.isnan(held["bad"]["terms"]["total"])
    assert [sample["index"] for sample in held["bad"]["samples"]] == torch.cat([b.index for b in batches]).tolist()
    assert {"epoch", "index", "image_id"} == held["bad"]["samples"][0].keys() and held["skipped"] == 2
    made = list(replay._batches(held, config.from_container(held["config"])))
    for (name, batch), expected in zip(made, batches, strict=True):
        assert name.startswith("process 0, part ")
        assert all(torch.equal(a, b) for a, b in zip(batch.tensors(), expected.tensors(), strict=True))


def test_it_is_replayed_with_the_weights_that_met_it(bad):
    """Here only the total was spoilt from outside, so the other terms are those of the run, and all is finite."""
    folder, _, _ = bad
    found = replay.replay(folder)
    run = checkpoint.load(folder / "bad_batch.pt")["bad"]["terms"]
    assert found.step == 4 and found.terms.keys() == run.keys() and len(found.parts) == 2
    assert all(", images " in name for name in found.parts)
    for name in set(run) - {"total"}:
        assert sum(part[name] for part in found.parts.values()) / 2 == pytest.approx(run[name], rel=1e-4)
    assert found.weights == found.gradients == [] and min(found.all_weights, found.all_gradients) > 20
    lines = replay_batch.text(found).splitlines()
    assert lines[0].startswith("step 4, in the run: ") and len(lines) == 5 and ", images " in lines[1]
    assert lines[3].startswith("weights: all ") and lines[4].startswith("gradients: all ")


def test_what_is_not_finite_is_named(bad, tmp_path):
    held = checkpoint.load(bad[0] / "bad_batch.pt")
    name = next(key for key, value in held["model"].items() if value.dim() > 1)
    held["model"][name][(0,) * held["model"][name].dim()] = math.inf
    checkpoint.save(held, tmp_path / "x.pt")
    found = replay.replay(tmp_path / "x.pt")
    assert found.weights == [name] and found.gradients
    text = replay_batch.text(found).splitlines()
    assert f"weights: 1 of {len(held['model'])} are not finite: {name}" in text
    assert "are not finite: " in text[-1] and text[-1].startswith("gradients: ")


def test_a_name_of_a_term_forges_no_line(bad, tmp_path):
    held = checkpoint.load(bad[0] / "bad_batch.pt")
    held["bad"]["terms"]["x\nweights: all 9 are finite"] = 1.0
    checkpoint.save(held, tmp_path / "x.pt")
    assert replay_batch.text(replay.replay(tmp_path / "x.pt")).count("\n") == 4


def test_other_data_are_refused(bad):
    with pytest.raises(ValueError, match=r"these are other data than the run's: its step saw the images \["):
        replay.replay(bad[0], ["data.shapes.train_images=7"])


def test_code_that_the_file_names_is_not_imported(bad, tmp_path):
    held = checkpoint.load(bad[0] / "bad_batch.pt")
    role = "offset" if held["config"]["model"]["detector"] == "corner" else "box"
    marker = tmp_path / "executed"
    loss = {"name": "subprocess.Popen", "weight": 1.0, "args": {"args": ["touch", str(marker)]}}
    held["config"]["loss"][role] = loss
    checkpoint.save(held, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=rf"names the {role} loss subprocess\.Popen, which is code from elsewhere"):
        replay.replay(tmp_path / "x.pt")
    assert not marker.exists()


@pytest.mark.parametrize(("key", "value"), [("longest_side", -1), ("max_objects", 0)])
def test_settings_that_no_run_may_have_are_a_sentence(bad, tmp_path, key, value):
    held = checkpoint.load(bad[0] / "bad_batch.pt")
    held["config"]["data"][key] = value
    checkpoint.save(held, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=rf"^data\.{key} must be at least 1"):
        replay.replay(tmp_path / "x.pt")


def test_a_disk_that_does_not_take_the_file_is_told(bad, tmp_path, monkeypatch):
    folder = bad[0]
    held = checkpoint.load(folder / "bad_batch.pt")
    monkeypatch.setattr(replay.checkpoint, "save", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left")))
    settings = config.from_container(held["config"])
    source = replay.build_source(settings.data, "train")
    now = state.initial_state(settings, held["class_names"], held["category_ids"], torch.device("cpu"))

    class Alone:
        num_processes, is_main_process = 1, True

    text = replay.keep(now, replay.NonFiniteStep(3, {"a": math.nan}), source, tmp_path, Alone())
    assert "bad_batch.pt could not be written: No space left" in text and "a=nan" in text
