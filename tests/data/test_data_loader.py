import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, get_worker_info

from cornernet.config import Data, Split, Validation
from cornernet.data import (
    ShapesSet,
    StepSampler,
    TrainDataset,
    build_sources,
    collate,
    pipeline,
    read,
    train_loader,
    write,
)
from cornernet.data.workers import start_worker
from cornernet.structures import Batch, Sample

TRANSFORMS = {"crop": {"border": 32}, "flip": {"vertical": 0.5}, "colour": {}, "lighting": {}}
DATA = Data(name="shapes", input_size=(95, 127), max_objects=4, workers=0, transforms=TRANSFORMS)


@pytest.fixture(scope="module")
def shapes() -> ShapesSet:
    return ShapesSet("train", 10, size=96)


def batches(source, start: int = 0, steps: int = 6, workers: int = 0, data: Data = DATA, **more) -> list[Batch]:
    options = {"batch_size": 4, "seed": 5, **more}
    return list(train_loader(replace(data, workers=workers), source, start_step=start, steps=steps, **options))


def same(a: list[Batch], b: list[Batch]) -> bool:
    pairs = [zip(p.tensors(), q.tensors(), strict=True) for p, q in zip(a, b, strict=False)]
    return len(a) == len(b) and all(torch.equal(x, y) for pair in pairs for x, y in pair)


def merged(parts: list[Batch]) -> Batch:
    whole = iter([torch.cat(t) for t in zip(*map(Batch.tensors, parts), strict=True)])
    return parts[0].map(lambda _: next(whole))


def test_a_batch_is_what_the_table_says(shapes):
    for batch in batches(shapes, steps=2):
        assert batch.images.is_contiguous()
        table = {
            "images": ((4, 3, 95, 127), torch.uint8), "boxes": ((4, 4, 4), torch.float32),
            "labels": ((4, 4), torch.int64), "mask": ((4, 4), torch.bool), "index": ((4,), torch.int64),
            "dropped": ((4,), torch.int64), "order": ((4, 3), torch.int64),
            "alpha": ((4, 3), torch.float32), "light": ((4, 3), torch.float32),
        }  # fmt: skip
        held = {k: v for k, v in batch._asdict().items() if k != "changes"}
        for change in batch.changes:
            held |= change.numbers
        assert {k: (tuple(v.shape), v.dtype) for k, v in held.items()} == table
        boxes = batch.boxes[batch.mask]
        assert (boxes[:, :2] >= 0).all() and (boxes[:, :2] < boxes[:, 2:]).all()
        assert (boxes[:, 2:] <= torch.tensor([127.0, 95.0])).all() and not batch.boxes[~batch.mask].any()


def test_two_workers_give_the_batches_of_none(shapes):
    assert same(batches(shapes, workers=0), batches(shapes, workers=2))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_it_had_left(shapes, workers):
    whole = batches(shapes)
    assert same(whole[4:], batches(shapes, start=4, workers=workers))  # step 4 starts within an epoch


def test_processes_and_parts_share_the_batch_of_one(shapes):
    whole = batches(shapes, steps=3)
    for world, accumulate in [(2, 1), (1, 2), (2, 2), (1, 4), (4, 1)]:
        ranks = [batches(shapes, steps=3, accumulate=accumulate, rank=r, world=world) for r in range(world)]
        for step in range(3):
            parts = [p for rank in ranks for p in rank[step * accumulate : (step + 1) * accumulate]]
            assert same([merged(parts)], [whole[step]])


def test_other_seeds_and_epochs_differ(shapes):
    whole = batches(shapes, steps=10)
    assert not same(whole, batches(shapes, steps=10, seed=6))
    firsts = [b.images[k] for b in whole for k in range(4) if b.index[k] == 0]
    assert len(firsts) == 4 and not any(torch.equal(firsts[0], other) for other in firsts[1:])


def test_every_epoch_shows_every_image_once(shapes):
    index = torch.cat([b.index for b in batches(shapes, steps=5)])
    assert sorted(index[:10].tolist()) == sorted(index[10:].tolist()) == list(range(10))
    assert index[:10].tolist() != index[10:].tolist()


@settings(max_examples=30)
@given(
    length=st.integers(1, 50), share=st.integers(1, 6), world=st.integers(1, 3), accumulate=st.integers(1, 3),
    start=st.integers(0, 40), count=st.integers(0, 5),
)  # fmt: skip
def test_steps_are_a_pure_function_of_their_number(length, share, world, accumulate, start, count):
    size = share * world * accumulate
    line = [item for part in StepSampler(length, size, 1, 3, 0, start + count) for item in part]
    for epoch in {item.epoch for item in line}:
        seen = [item.index for item in line if item.epoch == epoch]
        assert len(set(seen)) == len(seen) <= length
    later = []
    samplers = [StepSampler(length, size, accumulate, 3, start, start + count, r, world) for r in range(world)]
    for step in range(start, start + count):
        later += [item for s in samplers for part in s.step(step) for item in part]
    assert later == line[start * size :]
    assert all(len(list(s)) == len(s) == count * accumulate for s in samplers)


def test_a_batch_that_does_not_divide_names_the_nearest():
    with pytest.raises(ValueError, match=r"49 does not divide into 4 equal parts .* nearest that do: 48 or 52"):
        StepSampler(100, 49, accumulate=2, world=2)
    with pytest.raises(ValueError, match="at least 1"):
        StepSampler(100, 0)


