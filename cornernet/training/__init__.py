"""A run: its loop, state, folder, log, signals, resuming, non-finite steps and their replay."""
