"""The anchor-based detector: everything of it in this folder."""
