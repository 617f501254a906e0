"""Record a run: begin before the command starts, seal after it has ended."""
