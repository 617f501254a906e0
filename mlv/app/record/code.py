"""The code of a run: a snapshot of the worktree, kept by Git."""

from __future__ import annotations

from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.ids import RunId
from mlv.core.run import Code, LeftOut
from mlv.core.tree import Fingerprint
from mlv.git.selection import LeftOut as GitLeftOut
from mlv.git.snapshot import take_snapshot
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.paths import os_path


def snapshot_ref(run_id: RunId) -> str:
    """Return the Git ref that keeps the snapshot of a run from being collected."""
    return f"refs/mlv/runs/{run_id}"


def record_code(workspace: Workspace, run_id: RunId, now_ns: int, reporter: Reporter) -> Code:
    """Take a snapshot of the worktree.

    Files that are too large for Git go to the store; what is left out is reported.

    Raises:
        GitError: The repository has no commit yet, or Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    snapshot = take_snapshot(
        workspace.git,
        ref=snapshot_ref(run_id),
        message=f"mlv: code of run {run_id}",
        when=now_ns // 1_000_000_000,
    )
    left_out = tuple(_keep_left_out(workspace, each) for each in snapshot.left_out)
    for each in left_out:
        kept = "kept in the store instead" if each.fingerprint else "not recorded"
        reporter.note(f"{each.path} is not in the code snapshot ({each.reason}); {kept}")
    return Code(
        snapshot=snapshot.commit,
        tree=snapshot.tree,
        commit=snapshot.head.commit or "",
        branch=snapshot.head.branch,
        remotes=workspace.git.remotes(),
        dirty=snapshot.dirty,
        untracked=snapshot.untracked,
        left_out=left_out,
    )


def _keep_left_out(workspace: Workspace, left_out: GitLeftOut) -> LeftOut:
    kept: Fingerprint | None = None
    if left_out.reason == "large":
        with workspace.objects.transaction() as objects:
            kept = fingerprint(os_path(workspace.root, left_out.path), objects)
    return LeftOut(
        path=left_out.path,
        size_bytes=left_out.size_bytes,
        reason=left_out.reason,
        fingerprint=kept,
    )
