"""Merge two versions of a pointer by what they stand for, as a merge driver of Git does."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, escape_name
from mlv.core.pointer import data_path, format_pointer, parse_pointer
from mlv.core.run import Content
from mlv.core.tree import Fingerprint
from mlv.core.tree_merge import ConflictReason, merge_directories
from mlv.core.tree_names import path_below
from mlv.errors import CorruptDataError
from mlv.store.failures import storage_errors
from mlv.store.objects import content_of
from mlv.store.trees import list_files


class MergeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Three versions of one pointer, in files that Git made.

    Attributes:
        base: The version that both were made from; an empty file when there is none.
        ours: The version here, which the result replaces.
        theirs: The version there.
        path: Path of the pointer in the repository, raw.
    """

    base: Path
    ours: Path
    theirs: Path
    path: bytes


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A path that both sides changed in different ways."""

    path: RepoPath
    reason: ConflictReason


class MergeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a merge; it is complete when there are no conflicts.

    Attributes:
        path: The data.
        merged: What the pointer says now: our side where there is a conflict.
        conflicts: Sorted by path.
    """

    path: RepoPath
    merged: Fingerprint
    conflicts: tuple[Conflict, ...] = ()


def merge_pointer(workspace: Workspace, request: MergeRequest) -> MergeResult:
    """Merge a pointer, and write the result over our version; trees that it needs are stored.

    Raises:
        UnreadableFileError: One of the versions is no pointer.
        MissingObjectError: A tree is not in the store.
        CorruptDataError: A tree is damaged.
        StorageError: The disk is full, read-only or failing.
    """
    name = escape_name(request.path)
    path = data_path(RepoPath(name))
    base, ours, theirs = _read_versions(request, name)
    with workspace.objects.hold():
        result = _merge(workspace, path, base, (ours, theirs))
        if result.merged != ours:
            with storage_errors(f"write {request.ours}"):
                # Git waits for this file and reads it; nobody else knows it.
                request.ours.write_text(format_pointer(result.merged))
    return result


def _read_versions(
    request: MergeRequest, name: str
) -> tuple[Fingerprint | None, Fingerprint, Fingerprint]:
    with storage_errors("read what Git wants to have merged"):
        base, ours, theirs = (
            path.read_bytes() for path in (request.base, request.ours, request.theirs)
        )
    return (
        parse_pointer(base, name) if base else None,
        parse_pointer(ours, name),
        parse_pointer(theirs, name),
    )


def _merge(
    workspace: Workspace,
    path: RepoPath,
    base: Fingerprint | None,
    sides: tuple[Fingerprint, Fingerprint],
) -> MergeResult:
    ours, theirs = sides
    if theirs in (ours, base):
        return MergeResult(path=path, merged=ours)
    if ours == base:
        return MergeResult(path=path, merged=theirs)
    if ours.kind != "dir" or theirs.kind != "dir":
        return _merge_files(path, base, sides)
    base_tree = content_of(base) if base is not None and base.kind == "dir" else None
    with workspace.objects.transaction() as objects:
        try:
            merge = merge_directories(
                base_tree, content_of(ours), content_of(theirs), workspace.objects.read
            )
        except ValueError as error:
            message = f"the trees of {path!r} cannot be merged: {error}"
            raise CorruptDataError(message) from error
        for data in merge.objects:
            objects.add_bytes(data)
        merged = _measure(workspace, merge.tree)
    conflicts = tuple(
        Conflict(path=path_below(path, each.path), reason=each.reason) for each in merge.conflicts
    )
    return MergeResult(path=path, merged=merged, conflicts=conflicts)


def _merge_files(
    path: RepoPath, base: Fingerprint | None, sides: tuple[Fingerprint, Fingerprint]
) -> MergeResult:
    ours, theirs = sides
    reason: ConflictReason = "both-changed" if base else "both-added"
    if "dir" in (ours.kind, theirs.kind):
        reason = "kind-differs"
    conflict = Conflict(path=path, reason=reason)
    return MergeResult(path=path, merged=ours, conflicts=(conflict,))


def _measure(workspace: Workspace, tree: Content) -> Fingerprint:
    found = Fingerprint(kind="dir", digest=tree.digest, size_bytes=tree.size_bytes)
    files = list_files(workspace.objects, found, RepoPath("."))
    return msgspec.structs.replace(
        found,
        n_files=len(files),
        total_bytes=sum(entry.size_bytes for entry in files.values()),
    )
