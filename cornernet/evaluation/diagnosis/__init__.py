"""Where a detector loses its AP, and why each object that it misses was missed."""
