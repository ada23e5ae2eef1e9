"""Drawing stays inside the image, panels have the right shape, curves read what a run writes."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from cornernet.drawing import (
    arrows,
    captioned,
    colour,
    curves,
    draw,
    figure,
    grid,
    heat,
    legible,
    marked,
    outlines,
    plots,
    truth_and_predictions,
)
from cornernet.structures import ImageDetections


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def painted(image: np.ndarray, bgr: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Edges of the area that holds a colour."""
    ys, xs = (image == bgr).all(2).nonzero()
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_box_is_drawn_where_it_lies_and_the_original_stays():
    image = grey(300, 400)
    out = draw(image, [[50, 100, 150, 200]], [0])
    assert out.shape == image.shape and out.dtype == np.uint8 and (image == 128).all()
    x1, y1, x2, y2 = painted(out, colour(0))
    assert (x1, x2, y2) == (50, 150, 200) and 70 < y1 < 100  # the label stands on top of the box
    assert (out[120:190, 60:140] == 128).all()


def test_full_image_box_lies_on_the_outermost_pixels():
    out = draw(grey(200, 300), [[0, 0, 300, 200]], [1])
    edge = np.concatenate([out[-1], out[100:, 0], out[:, -1]])
    assert (edge == colour(1)).all()


@pytest.mark.parametrize("box", [[0, 0, 30, 30], [280, 0, 300, 20], [250, 190, 300, 200], [-50, -50, 900, 900]])
def test_labels_stay_inside_and_readable(box):
    """Whatever the box's place, as much ink and background as in the middle of the image."""
    names = ["a class"]
    middle, moved = (draw(grey(200, 300), [b], [5], [0.5], names) for b in ([100, 100, 120, 120], box))
    ink = ((middle < 40).all(2).sum(), (moved < 40).all(2).sum())
    assert ink[0] > 30 and abs(int(ink[0]) - int(ink[1])) <= 3


