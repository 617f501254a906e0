"""The worktree as it was before its files were replaced, kept as a commit."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlv.app.workspace import Workspace
from mlv.git.snapshot import take_snapshot


class SavedWorktree:
    """A snapshot of the worktree under a ref of its own.

    Attributes:
        commit: The snapshot.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ref = f"refs/mlv/saved/{secrets.token_hex(8)}"
        when_s = time.time_ns() // 1_000_000_000
        self.commit = take_snapshot(
            workspace.git, ref=self._ref, message="mlv: before a rollback", when=when_s
        ).commit

    def discard(self) -> None:
        """Drop the ref; the snapshot is not needed."""
        self._workspace.git.delete_ref(self._ref)


@contextmanager
def saved_worktree(workspace: Workspace) -> Iterator[SavedWorktree]:
    """Save the worktree, and keep it saved if the block succeeds.

    Raises:
        GitError: There is no commit yet, or Git refuses.
        StorageError: The snapshot cannot be written.
    """
    saved = SavedWorktree(workspace)
    try:
        yield saved
    except BaseException:
        saved.discard()
        raise
