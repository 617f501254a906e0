"""What a training script logs: written live, read back, and sealed."""
