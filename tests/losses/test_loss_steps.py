"""What losses learn by themselves moves once an optimiser step, however often a step calls them."""

import pytest
import torch

from cornernet import config
from cornernet.losses import ROLES, build
from cornernet.training import engine
from cornernet.training.nonfinite_steps import Buffers

STEPS = 4
FEATURES = ("center", "center_invariant", "l_softmax", "sphereface")
KEPT = {"center": ["centers.c"], "center_invariant": ["centers.c"], "wiou": ["mean"]}  # as in checkpoints from before
KEPT |= {name: ["weight", "margin.calls"] for name in ("l_softmax", "sphereface")}
members = pytest.mark.parametrize("name", (*FEATURES, "wiou"))


class Course:
    """A loss in a training: `step` calls it for every part and stack, as the loop does between two progresses."""

    def __init__(self, name):
        torch.manual_seed(0)
        self.progress = torch.zeros(())
        given = {"num_classes": 3, "dim": 2, "progress": self.progress}
        self.box = name == "wiou"
        args = {"version": 3, "momentum": 0.25} if self.box else {}
        self.loss = build("box" if self.box else "feature", name, given=given, **args)

    def step(self, number, parts=1, stacks=1):
        """Go one step of `STEPS` further -> the sum of what every part and stack gave."""
        self.progress.fill_(number / STEPS)
        draw = torch.Generator().manual_seed(number)
        labels, x = torch.randint(-1, 3, (8,), generator=draw), torch.rand(8, 4, generator=draw).cumsum(1)
        given = (x, x.roll(1, 0)) if self.box else (x[:, :2], labels)
        calls = [self.loss(*(g[part::parts] for g in given)) for part in range(parts) for _ in range(stacks)]
        return sum(c.detach().sum() for c in calls)

    def state(self):
        """What a checkpoint holds of it."""
        return {key: value.clone() for key, value in self.loss.state_dict().items()}


def after(name, parts=1, stacks=1):
    course, states = Course(name), []
    for number in range(STEPS):
        course.step(number, parts, stacks)
        states.append(course.state())
    return states


def test_these_are_all_that_move_by_themselves():
    """A loss with a buffer has to be here, so that nobody adds one that counts calls."""
    given = {"num_classes": 3, "dim": 2, "image_size": (9, 9), "progress": torch.zeros(())}
    moving = []
    for role, losses in ROLES.items():
        for name in losses:
            loss = build(role, name, given=given, **({"version": 3} if name == "wiou" else {}))
            if isinstance(loss, torch.nn.Module) and any(True for _ in loss.buffers()):
                moving.append(name)
    assert sorted(moving) == sorted(KEPT)


@members
def test_accumulation_and_stacks_leave_the_schedule_as_it_is(name):
    alone = after(name)
    assert list(alone[0]) == KEPT[name]
    torch.testing.assert_close(after(name, parts=2), alone)
    assert not all(torch.equal(alone[0][key], alone[-1][key]) for key in alone[0])
    if not name.startswith("center"):
        torch.testing.assert_close(after(name, parts=2, stacks=2), alone)


@pytest.mark.parametrize("name", FEATURES)
def test_all_calls_of_a_step_are_of_the_state_before_it(name):
    course = Course(name)
    course.step(0)
    once = course.step(1)
    again = Course(name)
    again.step(0)
    torch.testing.assert_close(again.step(1, stacks=3), 3 * once)


@pytest.mark.parametrize("name", ["center", "center_invariant"])
def test_the_rows_of_all_stacks_move_the_centres_once(name):
    """By the formula with every row twice."""
    x, labels = torch.tensor([[2.0, 0.0], [4.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 0, 2])
    apart, together = Course(name).loss, Course(name).loss
    for _ in range(2):
        apart(x, labels)
    together(x.repeat(2, 1), labels.repeat(2))
    torch.testing.assert_close(apart.state_dict(), together.state_dict())
    assert apart.centers.c.any()


@members
def test_a_resumed_run_goes_on_in_the_same_place(name):
    straight = after(name, parts=2)
    for number in range(1, STEPS):
        resumed = Course(name)
        resumed.loss.load_state_dict(straight[number - 1])
        resumed.step(number, parts=2)
        torch.testing.assert_close(resumed.state(), straight[number])


@members
def test_a_step_that_is_left_out_leaves_no_trace(name):
    course, straight = Course(name), after(name)
    for number in range(STEPS):
        kept = Buffers(course.loss)
        course.step(number, parts=2)
        kept.restore(torch.ones(()))
        course.step(number)
        torch.testing.assert_close(course.state(), straight[number])


@members
def test_without_a_progress_every_call_is_a_step(name):
    course = Course(name)
    args = {"version": 3, "momentum": 0.25} if course.box else {"num_classes": 3, "dim": 2}
    torch.manual_seed(0)
    course.loss = build("box" if course.box else "feature", name, **args)
    for _ in range(STEPS):
        course.step(0)
    told = Course(name)
    for number in range(STEPS):
        told.progress.fill_(number)
        draw = torch.Generator().manual_seed(0)
        labels, x = torch.randint(-1, 3, (8,), generator=draw), torch.rand(8, 4, generator=draw).cumsum(1)
        told.loss(*((x, x.roll(1, 0)) if told.box else (x[:, :2], labels)))
    torch.testing.assert_close(course.state(), told.state())


def test_a_training_counts_its_steps(tiny, tmp_path):
    words = ["loss.feature.name=sphereface", "train.steps=2", "train.batch_size=4", "train.accumulate=2"]
    small = ["data.shapes.train_images=4", "data.shapes.val_images=1", f"work_dir={tmp_path / 'run'}"]
    engine.train(config.load(tiny, [*words, *small, "model.backbone.stacks=2"]))
    held = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["model"]
    (calls,) = (value for key, value in held.items() if key.endswith("calls"))
    assert calls == 2