def sample(count: int) -> Sample:
    boxes = np.arange(count * 4, dtype=np.float32).reshape(-1, 4)
    return Sample(np.zeros((2, 3, 3), np.uint8), boxes, np.arange(count), 7)


def test_objects_beyond_the_slots_are_cut_and_counted():
    batch = collate([sample(5), sample(0), sample(3)], 3)
    assert batch.dropped.tolist() == [2, 0, 0] and batch.mask.sum(1).tolist() == [3, 0, 3]
    assert batch.labels[0].tolist() == [0, 1, 2] and torch.equal(batch.boxes[0], torch.arange(12.0).view(3, 4))


def test_images_of_unequal_size_are_no_batch():
    one, other = sample(1), sample(1)
    with pytest.raises(ValueError, match="same shape"):
        collate([one, other._replace(image=np.ascontiguousarray(other.image[1:]))], 3)


def broken_set(folder: Path):
    """Shapes on disk of which the image at position 1 is cut short."""
    write(folder, ShapesSet("train", 4, size=64))
    path = folder / "images/train/000002.png"
    path.write_bytes(cv2.imencode(".jpg", cv2.imread(str(path)))[1].tobytes()[:-200])
    return read(folder / "annotations/train.json", folder / "images/train")


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_stops_with_its_name(tmp_path: Path, workers: int):
    with pytest.raises(
        ValueError,
        match=r"^\S*000002\.png is cut short: the JPEG has no end marker \(data.on_error=skip goes on without it\)$",
    ):
        batches(broken_set(tmp_path), steps=1, workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_image_is_blank_when_skipped(tmp_path: Path, workers: int):
    data = replace(DATA, on_error="skip", workers=workers)
    loader = train_loader(data, broken_set(tmp_path), 4, steps=3)
    for batch in loader:
        blank = batch.index == 1
        assert not batch.images[blank].any() and not batch.mask[blank].any()
        assert batch.images[~blank].flatten(1).any(1).all()
    assert loader.dataset.skipped() == 1  # three draws of one image
    assert loader.dataset.blank.nonzero().flatten().tolist() == [1]


def test_without_shared_memory_the_main_process_makes_the_batches(shapes, monkeypatch, caplog):
    """As where /dev/shm is full: torch would lose such a batch on its way, and the run wait for it for ever."""
    wanted = batches(shapes)

    def fails(self, _shared=torch.Tensor.share_memory_):
        if get_worker_info() is None:
            return _shared(self)
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", fails)
    assert same(batches(shapes, workers=2), wanted)
    assert sum("cannot hand over its batch" in text for text in caplog.messages) == 1


class Dying(ShapesSet):
    """A source whose second image takes its worker down."""

    def image(self, i: int) -> np.ndarray:
        if i == 1:
            os._exit(1)
        return super().image(i)


def test_a_dead_worker_is_an_error_not_a_hang():
    with pytest.raises(RuntimeError, match="worker"):
        batches(Dying("train", 4, size=64), steps=2, workers=1)


def test_workers_started_by_spawn_give_the_same(shapes):
    dataset = TrainDataset(shapes, pipeline.build(DATA), 1)
    items = [(0, 3), (2, 1)]
    loader = DataLoader(
        dataset, batch_sampler=[items], num_workers=1, collate_fn=_four, worker_init_fn=start_worker,
        multiprocessing_context="spawn",
    )  # fmt: skip
    (batch,) = loader
    assert same([batch], [collate([dataset[i] for i in items], 4)])


def _four(samples: list[Sample]) -> Batch:
    return collate(samples, 4)


def coco_config(folder: Path, **more) -> Data:
    kinds = {"train": Split, "val": Validation}
    train, val = (kind(f"images/{s}", f"annotations/{s}.json") for s, kind in kinds.items())
    return Data(root=str(folder), train=train, val=val, **more)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write(folder, ShapesSet("train", 6, size=64))
    write(folder, ShapesSet("val", 2, size=64))
    return folder


def test_files_and_drawings_give_the_same_batches(on_disk: Path):
    train, val = build_sources(coco_config(on_disk))
    assert (len(train), len(val)) == (6, 2)
    assert same(batches(train), batches(ShapesSet("train", 6, size=64)))


def test_sources_refuse_what_cannot_be_trained(on_disk: Path, tmp_path: Path):
    data = coco_config(on_disk)
    empty = tmp_path / "empty.json"
    empty.write_text((on_disk / "annotations/train.json").read_text().split('"annotations"')[0] + '"annotations": [], '
                     + '"categories": [{"id": 1, "name": "a"}]}')  # fmt: skip
    with pytest.raises(ValueError, match=r"empty\.json has 6 images, but no box to train on"):
        build_sources(replace(data, train=Split("images/train", str(empty))))
    with pytest.raises(ValueError, match=r"data\.val\.annotations is not set"):
        build_sources(replace(data, val=Validation()))
    with pytest.raises(FileNotFoundError) as caught:
        build_sources(replace(data, root=str(tmp_path / "nowhere")))
    assert str(caught.value).count("nowhere") == 4 and "\n" not in str(caught.value)


def test_official_paths_say_how_to_get_coco(tmp_path: Path):
    data = Data(root=str(tmp_path), train=Split("train2017", "annotations/instances_train2017.json"),
                val=Validation("val2017", "annotations/instances_val2017.json"))  # fmt: skip
    with pytest.raises(FileNotFoundError, match=r"instances_train2017\.json.*instances_val2017\.json.*val2017\.zip"):
        build_sources(data)
