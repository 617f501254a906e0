"""The code of a run: a snapshot of the worktree, kept by Git."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlv.app.record.earlier_outputs import find_earlier_outputs
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.ids import RunId
from mlv.core.paths import RepoPath
from mlv.core.run import Code, LeftOut, Run
from mlv.core.tree import Fingerprint
from mlv.git.snapshot import take_snapshot
from mlv.worktree.fingerprint import fingerprint
from mlv.worktree.paths import os_path

EARLIER_OUTPUT = "output"
"""Why an untracked file is not code: it is what an earlier run wrote, and stored as that."""


def snapshot_ref(run_id: RunId) -> str:
    """Return the Git ref that keeps the snapshot of a run from being collected."""
    return f"refs/mlv/runs/{run_id}"


def record_code(
    workspace: Workspace, *, ref: str, now_ns: int, earlier: Iterable[Run], reporter: Reporter
) -> Code:
    """Take a snapshot of the worktree.

    Files that are too large for Git go to the store; what is left out is listed.

    Args:
        workspace: Whose worktree.
        ref: What to call the snapshot in Git.
        now_ns: The time, nanoseconds since 1970.
        earlier: Runs whose outputs may lie about; those are no code.
        reporter: Is told what is left out.

    Raises:
        GitError: The repository has no commit yet, or Git refuses.
        StorageError: The disk is full, read-only or failing.
    """
    outputs = find_earlier_outputs(workspace, earlier)
    snapshot = take_snapshot(
        workspace.git,
        ref=ref,
        message="mlv: the worktree as it was",
        when=now_ns // 1_000_000_000,
        exclude=tuple(outputs),
    )
    large = [each.path for each in snapshot.left_out if each.reason == "large"]
    kept_files = {**outputs, **_store_large(workspace, large)}
    left_out = tuple(
        LeftOut(
            path=each.path,
            size_bytes=each.size_bytes,
            reason=EARLIER_OUTPUT if each.path in outputs else each.reason,
            fingerprint=kept_files.get(each.path),
        )
        for each in snapshot.left_out
    )
    for each in left_out:
        if each.reason != EARLIER_OUTPUT:
            kept = "kept in the store instead" if each.fingerprint else "not recorded"
            reporter.note(f"{each.path} is not in the code snapshot ({each.reason}): {kept}")
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


def _store_large(workspace: Workspace, paths: Sequence[RepoPath]) -> dict[RepoPath, Fingerprint]:
    if not paths:
        return {}
    with workspace.objects.transaction() as objects:
        return {path: fingerprint(os_path(workspace.root, path), objects) for path in paths}
