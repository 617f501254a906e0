"""List operations."""

from __future__ import annotations

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.operation import Change, ChangeWorktree, HideRun, LoggedOperation, PublishRun
from mlv.core.state import reduce_operations


class ListedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the operation log, with words for what was done."""

    logged: LoggedOperation
    summary: str
    undone: bool


def list_operations(workspace: Workspace, *, limit: int | None) -> tuple[ListedOperation, ...]:
    """Return the newest operations, newest first; all when `limit` is None.

    Raises:
        CorruptDataError: The log is damaged.
    """
    operations = workspace.operations.read()
    undone = reduce_operations(operations).undone
    newest = sorted(operations, key=lambda logged: logged.operation.time, reverse=True)
    return tuple(
        ListedOperation(
            logged=logged,
            summary=summarize(logged.operation.change),
            undone=logged.id in undone,
        )
        for logged in newest[:limit]
    )


def summarize(change: Change) -> str:
    """Return a few words for a change."""
    if isinstance(change, PublishRun):
        return f"record run {change.run}"
    if isinstance(change, HideRun):
        return f"hide run {change.run}"
    if isinstance(change, ChangeWorktree):
        return f"roll back files to run {change.target}" if change.target else "change files back"
    return f"undo {change.operation[:12]}"
