"""Where a run computes."""

import pytest
import torch
from accelerate.state import AcceleratorState

from cornernet import config
from cornernet.hardware import _join_after_restart, build_accelerator, refuse_strangers, to_device
from cornernet.profiling import random_batch


def test_each_training_of_a_process_has_its_own_precision(tiny):
    for precision, expected in (("fp32", "no"), ("bf16", "bf16"), ("fp32", "no")):
        accelerator = build_accelerator(config.load(tiny, [f"train.precision={precision}"]))
        assert accelerator.mixed_precision == expected and accelerator.device.type == "cpu"
    with pytest.raises(ValueError, match=r"train\.precision=fp16 needs a GPU"):
        build_accelerator(config.load(tiny, ["train.precision=fp16"]))
    AcceleratorState._reset_state(reset_partial_state=True)


def test_a_restarted_attempt_has_keys_of_its_own(monkeypatch):
    """The agent's store still holds the addresses of the attempt before."""
    agent = torch.distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    agent.set("default_pg/0", "the address of a dead process")
    told = {"TORCHELASTIC_RESTART_COUNT": "2", "TORCHELASTIC_USE_AGENT_STORE": "True", "GROUP_WORLD_SIZE": "1",
            "MASTER_ADDR": "localhost", "MASTER_PORT": str(agent.port), "RANK": "0", "WORLD_SIZE": "1"}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    seen = []
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *a, **k: seen.append((*a, k)))
    _join_after_restart("gloo")
    backend, given = seen[0]
    assert backend == "gloo" and (given["rank"], given["world_size"]) == (0, 1)
    assert not given["store"].check(["default_pg/0"]) and agent.check(["default_pg/0"])


@pytest.mark.parametrize("name", ["TORCHELASTIC_RESTART_COUNT", "GROUP_WORLD_SIZE", "TORCHELASTIC_USE_AGENT_STORE"])
def test_a_first_attempt_and_several_machines_are_left_to_torch(monkeypatch, name):
    told = {"TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_USE_AGENT_STORE": "True", "GROUP_WORLD_SIZE": "1"}
    for key, value in {**told, name: "0"}.items():
        monkeypatch.setenv(key, value)
    joined = []
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *how, **more: joined.append(how))
    _join_after_restart("gloo")
    assert not joined


@pytest.mark.parametrize("wanted", [True, False])
def test_images_take_the_layout_of_the_convolutions_but_for_a_cpu(wanted):
    batch = random_batch(config.override(config.Config(), ["data.input_size=[8,12]", "train.batch_size=2"]))
    there = to_device(batch, torch.device("meta"), wanted)  # stands for a device that is no CPU
    assert there.images.is_contiguous(memory_format=torch.channels_last) == wanted
    assert all(x.device.type == "meta" for x in there.tensors())
    here = to_device(batch, torch.device("cpu"), wanted)
    assert here.images.is_contiguous() and torch.equal(here.images, batch.images)


STRANGERS = {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"}  # as srun --ntasks=4 sets them


@pytest.mark.parametrize("changed", [{}, {"SLURM_PROCID": "0"}])
def test_tasks_of_srun_that_would_each_train_alone_are_refused(monkeypatch, changed):
    for name, value in {**STRANGERS, **changed}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match=r"SLURM has 4 tasks here, .* start torchrun with it, srun .*torchrun"):
        build_accelerator(config.Config())


@pytest.mark.parametrize(
    "changed",
    [
        {"RANK": "1"},
        {"SLURM_STEP_NUM_TASKS": "1"},
        {"SLURM_PROCID": None},
        {"SLURM_STEP_NUM_TASKS": "x"},
        {"SLURM_STEP_NUM_TASKS": None, "SLURM_PROCID": "0"},  # the script of sbatch --ntasks=4, which runs once
    ],
)
def test_a_task_of_torchrun_or_a_single_one_is_none_of_them(monkeypatch, changed):
    monkeypatch.delenv("RANK", raising=False)
    for name, value in {**STRANGERS, **changed}.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    assert refuse_strangers() is None  # it raises for STRANGERS as they are
