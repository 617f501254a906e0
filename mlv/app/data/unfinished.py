"""Remember changes of data that are being made, so that one that was cut short is finished.

Source: docs/reference/store-format.md, "Files".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.canonical import decode_record, encode_record
from mlv.core.operation import ChangeData, LoggedOperation, Undo, effective_change
from mlv.core.paths import RepoPath, parents_of
from mlv.core.pointer import data_path, is_pointer_path
from mlv.core.run import Record, first_schema
from mlv.core.state import reduce_operations
from mlv.errors import CorruptDataError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors


class BegunChange(Record, frozen=True, kw_only=True):
    """A change of data that is being made, or was cut short.

    Attributes:
        change: What the operation says; it names the worktree.
        n_operations: How long the log of this clone was before.
    """

    change: ChangeData
    n_operations: int


class DataJournal(Record, frozen=True, kw_only=True, tag_field="type", tag="data-journal"):
    """The changes of data that were begun and not ended, oldest first; of all worktrees."""

    changes: tuple[BegunChange, ...]
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


class CutShort(msgspec.Struct, frozen=True, kw_only=True):
    """A change of data that was published, but not made to the end.

    Attributes:
        operation: What was published.
        change: What it changes.
    """

    operation: LoggedOperation
    change: ChangeData

    @property
    def kind(self) -> Literal["checkout", "undo"]:
        """What cut short means for the person who asked for it."""
        return "undo" if isinstance(self.operation.operation.change, Undo) else "checkout"

    @property
    def data(self) -> tuple[RepoPath, ...]:
        """The data that it changes, sorted; that of a pointer, where only that one changes."""
        return tuple(sorted({_data_of(each.path) for each in self.change.data}))

    def touches(self, paths: Iterable[RepoPath]) -> bool:
        """Tell whether it changes any of this data, a part of it, or what holds it."""
        return _overlap(self.data, paths)


def begin_change(workspace: Workspace, change: ChangeData) -> None:
    """Remember a change, durably, before its operation is published; the caller holds the lock.

    Raises:
        CorruptDataError: What is known of earlier changes is damaged.
        StorageError: The disk is full, read-only or failing.
    """
    begun = BegunChange(change=change, n_operations=workspace.operations.count_own())
    earlier = load_journal(workspace.layout.data_journal).changes
    if earlier:
        published = _finder(workspace, workspace.operations.read())
        earlier = tuple(
            each
            for each in earlier
            if published(each) is not None and Path(each.change.worktree).is_dir()
        )
    _write(workspace, (*earlier, begun))


def end_change(workspace: Workspace, change: ChangeData) -> None:
    """Forget a change, and earlier ones of the same data; the caller holds the lock.

    What the data should hold is settled now: it is what this change says, or it was taken back.

    Raises:
        CorruptDataError: What is known of the changes is damaged.
        StorageError: The disk is full, read-only or failing.
    """
    begun = load_journal(workspace.layout.data_journal).changes
    if not begun:
        return
    paths = [_data_of(each.path) for each in change.data]
    left = tuple(
        each
        for each in begun
        if each.change.worktree != change.worktree
        or not (each.change == change or _overlap(_paths_of(each), paths))
    )
    if len(left) != len(begun):
        _write(workspace, left)


def find_cut_short(workspace: Workspace) -> tuple[CutShort, ...]:
    """Return the changes of data in this worktree that are to be finished, oldest first.

    Without the lock, that may be one that is just being made.

    Raises:
        CorruptDataError: What is known of the changes, or the operation log, is damaged.
        StorageError: The disk is failing.
    """
    worktree = str(workspace.root)
    begun = [
        each
        for each in load_journal(workspace.layout.data_journal).changes
        if each.change.worktree == worktree
    ]
    if not begun:
        return ()
    operations = workspace.operations.read()
    undone = reduce_operations(operations).undone
    published = _finder(workspace, operations)
    found: list[CutShort] = []
    for each in begun:
        operation = published(each)
        if operation is None:
            continue
        paths = _paths_of(each)
        found = [earlier for earlier in found if not earlier.touches(paths)]
        if operation.id not in undone:
            found.append(CutShort(operation=operation, change=each.change))
    return tuple(found)


def load_journal(path: Path) -> DataJournal:
    """Return what is known of changes that were begun; nothing when there is no journal.

    Raises:
        CorruptDataError: It cannot be read.
        StorageError: The disk is failing.
    """
    try:
        with storage_errors("read what is known of an unfinished change of data"):
            if not path.exists():
                return DataJournal(changes=())
            return decode_record(path.read_bytes(), DataJournal)
    except ValueError as error:
        message = f"what is known of an unfinished change of data cannot be read: {error}"
        hint = f"look into {path}, and move it elsewhere when the data is as it should be"
        raise CorruptDataError(message, hint=hint) from error


def _write(workspace: Workspace, changes: tuple[BegunChange, ...]) -> None:
    path = workspace.layout.data_journal
    with storage_errors("write what is to be known of an unfinished change of data"):
        if changes:
            replace_file(path, encode_record(DataJournal(changes=changes)))
        else:
            # Not synced, as the files of the data are not: if it comes back, they may not.
            path.unlink(missing_ok=True)


def _finder(
    workspace: Workspace, operations: Sequence[LoggedOperation]
) -> Callable[[BegunChange], LoggedOperation | None]:
    """Return what finds the operation of a change, if it was published."""
    own = [logged for logged in operations if logged.operation.clone == workspace.clone]

    def find(begun: BegunChange) -> LoggedOperation | None:
        for logged in own[begun.n_operations :]:
            if effective_change(logged.operation.change) == begun.change:
                return logged
        return None

    return find


def _paths_of(begun: BegunChange) -> list[RepoPath]:
    return [_data_of(each.path) for each in begun.change.data]


def _data_of(path: RepoPath) -> RepoPath:
    return data_path(path) if is_pointer_path(path) else path


def _overlap(some: Iterable[RepoPath], others: Iterable[RepoPath]) -> bool:
    """Tell whether any path of one side is, lies below, or holds, one of the other side."""
    one, other = set(some), set(others)
    return _reaches(one, other) or _reaches(other, one)


def _reaches(paths: set[RepoPath], above: set[RepoPath]) -> bool:
    return any(each in above for path in paths for each in (path, *parents_of(path)))
