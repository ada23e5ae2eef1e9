"""From a checkpoint to a file for other programs, in float32 or int8, held against PyTorch.

Called by the command export; what reads such files is in prediction.
"""

from cornernet.export.check import Exact, Quantised
from cornernet.export.export import Exported
from cornernet.graphs.onnx import OUTPUTS

__all__ = [
    "OUTPUTS",
    "Exact",
    "Exported",
    "Quantised",
]
