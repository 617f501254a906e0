"""Run a command and observe what it does."""