def test_line_and_text_grow_with_the_image():
    def line(size: int) -> int:
        out = draw(grey(size, size), [[size // 4, size // 2, size * 3 // 4, size * 3 // 4]], [0])
        return int((out[size * 5 // 8, : size // 2] == colour(0)).all(1).sum())

    assert line(200) < line(1000) < line(4000)


def test_names_in_other_alphabets_are_drawn_not_replaced():
    images = [draw(grey(100, 300), [[5, 50, 90, 90]], [0], None, [name]) for name in ("Жук", "Лес", "été", "???")]
    assert all((a != b).any() for i, a in enumerate(images) for b in images[:i])
    draw(grey(100, 300), [[5, 50, 90, 90]], [0], None, ["猫\n🐱"])


def test_a_long_name_is_cut_but_its_score_is_not():
    long, longer = (draw(grey(60, 120), [[0, 0, 120, 60]], [0], [0.87], ["x" * n]) for n in (200, 300))
    other = draw(grey(60, 120), [[0, 0, 120, 60]], [0], [0.12], ["x" * 200])
    assert (long == longer).all() and (long != other).any()


def test_low_scores_and_broken_boxes_are_left_out():
    boxes, labels, nan = [[5, 5, 50, 50], [60, 60, 90, 90]], [0, 1], float("nan")
    out = draw(grey(100, 100), boxes, labels, [0.2, 0.9], min_score=0.5)
    assert not (out == colour(0)).all(2).any() and (out == colour(1)).all(2).any()
    assert (draw(grey(100, 100), [[nan, 0, 9, 9]], [0]) == 128).all()


def test_the_best_box_is_on_top():
    boxes = [[20, 40, 80, 90], [20, 40, 80, 90]]
    for scores, top in (([0.9, 0.3], 0), ([0.3, 0.9], 1)):
        assert tuple(draw(grey(100, 100), boxes, [0, 1], scores)[60, 20].tolist()) == colour(top)


def test_nothing_to_draw_and_degenerate_images():
    empty = draw(grey(20, 30), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    assert (empty == 128).all()
    assert draw(grey(1, 1), [[0, 0, 1, 1]], [0], [1.0], ["name"]).shape == (1, 1, 3)
    assert draw(grey(3, 2000), [[0, 0, 9, 3]], [0], [1.0]).shape == (3, 2000, 3)
    draw(grey(20, 20), [[9, 9, 9, 9], [15, 15, 3, 3]], [0, 7], None, ["only one name"])


def test_mirrored_and_read_only_images_are_accepted():
    image = grey(40, 40)
    image.flags.writeable = False
    assert draw(image[:, ::-1], [[3, 20, 30, 35]], [0]).flags.c_contiguous


def test_grid_places_images_in_rows():
    panel = grid([grey(10, 20), grey(30, 10) // 2, grey(30, 20) // 4], columns=2, gap=4)
    assert panel.shape == (64, 44, 3)
    assert (panel[10:20, 0:20] == 128).all() and (panel[0:30, 29:39] == 64).all() and (panel[34:, :20] == 32).all()
    assert (panel[:10, :20] == 255).all() and (panel[34:, 20:] == 255).all()
    assert grid([grey(5, 6)], columns=4).shape == (5, 6, 3)
    assert grid([grey(100, 4000)], longest_side=400).shape == (10, 400, 3)
    with pytest.raises(ValueError, match="at least one image"):
        grid([])


def test_truth_stands_beside_predictions():
    found = ImageDetections(
        torch.tensor([[10.0, 40, 60, 90], [1, 1, 9, 9]]), torch.tensor([0.9, 0.1]), torch.tensor([1, 2])
    )
    panel = truth_and_predictions(grey(100, 120), np.array([[20, 40, 70, 90]]), np.array([0]), found, ["a", "b", "c"])
    strip = panel.shape[0] - 300  # with the captions; the image is three times as large
    assert panel.shape[1] == 724 and 14 < strip < 30
    left, right = panel[:, :360], panel[:, 364:]
    assert (left == colour(0)).all(2).any() and not (left == colour(1)).all(2).any()
    assert (right == colour(1)).all(2).any() and not (right == colour(0)).all(2).any()
    assert not (right == colour(2)).all(2).any()  # below min_score
    assert painted(left[strip + 30 :], colour(0))[::2] == (60, 210)


@pytest.mark.parametrize(("size", "shape"), [((1500, 2000), (480, 1284)), ((200, 3200), (164, 1280))])
def test_large_images_are_shrunk_and_wide_ones_stand_above_one_another(size, shape):
    nothing = ImageDetections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long))
    height, width = truth_and_predictions(grey(*size), [], [], nothing).shape[:2]
    assert width == shape[1] and shape[0] < height <= shape[0] + 2 * 24


LOG = "step,lr,images_per_s,heatmap,pull,total\n20,1e-3,9,5.0,,5.5\n40,5e-4,9,2.5,0.1,2.6\n60,1e-4,9,nan,0,1.0\n"
GRADIENTS = "step,heatmap,pull\n30,0.5,\n60,0.25,1e-3\n"
EVAL = "step,AP,AP50,AP_large,AR1\n40,0.2,0.5,-1,0.3\n60,0.3,0.6,-1,0.3\n"


@pytest.mark.parametrize("files", [{"log": LOG, "eval": EVAL}, {"log": LOG, "gradients": GRADIENTS}, {"eval": EVAL}])
def test_curves_are_drawn_from_what_is_there(tmp_path, files):
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    path = curves(tmp_path)
    image = cv2.imread(str(path))
    panels = len(files) + ("log" in files)
    assert path == tmp_path / "curves.png" and image.shape[0] == round(120 * (2.6 * panels + 0.6))
    assert (image < 250).any()


def test_curves_name_the_run_and_say_the_last_values(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(plots, "figure", lambda *size: seen.append(figure(*size)) or seen[0])
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "eval.csv").write_text("step,AP,AP50,FDR,val_total\n60,0.25,0.5,0.7,1.5\n")
    curves(tmp_path, "shapes$: corner", "evaluated once")
    loss, _, ap, fdr = seen[0].axes
    assert seen[0].get_suptitle() == "shapes$: corner" and ap.get_title(loc="right") == "evaluated once"
    assert [axes.get_ylabel() for axes in seen[0].axes] == [
        "loss, terms unweighted",
        "learning rate",
        "AP, from 0 to 1",
        "FDR",
    ]
    texts = [text.get_text() for axes in (loss, ap) for text in axes.get_legend().get_texts()]
    assert texts == ["heatmap 2.5", "total 1, val 1.5", "pull 0", "AP 0.25", "AP50 0.5"]
    alone = ap.get_lines()[0]
    assert alone.get_marker() == "o" and alone.get_markersize() > 5 and fdr.get_ylim()[0] == 0
    assert fdr.get_xlabel() == "step" and fdr.get_xlim()[0] == 0


@pytest.mark.parametrize("text", [None, "", "step,AP\n", "step,AP\n,0.5\n", "step,AP_large\n10,-1\n"])
def test_curves_without_numbers_are_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "eval.csv").write_text(text)
    with pytest.raises(FileNotFoundError, match=r"neither a log\.csv nor an eval\.csv"):
        curves(tmp_path)


def test_heavy_libraries_wait_until_they_are_needed():
    code = (
        "import sys, cornernet.drawing, cornernet.evaluation.evaluate, cornernet.prediction.inference\n"
        "print([m for m in ('matplotlib', 'pycocotools') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.strip() == "[]", done.stderr


def test_heat_is_bright_where_the_values_are():
    image = np.full((8, 8, 3), 100, np.uint8)
    values = np.zeros((2, 2), np.float32)
    values[0, 1] = 1
    drawn = heat(image, values)
    assert (drawn[:4, 4:] == drawn[0, 7]).all() and drawn[0, 7].sum() > 400  # the whole cell, bright
    assert (drawn[4:] == 50).all() and (image == 100).all()  # dimmed elsewhere, the image itself left alone


def test_marks_outlines_and_captions_leave_the_image_alone():
    image = np.zeros((40, 60, 3), np.uint8)
    assert marked(image, np.array([[20.0, 10.0]]))[10, 20].any()
    assert marked(image, np.zeros((0, 2))).sum() == 0
    beyond = outlines(image, np.array([[-5.0, -5, 30, 20]]), [0])
    assert beyond[19, 5].any() and beyond[5, 29].any() and not beyond[0, 5].any()
    titled = captioned(image, "x" * 99)
    assert titled.shape[1] == 60 and titled.shape[0] > 50 and (titled[-40:] == image).all() and not image.any()


def test_images_are_made_legible():
    larger, zoom = legible(np.zeros((50, 100, 3), np.uint8), 640)
    assert larger.shape == (200, 400, 3) and zoom == 4
    same, zoom = legible(larger, 640)
    assert same is larger and zoom == 1
    assert legible(np.zeros((100, 1280, 3), np.uint8), 640)[0].shape == (50, 640, 3)


def test_arrows_end_in_a_head_and_need_no_length():
    image = np.full((60, 90, 3), 200, np.uint8)
    drawn = arrows(image, np.array([[10.0, 30]]), np.array([[70.0, 30]]), [2])
    wide = (drawn == colour(2)).all(2).sum(0)
    assert wide[62:69].max() > wide[20:50].max() >= 1 and not wide[:8].any() and drawn[5, 5].max() == 100
    assert (image == 200).all() and arrows(image, np.ones((1, 2)), np.ones((1, 2)), [0]).shape == image.shape
    assert (arrows(image, np.zeros((0, 2)), np.zeros((0, 2)), []) == 100).all()
