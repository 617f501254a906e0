"""Make files of a worktree what the store says they are."""
