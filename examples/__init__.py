"""Models to copy: each folder has a model and its settings."""
