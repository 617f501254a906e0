"""Look at what was recorded: list, show, compare."""
