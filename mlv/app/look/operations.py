"""List operations."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.operation import (
    Change,
    ChangeData,
    ChangeWorktree,
    HideRun,
    LoggedOperation,
    PublishRun,
)
from mlv.core.pointer import is_pointer_path
from mlv.core.run import Content, Run
from mlv.core.state import reduce_operations, sort_operations
from mlv.errors import CorruptDataError, MissingObjectError


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
    newest = sort_operations(operations)[::-1]
    return tuple(
        ListedOperation(
            logged=logged,
            summary=describe_change(workspace, logged.operation.change, operations),
            undone=logged.id in undone,
        )
        for logged in newest[:limit]
    )


def describe_change(
    workspace: Workspace, change: Change, operations: Iterable[LoggedOperation]
) -> str:
    """Return a few words for a change.

    Args:
        workspace: Where the records of runs are.
        change: The change.
        operations: All operations, among them those that `change` speaks of.
    """
    if isinstance(change, PublishRun):
        return f"record run {_name(workspace, change.record)}"
    if isinstance(change, HideRun):
        return f"hide run {_name(workspace, change.record)}"
    if isinstance(change, ChangeWorktree):
        run = _target(workspace, change, operations)
        return f"set files to those of run {run}" if run else "set params"
    if isinstance(change, ChangeData):
        return _describe_data(change)
    for logged in operations:
        if logged.id == change.operation:
            return f"undo: {describe_change(workspace, logged.operation.change, operations)}"
    return f"undo {change.operation[:12]}"


def _describe_data(change: ChangeData) -> str:
    names = enumerate_some([each.path for each in change.data if not is_pointer_path(each.path)])
    source = f" at {change.revision}" if change.revision else ""
    return f"set data to its pointers{source}: {names}" if names else f"set pointers{source}"


def _target(
    workspace: Workspace, change: ChangeWorktree, operations: Iterable[LoggedOperation]
) -> str | None:
    for logged in operations:
        published = logged.operation.change
        if isinstance(published, PublishRun) and published.run == change.target:
            return _name(workspace, published.record)
    return change.target


def _name(workspace: Workspace, record: Content) -> str:
    try:
        return workspace.objects.read_record(record, Run).name
    except (CorruptDataError, MissingObjectError):
        return f"with the record {record.digest[:12]}, which cannot be read"
