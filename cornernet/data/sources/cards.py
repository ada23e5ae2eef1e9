"""The synthetic set of cards, whose classes only the inside of a box tells apart, drawn on the fly."""

from cornernet.config import Data
from cornernet.data.card_drawing import CLASSES, SIZE, draw
from cornernet.data.drawn import DrawnSet, length_of


def build(data: Data, split: str) -> DrawnSet:
    """Section data of the config and "train" or "val" -> the drawn set; raises ValueError for one without images."""
    cards = data.cards
    length = length_of(data, split, cards.train_images, cards.val_images)
    if length < 1:
        raise ValueError(f"cards need at least one image in {split}, got {length}")
    return DrawnSet("cards", split, length, cards.seed, SIZE, CLASSES, draw)
