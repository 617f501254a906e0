"""Change files of the worktree in one step that can be taken back: rollback and undo."""
