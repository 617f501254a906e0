"""The lock under which files of a worktree are changed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from mlv.app.workspace import Workspace
from mlv.store.lock import exclusive_lock

PATIENCE_S = 10.0
"""How long to wait for another process."""


def worktree_lock(workspace: Workspace) -> AbstractContextManager[None]:
    """Return the lock under which files of the worktree are changed.

    Raises, when entered:
        LockedError: Another process goes on changing files for more than ten seconds.
    """
    path = workspace.layout.root / "worktree-lock"
    purpose = "changing files of a worktree of this repository"
    return exclusive_lock(path, purpose=purpose, patience_s=PATIENCE_S)
