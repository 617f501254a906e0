"""Make a run again, and say whether it came out the same."""
