"""Take an operation back, by appending its inverse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlv.app.data.finish import finish_change
from mlv.app.data.plan import PlannedData
from mlv.app.data.revert import revert_data
from mlv.app.data.unfinished import find_cut_short
from mlv.app.look.operations import describe_change
from mlv.app.publish import Invocation, publish
from mlv.app.reporter import Reporter, SilentReporter
from mlv.app.restore.change import applied_change, read_state
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.core.enumeration import enumerate_some
from mlv.core.operation import (
    ChangeData,
    ChangeWorktree,
    EffectiveChange,
    FileChange,
    HideRun,
    LoggedOperation,
    PublishRun,
    Undo,
    WorktreeChange,
    effective_change,
)
from mlv.core.state import find_undoable, reduce_operations
from mlv.errors import MissingObjectError, NotPossibleError, WorktreeError
from mlv.worktree.fingerprint import HashOnly


class UndoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo did.

    Attributes:
        undone: The operation that was taken back.
        summary: What it had done, in words.
        operation: The operation that takes it back.
        files: The files that changed.
        data: The data and the pointers that changed.
    """

    undone: LoggedOperation
    summary: str
    operation: LoggedOperation
    files: WorktreeChange | None = None
    data: tuple[PlannedData, ...] = ()


def undo(
    workspace: Workspace,
    reference: str | None,
    invocation: Invocation,
    reporter: Reporter | None = None,
    *,
    overwrite: bool = False,
) -> UndoResult:
    """Take back an operation; by default the newest that is not an undo or undone.

    An undo of data that was cut short is finished instead, when no operation is named.

    Args:
        workspace: Where.
        reference: The beginning of the operation's digest; None for the newest.
        invocation: Who asks.
        reporter: Told of the progress.
        overwrite: Whether files that were edited since may be replaced; what they hold
            now is kept for an undo of this undo.

    Raises:
        NotPossibleError: There is no such operation, it is undone already, or the
            reference is ambiguous.
        MissingObjectError: What would come back was removed by `mlv gc`.
        WorktreeError: A file that would change back was edited since.
        LockedError: Another process changes the worktree.
        StorageError: The disk is full, read-only or failing; nothing was changed.
    """
    with workspace.objects.hold(), worktree_lock(workspace):
        reporter = reporter or SilentReporter()
        operations = workspace.operations.read()
        if reference is None and (finished := _finish(workspace, operations, reporter)):
            return finished
        target = _find(operations, reference)
        summary = describe_change(workspace, target.operation.change, operations)
        effective = effective_change(target.operation.change)

        def publish_undo(inverse: EffectiveChange) -> LoggedOperation:
            return publish(workspace, invocation, Undo(operation=target.id, inverse=inverse))

        if isinstance(effective, ChangeData):
            operation, data = revert_data(
                workspace,
                effective,
                publish_undo,
                reporter,
                overwrite=overwrite,
            )
            return UndoResult(undone=target, summary=summary, operation=operation, data=data)
        if not isinstance(effective, ChangeWorktree):
            operation = publish_undo(_invert_run(workspace, effective))
            return UndoResult(undone=target, summary=summary, operation=operation)
        files = _reverse_files(workspace, effective, overwrite=overwrite)
        with applied_change(workspace, files) as stored:
            operation = publish_undo(ChangeWorktree(files=stored, worktree=str(workspace.root)))
    return UndoResult(undone=target, summary=summary, operation=operation, files=files)


def _finish(
    workspace: Workspace, operations: Sequence[LoggedOperation], reporter: Reporter
) -> UndoResult | None:
    """Finish the newest undo of data that was cut short, if there is one."""
    for cut_short in reversed(find_cut_short(workspace)):
        change = cut_short.operation.operation.change
        if isinstance(change, Undo):
            (undone,) = [logged for logged in operations if logged.id == change.operation]
            summary = describe_change(workspace, undone.operation.change, operations)
            link_type = workspace.settings.local.link
            data = finish_change(workspace, cut_short, link_type, reporter)
            return UndoResult(
                undone=undone, summary=summary, operation=cut_short.operation, data=data
            )
    return None


def _find(operations: Sequence[LoggedOperation], reference: str | None) -> LoggedOperation:
    state = reduce_operations(operations)
    if reference is None:
        newest = find_undoable(operations, state)
        if newest is None:
            message = "there is nothing to undo"
            raise NotPossibleError(message, hint="see what was done with `mlv op log`")
        return newest
    found = [logged for logged in operations if reference and logged.id.startswith(reference)]
    if len(found) != 1:
        problem = "is ambiguous" if found else "does not exist"
        message = f"operation {reference!r} {problem}"
        raise NotPossibleError(message, hint="list operations with `mlv op log`")
    if found[0].id in state.undone:
        message = f"operation {reference!r} is undone already"
        raise NotPossibleError(message, hint="see what was done with `mlv op log`")
    return found[0]


def _invert_run(workspace: Workspace, change: PublishRun | HideRun) -> EffectiveChange:
    if isinstance(change, PublishRun):
        return HideRun(run=change.run, record=change.record)
    if not workspace.objects.contains(change.record):
        message = f"the record of run {change.run} is gone: it was hidden, and `mlv gc` removed it"
        raise MissingObjectError(message)
    return PublishRun(run=change.run, record=change.record)


def _reverse_files(
    workspace: Workspace, change: ChangeWorktree, *, overwrite: bool
) -> WorktreeChange:
    if change.worktree != str(workspace.root):
        message = f"that operation changed files of another worktree, {change.worktree!r}"
        raise WorktreeError(message, hint=f"run `mlv -C {change.worktree} undo`")
    done = workspace.objects.read_record(change.files, WorktreeChange)
    edited = []
    for each in done.files:
        now = read_state(workspace, each.path, HashOnly())
        expected = each.after.fingerprint if each.after else None
        if (now.fingerprint if now else None) != expected:
            edited.append(each.path)
    if edited and not overwrite:
        message = f"files were edited since: {enumerate_some(edited)}"
        hint = "go on with `mlv undo --overwrite`, which can be undone as well"
        raise WorktreeError(message, hint=hint)
    with workspace.objects.transaction() as objects:
        files = tuple(
            FileChange(
                path=each.path,
                before=read_state(workspace, each.path, objects),
                after=each.before,
            )
            for each in done.files
        )
    return WorktreeChange(files=files, directories=done.directories)
