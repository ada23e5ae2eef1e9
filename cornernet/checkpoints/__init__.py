"""Checkpoint files: verified reading, writing that survives a crash. Called by all that keeps or takes weights."""
