"""The lock under which files of a worktree are changed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from mlv.app.workspace import Workspace
from mlv.store.lock import exclusive_lock


def worktree_lock(workspace: Workspace) -> AbstractContextManager[None]:
    """Return the lock under which files of the worktree are changed.

    Raises, when entered:
        LockedError: Another process changes the worktree.
    """
    path = workspace.layout.root / "worktree-lock"
    return exclusive_lock(path, purpose="changing the files of this worktree")
