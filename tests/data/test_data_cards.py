import math

import cv2
import numpy as np
import pytest

from cornernet.config import Cards, Data, Split
from cornernet.data import build_source, card_drawing
from cornernet.data.card_drawing import CLASSES, GLYPH, SIDES, SIZE, VISIBLE, draw, outlines

BOXES = [
    [4.0, 284.0, 99.0, 385.0],
    [96.0, 118.0, 237.0, 281.0],
    [473.0, 147.0, 537.0, 225.0],
]  # of the first training image


@pytest.fixture
def seen(monkeypatch):
    """The cards that are drawn, in order."""
    cards, paint = [], card_drawing._paint
    monkeypatch.setattr(card_drawing, "_paint", lambda rng, image, card: (cards.append(card), paint(rng, image, card)))
    return cards


def test_images_are_a_pure_function_of_seed_split_and_index():
    train, val, other = (
        build_source(Data(name="cards", cards=Cards(seed=seed)), split)
        for seed, split in ((0, "train"), (0, "val"), (1, "train"))
    )
    assert (len(train), len(val), train.class_names) == (300, 150, list(CLASSES))
    again = build_source(Data(name="cards", train=Split(limit=4)), "train")
    assert len(again) == 4 and np.array_equal(train.image(3), again.image(3))
    assert np.array_equal(train.boxes(3), again.boxes(3)) and np.array_equal(train.labels(3), again.labels(3))
    assert not any(np.array_equal(train.image(3), x.image(3)) for x in (val, other))
    assert train.record(3)[2:] == (640, 480) and train.image(3).shape == (480, 640, 3)


def test_the_drawing_is_the_one_that_was_measured():
    """Figures hang on it; whoever changes it measures anew."""
    boxes = build_source(Data(name="cards"), "train").boxes(0)
    assert boxes.tolist() == BOXES


def test_cards_show_most_of_themselves_and_all_of_their_glyph(seen):
    labels = []
    for seed in range(40):
        seen.clear()
        drawing = draw(np.random.default_rng(seed))
        assert 1 <= len(seen) == len(drawing.boxes) <= 8
        assert (drawing.areas >= VISIBLE * np.array([card.covers.sum() for card in seen])).all()
        for number, card in enumerate(seen):
            rows, columns = np.nonzero(card.covers)
            x1, y1, x2, y2 = drawing.boxes[number]
            assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (0, x2 - x1, 0, y2 - y1)
            assert 0 <= min(x1, y1) and x2 <= SIZE[1] and y2 <= SIZE[0]
            sides = np.linalg.norm(np.diff(card.corners, axis=0), axis=1)
            assert SIDES[0] <= sides.max() <= SIDES[1]
            for later in seen[number + 1 :]:
                inside = cv2.pointPolygonTest(later.corners.astype(np.float32)[:, None], card.centre.tolist(), True)
                assert -inside >= GLYPH[1] / math.sqrt(2)
        labels += drawing.labels.tolist()
    assert (np.bincount(labels, minlength=len(CLASSES)) > 15).all()


def test_the_class_stands_at_the_centre_alone(seen, monkeypatch):
    """Where every glyph is a disc nothing else of the image changes."""
    plain = draw(np.random.default_rng(3))
    cards = list(seen)
    monkeypatch.setattr(card_drawing, "outlines", lambda name: outlines("disc"))
    changed = (draw(np.random.default_rng(3)).image != plain.image).any(2)
    assert changed.any() and len(set(plain.labels.tolist())) > 1
    rows, columns = np.nonzero(changed)
    nearest = np.min([np.hypot(columns - card.centre[0], rows - card.centre[1]) for card in cards], 0)
    assert nearest.max() <= 0.65 * GLYPH[1]


def test_a_set_without_images_is_a_sentence():
    with pytest.raises(ValueError, match=r"cards need at least one image in train, got 0"):
        build_source(Data(name="cards", cards=Cards(train_images=0)), "train")
