"""Data in the worktree: pointers, and making files and pointers agree."""
