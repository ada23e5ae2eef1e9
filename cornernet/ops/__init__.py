"""Pure tensor functions without configuration."""
