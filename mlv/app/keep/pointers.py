"""Find every pointer that somebody may come back to, in Git and on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.keep.faults import Fault, TakeFault, refuse
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.pointer import POINTER_SUFFIX, parse_pointer
from mlv.core.tree import Fingerprint
from mlv.errors import UnreadableFileError
from mlv.git.command import GitCommand
from mlv.git.history import (
    Checkout,
    FoundBlob,
    find_in_heads,
    find_in_history,
    find_in_index,
    find_in_tips,
    find_in_worktree,
    list_checkouts,
)
from mlv.store.failures import storage_errors
from mlv.worktree.paths import os_path

PointerScope = Literal["history", "tips", "heads"]
"""All commits of every ref and reflog; those that refs name now; those that are checked out."""

_FIND = {"history": find_in_history, "tips": find_in_tips, "heads": find_in_heads}

_PointerFile = tuple[Path, RepoPath, bytes]
"""Root of the worktree, path in it, and what the file holds."""

_MOST_BYTES = 1 << 16
_KEYS = (b"mlv", b"digest", b"kind", b"size")


class FoundPointer(msgspec.Struct, frozen=True, kw_only=True):
    """A pointer, and where it was found.

    Attributes:
        path: Of the pointer, in its worktree.
        place: The path, and a commit that has it, in words.
        root: Root of the worktree whose file it is; None for one that Git has.
        fingerprint: What it names.
    """

    path: RepoPath
    place: str
    root: Path | None = None
    fingerprint: Fingerprint


def find_pointers(
    workspace: Workspace, scope: PointerScope, *, take_fault: TakeFault = refuse
) -> Iterator[FoundPointer]:
    """Yield the pointers of commits, of every index, and of every worktree.

    Args:
        workspace: Any worktree of the repository.
        scope: Which commits count.
        take_fault: Is given each pointer that cannot be read.

    Raises:
        MlvError: What `take_fault` raises.
        GitError: Git cannot list or read them.
        StorageError: A worktree cannot be read.
    """
    command = workspace.git.command
    with storage_errors("list the worktrees"):
        checkouts = list_checkouts(workspace.git.location)
    seen: set[_PointerFile] = set()
    # Others work in Git meanwhile. What they commit or stash is looked for first where it
    # was; what they bring back is looked for where it went at the end.
    yield from _read_files(checkouts, seen, take_fault)
    index = [partial(find_in_index, command, POINTER_SUFFIX, each.index) for each in checkouts]
    commits = partial(_FIND[scope], command, POINTER_SUFFIX)
    blobs = {found.blob_id: found for find in (*index, commits, *index) for found in find()}
    yield from _read_blobs(workspace, blobs, take_fault)
    yield from _read_files(checkouts, seen, take_fault)


def _read_files(
    checkouts: Iterable[Checkout], seen: set[_PointerFile], take_fault: TakeFault
) -> Iterator[FoundPointer]:
    """Yield the pointers that lie in worktrees, committed or not, and were not seen before."""
    for checkout in checkouts:
        if not checkout.root.is_dir():
            continue
        for path in find_in_worktree(GitCommand(checkout.root), POINTER_SUFFIX):
            data = _read_file(os_path(checkout.root, path))
            if data is None or (checkout.root, path, data) in seen:
                continue
            seen.add((checkout.root, path, data))
            try:
                fingerprint = parse_pointer(data, path)
            except UnreadableFileError as error:
                take_fault(Fault(kind="pointer", where=path, problem=error.message), error)
                continue
            yield FoundPointer(path=path, place=path, root=checkout.root, fingerprint=fingerprint)


def _read_file(path: Path) -> bytes | None:
    if path.is_symlink() or not path.is_file():
        return None
    with storage_errors("read a pointer"), suppress(FileNotFoundError), path.open("rb") as file:
        data = file.read(_MOST_BYTES)
        return data if _may_be_pointer(data) else None
    return None


def _may_be_pointer(data: bytes) -> bool:
    """Tell a pointer, damaged or not, from a file of another program with the same suffix."""
    return not data or (len(data) < _MOST_BYTES and any(key in data for key in _KEYS))


def _read_blobs(
    workspace: Workspace, blobs: dict[str, FoundBlob], take_fault: TakeFault
) -> Iterator[FoundPointer]:
    for blob_id, data in workspace.git.read_blobs(sorted(blobs)) if blobs else ():
        found = blobs[blob_id]
        if not _may_be_pointer(data):
            continue
        where = "in the index" if found.commit is None else f"in commit {found.commit[:12]}"
        place = f"{found.path} {where}"
        try:
            fingerprint = parse_pointer(data, found.path)
        except UnreadableFileError as cause:
            hint = f"look at it with `git show {blob_id}`"
            if found.commit:
                hint += "; `mlv gc --tips` looks at no commit but the newest"
            error = UnreadableFileError(f"{cause.message} ({where})", hint=hint)
            error.__cause__ = cause
            take_fault(Fault(kind="pointer", where=place, problem=cause.message), error)
            continue
        yield FoundPointer(path=found.path, place=place, fingerprint=fingerprint)
