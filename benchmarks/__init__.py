"""What mlv costs, measured as whole processes: `python -m benchmarks`."""
