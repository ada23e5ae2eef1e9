"""From a checkpoint to a file for other programs, in float32 or int8, held against PyTorch."""
