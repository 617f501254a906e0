"""What `mlv run` does around a recorded command: stages, params to set, reuse, isolation."""
