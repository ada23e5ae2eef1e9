"""What an exported file says of itself."""

from cornernet.config import Config
from cornernet.export.about import describe
from cornernet.prediction import FixedCanvas


def test_a_description_can_be_written_whatever_classes_are_called():
    text = describe(Config(), ["cat", "half\ud800", "\u202eleft\x1b[31m", "白"], FixedCanvas((64, 64)))
    assert text.startswith("Finds objects of 4 classes: cat, half\\ud800, \\u202eleft\\x1b[31m, 白. A ")
    text.encode()
