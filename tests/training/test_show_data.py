"""Images of what a training sees, for every detector."""

import cv2
import numpy as np
import pytest
import torch

from cornernet import config, detectors, drawing
from cornernet.data import build_source
from cornernet.data.loader import train_loader
from cornernet.detectors.corner.show import corner_points
from cornernet.detectors.corner.targets import encode
from cornernet.structures import Batch
from cornernet.training import show_data


def test_a_image_of_every_sample_and_a_sheet(any_tiny, tmp_path):
    shown = show_data.show(any_tiny, count=8, out=tmp_path / "x")
    written = sorted(path.name for path in (tmp_path / "x").iterdir())
    assert (
        shown.folder == tmp_path / "x"
        and shown.objects >= 8
        and not shown.cut
        and len(written) == 9
        and written[-1] == "targets.png"
    )
    settings = config.load(any_tiny)
    source = build_source(settings.data, "train")
    order = next(iter(train_loader(settings.data, source, 8, seed=settings.seed))).index.tolist()
    assert written[0] == f"000_{source.record(order[0]).file_name.split('.')[0]}.png"
    assert all(cv2.imread(str(tmp_path / "x" / name)) is not None for name in written)
    heights = [cv2.imread(str(tmp_path / "x" / name)).shape[0] for name in (written[0], "targets.png")]
    assert heights[1] == 6 * heights[0] + 5 * 4  # the first six, with gaps
    show_data.show(any_tiny, count=2, out=tmp_path / "x")
    assert len(list((tmp_path / "x").iterdir())) == 3  # those of the longer call are gone


def test_a_folder_must_be_named_and_be_one(tiny, tmp_path):
    (tmp_path / "file").touch()
    for where in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"cannot hold what is to be written: .*file is a file"):
            show_data.show(tiny, out=where)


def test_objects_that_are_cut_are_counted(tiny, tmp_path):
    shown = show_data.show(tiny, ["data.max_objects=1"], 10, tmp_path)
    assert shown.objects == 10 and shown.cut > 0 and shown.max_objects == 1


def test_colours_are_those_that_the_network_is_shown(tiny):
    """seen() is the detector's input before its normalisation."""
    settings = config.load(tiny)
    source = build_source(settings.data, "train")
    batch = next(iter(train_loader(settings.data, source, 2, seed=1)))
    shown = np.stack(show_data.seen(batch)).astype(np.float32)
    network = detectors.canvas.training_images(batch, torch.tensor([0.0] * 3), torch.tensor([1.0] * 3))
    expected = (network.clamp(0, 1) * 255).permute(0, 2, 3, 1).numpy()
    assert np.abs(shown - expected).max() <= 0.5001
    assert np.abs(shown - batch.images.permute(0, 2, 3, 1).numpy()).max() > 5  # the jitter is in it


@pytest.mark.parametrize("size", [(64, 64), (63, 32), (61, 96)])
def test_targets_have_the_size_of_the_networks_output(any_tiny, size):
    """What is drawn is what training compares: the maps are as large as those of the network."""
    settings = config.load(any_tiny, [f"data.input_size=[{size[0]},{size[1]}]"])
    detector = detectors.build(settings, 3)
    source = build_source(settings.data, "train")
    batch = next(iter(train_loader(settings.data, source, 2, seed=1)))
    asked = []
    inner = detector.targets
    detector.targets = lambda batch, where, *more: asked.append(where) or inner(batch, where, *more)
    detector.draw_targets(batch, show_data.seen(batch))
    detector(batch)
    drawn, trained = asked
    if isinstance(trained, list):
        assert all(torch.equal(a, b) for a, b in zip(drawn, trained, strict=True))
    else:
        assert tuple(drawn) == tuple(trained)


def test_corners_are_marked_where_the_boxes_have_them():
    boxes, mask = torch.tensor([[[3.0, 5, 30.5, 21], [0, 0, 0, 0]]]), torch.tensor([[True, False]])
    targets = encode(boxes, torch.zeros(1, 2).long(), mask, 1, (32, 64), (8, 16), margin=0)
    tl, br = corner_points(targets, 0, (64, 128))  # drawn at twice the size
    assert tl.tolist() == [[6, 10]] and br.tolist() == [[61, 42]]


def test_a_image_without_objects_is_drawn(any_tiny):
    settings = config.load(any_tiny)
    detector = detectors.build(settings, 3)
    source = build_source(settings.data, "train")
    batch = next(iter(train_loader(settings.data, source, 2, seed=1)))
    batch = batch._replace(mask=torch.zeros_like(batch.mask))
    panels = show_data.draw(detector, batch, source)
    assert len(panels) == 2 and all(panel.dtype == np.uint8 and panel.ndim == 3 for panel in panels)


BOXES = torch.tensor([[[3.0, 5, 30.5, 21], [8, 8, 9, 9]]])  # pixels; cells of 4


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ([], []),
        (["loss.grouping.name=half_sides", "model.head.tag_dim=2"], ["tags"]),
        (["model.pairing.name=centripetal"], ["guiding shifts", "centripetal shifts"]),
        (["model.pairing.name=affinity"], ["sizes"]),
        (["model.detector=points"], None),
    ],
)
def test_what_pairs_corners_is_shown_as_arrows(tiny, typed, titles, monkeypatch):
    """Each arrow begins at its corner, or at the corner's cell, and ends where its box says."""
    drawn = []
    inner = drawing.arrows
    monkeypatch.setattr(drawing, "arrows", lambda image, *given: drawn.append(given) or inner(image, *given))
    detector = detectors.build(config.load(tiny, typed), 3)
    images, none = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, dtype=torch.long)
    batch = Batch(images, BOXES, torch.tensor([[2, 1]]), torch.tensor([[True, False]]), none, none)
    image = np.zeros((128, 128, 3), np.uint8)  # drawn at twice the size
    shown = [title for title, _ in detector.draw_targets(batch, [image])[0]]
    if titles is None:
        assert shown == ["centres", "sizes"]
        starts, ends, labels = drawn[0]
        assert np.allclose(starts, [[33.5, 26]] * 4) and list(labels) == [2] * 4
        assert np.allclose(ends, [[61, 26], [6, 26], [33.5, 42], [33.5, 10]])
        return
    assert shown == ["top-left corners", "bottom-right corners", *titles] and len(drawn) == len(titles)
    for (starts, ends, labels), title in zip(drawn, titles, strict=True):
        near, far = np.array([[6, 10], [61, 42]]), np.array([[61, 42], [6, 10]])
        floors = title == "guiding shifts"
        assert np.allclose(starts, [[0, 8], [56, 40]] if floors else near)
        assert np.allclose(ends, far if title == "sizes" else [[33.5, 26]] * 2, atol=1e-4) and list(labels) == [2, 2]
