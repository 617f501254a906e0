"""Take back a change of data, as an undo does."""

from __future__ import annotations

from collections.abc import Callable

from mlv.app.data.apply import apply_steps
from mlv.app.data.plan import PlannedData, plan_data
from mlv.app.data.scan import scan_data
from mlv.app.data.unfinished import end_change
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.operation import ChangeData, DataChange, LoggedOperation
from mlv.core.paths import RepoPath
from mlv.core.tree import TreeEntry
from mlv.errors import WorktreeError
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashCached


def revert_data(
    workspace: Workspace,
    change: ChangeData,
    publish_inverse: Callable[[ChangeData], LoggedOperation],
    reporter: Reporter,
    *,
    overwrite: bool,
) -> tuple[LoggedOperation, tuple[PlannedData, ...]]:
    """Set data and pointers to what they were before a change; the caller holds the lock.

    A change that was cut short is taken back as far as it went.

    Args:
        workspace: Where.
        change: What is taken back.
        publish_inverse: Appends the undo, given the inverse change.
        reporter: Told of the progress.
        overwrite: Whether files that were edited since may be replaced.

    Returns:
        The undo, and what it changed.

    Raises:
        WorktreeError: Another worktree was changed, or files were edited since.
        MissingObjectError, CorruptDataError: Content is gone or damaged.
        StorageError: The disk is full, read-only or failing.
    """
    if change.worktree != str(workspace.root):
        message = f"that operation changed data of another worktree, {change.worktree!r}"
        raise WorktreeError(message, hint=f"run `mlv -C {change.worktree} undo`")
    with workspace.objects.transaction() as objects:
        sink = HashCached(objects)
        edited = [path for each in change.data for path in _find_edited(workspace, each, sink)]
        if edited and not overwrite:
            message = f"files were edited since: {enumerate_some(edited)}"
            hint = "go on with `mlv undo --overwrite`, which can be undone as well"
            raise WorktreeError(message, hint=hint)
        steps = plan_data(workspace, {each.path: each.before for each in change.data}, sink)
    link_type = workspace.settings.local.link
    operation = apply_steps(workspace, steps, publish_inverse, link_type, reporter)
    end_change(workspace, change)
    return operation, tuple(step.planned for step in steps)


def _find_edited(workspace: Workspace, change: DataChange, sink: HashCached) -> list[RepoPath]:
    """Return files that are neither what the change made of them nor what they were before."""
    scan = scan_data(workspace, change.path, change.after, sink)
    if scan.same:
        return []
    before: dict[RepoPath, TreeEntry] = {}
    if change.before is not None:
        before = list_files(workspace.objects, change.before, change.path)
    return [
        each.path
        for each in scan.changes
        # A directory with nothing in it is what a change that was cut short may leave.
        if not (each.after is not None and each.after.kind == "dir")
        and not same_entry(before.get(each.path), each.after)
    ]


def same_entry(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    """Tell whether two entries are of the same content and kind, or both are nothing."""
    if one is None or other is None:
        return one is other
    return (one.kind, one.digest) == (other.kind, other.digest)
