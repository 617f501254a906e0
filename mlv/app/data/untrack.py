"""Stop tracking data: its pointer goes, the data stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlv.app.data.ignoring import stop_ignoring
from mlv.app.data.linking import unshare_data
from mlv.app.data.pointers import load_pointers
from mlv.app.data.problems import raise_problems
from mlv.app.data.select import select_data
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.core.paths import RepoPath
from mlv.core.pointer import pointer_path
from mlv.errors import WorktreeError
from mlv.git.pointers import list_in_index
from mlv.store.durable import sync_directory
from mlv.store.failures import storage_errors
from mlv.worktree.paths import os_path


class UntrackedData(msgspec.Struct, frozen=True, kw_only=True):
    """One path that is tracked no more.

    Attributes:
        path: The data.
        pointer: The pointer that was removed.
        there: Whether the data is in the worktree.
    """

    path: RepoPath
    pointer: RepoPath
    there: bool


class UntrackResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is tracked no more.

    Attributes:
        data: The data, sorted by path.
        ignore_files: The `.gitignore` files that changed.
        to_commit: Pointers and `.gitignore` files whose change Git can see.
    """

    data: tuple[UntrackedData, ...]
    ignore_files: tuple[RepoPath, ...] = ()
    to_commit: tuple[RepoPath, ...] = ()


def untrack(workspace: Workspace, paths: Sequence[Path]) -> UntrackResult:
    """Remove pointers, and the rules that keep their data out of Git; the data stays.

    Raises:
        MissingFileError, WorktreeError: A path is not tracked; all problems are named.
        LockedError: Another process changes the worktree.
        StorageError: The disk is full, read-only or failing.
    """
    pointers = load_pointers(workspace)
    selected = select_data(workspace, paths, pointers)
    raise_problems(
        [
            WorktreeError(
                f"{each.path!r} is part of the tracked {each.owner!r}",
                hint=f"untrack all of it: `mlv untrack {each.owner}`",
            )
            for each in selected
            if not each.whole
        ]
    )
    data = tuple(
        UntrackedData(
            path=each.path,
            pointer=pointer_path(each.path),
            there=os_path(workspace.root, each.path).exists(),
        )
        for each in selected
    )
    with worktree_lock(workspace):
        unshare_data(workspace, [each.path for each in data if each.there])
        with storage_errors("remove a pointer"):
            for each in data:
                place = os_path(workspace.root, each.pointer)
                place.unlink(missing_ok=True)
                sync_directory(place.parent)
        ignore_files = stop_ignoring(workspace, [each.path for each in data])
    touched = [*(each.pointer for each in data), *ignore_files]
    in_index = list_in_index(workspace.git.command, touched)
    seen = [path for path in touched if path in in_index or os_path(workspace.root, path).exists()]
    return UntrackResult(data=data, ignore_files=ignore_files, to_commit=tuple(seen))
