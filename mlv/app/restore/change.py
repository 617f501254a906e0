"""Apply a change of worktree files: all of it, or nothing.

What the files hold before is stored first. A journal says what is being done,
so that a change that was cut short is taken back by the next command.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.core.canonical import decode_record, encode_record
from mlv.core.operation import (
    ChangeWorktree,
    FileChange,
    FileState,
    Operation,
    WorktreeChange,
    effective_change,
)
from mlv.core.paths import RepoPath, parents_of
from mlv.core.run import Content, Record, first_schema
from mlv.errors import CorruptDataError, MissingFileError, WorktreeError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors
from mlv.store.objects import content_of
from mlv.worktree.fingerprint import HashOnly, Sink, fingerprint
from mlv.worktree.paths import os_path
from mlv.worktree.place import place, remove, remove_directory
from mlv.worktree.temporary import sweep_directory


class Journal(Record, frozen=True, kw_only=True, tag_field="type", tag="worktree-journal"):
    """A change that is being applied.

    Attributes:
        root: Root of the worktree.
        change: The stored `WorktreeChange`.
        n_operations: How long the log of this clone was before.
    """

    root: str
    change: Content
    n_operations: int
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


def read_state(workspace: Workspace, path: RepoPath, sink: Sink) -> FileState | None:
    """Return what lies at a path now, None when there is nothing.

    Raises:
        WorktreeError: A directory lies there.
        UnreadableFileError: It cannot be read.
    """
    place_on_disk = os_path(workspace.root, path)
    if place_on_disk.is_dir() and not place_on_disk.is_symlink():
        message = f"a directory is in the way at {path!r}"
        raise WorktreeError(message, hint=f"move {path} elsewhere, then try again")
    try:
        found = fingerprint(place_on_disk, sink)
    except MissingFileError:
        return None
    return FileState(fingerprint=found, mode=stat.S_IMODE(place_on_disk.lstat().st_mode))


def missing_directories(
    workspace: Workspace, files: Iterable[FileChange], empty: Iterable[RepoPath] = ()
) -> tuple[RepoPath, ...]:
    """Return the directories that must be made for a change, outermost first.

    Args:
        workspace: The worktree.
        files: The files of the change.
        empty: Directories without files that belong to it.
    """
    wanted = {parent for each in files if each.after for parent in parents_of(each.path)}
    wanted |= {above for path in empty for above in (*parents_of(path), path)}
    return tuple(sorted(path for path in wanted if not os_path(workspace.root, path).exists()))


def require_way(workspace: Workspace, paths: Iterable[RepoPath]) -> None:
    """Check that nothing but directories lies above `paths`.

    Raises:
        WorktreeError: A file or a symbolic link does.
    """
    for parent in sorted({parent for path in paths for parent in parents_of(path)}):
        place_on_disk = os_path(workspace.root, parent)
        if place_on_disk.is_symlink() or place_on_disk.is_file():
            message = f"a file or a symbolic link is in the way at {parent!r}"
            raise WorktreeError(message, hint=f"move {parent} elsewhere, then try again")


@contextmanager
def applied_change(workspace: Workspace, change: WorktreeChange) -> Iterator[Content]:
    """Make the files of the worktree what `change` says, and keep them so if the block succeeds.

    The caller holds the lock, has stored every state before and after, and publishes
    an operation in the block.

    Yields:
        The stored change.

    Raises:
        StorageError: The disk is full, read-only or failing; the files are as they were.
        WorktreeError: Something is in the way; the files are as they were.
    """
    with workspace.objects.transaction() as objects:
        stored = objects.add_record(change)
    n_operations = len(_own_operations(workspace))
    journal = Journal(root=str(workspace.root), change=stored, n_operations=n_operations)
    with storage_errors("change files of the worktree"):
        replace_file(workspace.layout.worktree_journal, encode_record(journal))
        try:
            for each in change.files:
                _apply(workspace, each)
            _remove_empty(workspace, change.directories)
            yield stored
        except BaseException:
            if not _was_published(workspace, journal):
                _take_back(workspace, change)
            _drop_journal(workspace)
            raise
        _drop_journal(workspace)


def finish_interrupted(workspace: Workspace, reporter: Reporter) -> None:
    """Take back a change of worktree files that was cut short, if there is one.

    Raises:
        LockedError: The change is still being made.
        CorruptDataError: What is known of the change is damaged.
        StorageError: The disk is full, read-only or failing.
    """
    path = workspace.layout.worktree_journal
    if not path.exists():
        return
    with worktree_lock(workspace):
        if not path.exists():
            return
        journal = _load_journal(path)
        if _was_published(workspace, journal):
            _drop_journal(workspace)
            return
        if not Path(journal.root).is_dir():
            parked = workspace.layout.quarantine / f"worktree-journal.{secrets.token_hex(4)}"
            path.rename(parked)
            reporter.warn(
                f"a change of files in {journal.root} was cut short, and that worktree is gone",
                hint=f"what was known of it is kept in {parked}",
            )
            return
        owner = workspace.at(Path(journal.root))
        change = workspace.objects.read_record(journal.change, WorktreeChange)
        with storage_errors("take back an unfinished change of worktree files"):
            edited = _take_back(owner, change)
        _drop_journal(workspace)
    for each in edited:
        reporter.warn(f"{each} was edited since, so it was left as it is")
    count = "1 file" if len(change.files) == 1 else f"{len(change.files)} files"
    reporter.note(f"took back a change of {count} that was cut short")


def _load_journal(path: Path) -> Journal:
    try:
        with storage_errors("read what is known of an unfinished change"):
            return decode_record(path.read_bytes(), Journal)
    except ValueError as error:
        message = f"an unfinished change of worktree files cannot be taken back: {error}"
        hint = f"look into {path}, and move it elsewhere when the files are as they should be"
        raise CorruptDataError(message, hint=hint) from error


def _own_operations(workspace: Workspace) -> list[Operation]:
    operations = (logged.operation for logged in workspace.operations.read())
    return [operation for operation in operations if operation.clone == workspace.clone]


def _was_published(workspace: Workspace, journal: Journal) -> bool:
    for operation in _own_operations(workspace)[journal.n_operations :]:
        effective = effective_change(operation.change)
        if isinstance(effective, ChangeWorktree) and effective.files == journal.change:
            return True
    return False


def _drop_journal(workspace: Workspace) -> None:
    workspace.layout.worktree_journal.unlink(missing_ok=True)


def _take_back(workspace: Workspace, change: WorktreeChange) -> list[RepoPath]:
    """Undo as much of a change as was made; return files that somebody edited since."""
    edited = []
    for each in change.files:
        sweep_directory(os_path(workspace.root, each.path).parent)
        try:
            now = read_state(workspace, each.path, HashOnly())
        except WorktreeError:
            edited.append(each.path)
            continue
        if now == each.before:
            continue
        if (now and now.fingerprint) == (each.after and each.after.fingerprint):
            _apply(workspace, each.reversed())
        else:
            edited.append(each.path)
    _remove_empty(workspace, change.directories)
    return edited


def _remove_empty(workspace: Workspace, directories: Sequence[RepoPath]) -> None:
    for directory in reversed(directories):
        remove_directory(workspace.root, directory)


def _apply(workspace: Workspace, change: FileChange) -> None:
    state = change.after
    if state is None:
        remove(workspace.root, change.path)
    else:
        blocks = workspace.objects.stream(content_of(state.fingerprint))
        place(workspace.root, change.path, state.fingerprint.kind, blocks, mode=state.mode)
