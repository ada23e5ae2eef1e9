"""Checkpoint files: read with their contents looked at first, written so that a crash leaves the old one whole.

Also the way from a file to a detector (load), from any file of weights into one that is to be trained (start), and
from published files to ours. Called by prediction, training, export.
"""

from cornernet.checkpoints.load import check_numbers, from_file, load_detector, load_weights, without_weights
from cornernet.checkpoints.published import Imported, convert_file
from cornernet.checkpoints.start import take
from cornernet.checkpoints.taken import Taken, sentences

__all__ = [
    "Imported",
    "Taken",
    "check_numbers",
    "convert_file",
    "from_file",
    "load_detector",
    "load_weights",
    "sentences",
    "take",
    "without_weights",
]
