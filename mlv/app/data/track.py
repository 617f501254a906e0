"""Store data of the worktree, and write the pointers that stand for it in Git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlv.app.data.choose import choose_data, missing_data
from mlv.app.data.counting import counter_of
from mlv.app.data.ignoring import ensure_ignored
from mlv.app.data.linking import SharingSink, find_shared_link_type
from mlv.app.data.pointers import Pointers, load_pointers, save_pointer
from mlv.app.data.scan import Scan, same_content, scan_data
from mlv.app.data.secrets import list_file_names, warn_of_left_out, warn_of_secrets
from mlv.app.reporter import Reporter, Unit
from mlv.app.workspace import Workspace
from mlv.core.link_type import LinkType
from mlv.core.paths import RepoPath
from mlv.core.pointer import pointer_path
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, MissingObjectError, WorktreeError
from mlv.git.merge_driver import ensure_driver
from mlv.git.pointers import list_ignored_by_rule
from mlv.store.failures import storage_errors
from mlv.worktree.fingerprint import HashCached, Sink, fingerprint
from mlv.worktree.paths import os_path


class TrackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        paths: Files, directories and patterns, absolute; empty for all that is tracked.
        link: How worktree and store share bytes; None as it is configured.
        dry_run: Whether only to say what would change.
    """

    paths: tuple[Path, ...] = ()
    link: LinkType | None = None
    dry_run: bool = False


class TrackedData(msgspec.Struct, frozen=True, kw_only=True):
    """One path, as it was tracked before and as it is now.

    Attributes:
        path: The data.
        pointer: Its pointer.
        before: What the pointer said, None when there was none, or a broken one.
        after: What the data holds.
        n_added, n_modified, n_removed: How many files differ from `before`; None where
            that is not known, or where there is no file to modify or remove.
    """

    path: RepoPath
    pointer: RepoPath
    before: Fingerprint | None
    after: Fingerprint
    n_added: int | None = None
    n_modified: int | None = None
    n_removed: int | None = None

    @property
    def changed(self) -> bool:
        """Whether the data is not what the pointer said."""
        return not same_content(self.before, self.after)


class TrackResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was tracked.

    Attributes:
        data: The data, sorted by path.
        ignore_files: The `.gitignore` files that changed.
        missing: Tracked data that is not there; its pointer stays as it is.
    """

    data: tuple[TrackedData, ...]
    ignore_files: tuple[RepoPath, ...] = ()
    missing: tuple[RepoPath, ...] = ()


def track(workspace: Workspace, request: TrackRequest, reporter: Reporter) -> TrackResult:
    """Store data and write its pointers; every check is made before anything is written.

    Raises:
        MissingFileError, WorktreeError, UsageError, GitError: Something cannot be
            tracked; all problems are named.
        UnreadableFileError: A pointer, or a file in the data, cannot be read.
        FileChangedError: A file kept changing while it was being read.
        StorageError: The disk is full, read-only or failing.
    """
    pointers = load_pointers(workspace)
    paths, missing = _choose(workspace, request, pointers, reporter)
    for path in missing:
        error = missing_data(path)
        reporter.warn(error.message, hint=error.hint)
    if request.dry_run:
        with workspace.objects.looking() as objects:
            data = _examine(workspace, paths, pointers, HashCached(objects), reporter)
        return TrackResult(data=data, missing=missing)
    with workspace.objects.hold():
        data = _store(workspace, paths, pointers, request.link, reporter)
        ignore_files = ensure_ignored(workspace, paths)
        for each in data:
            save_pointer(workspace, each.path, each.after)
    _warn_of_unignored(workspace, paths, reporter)
    ensure_driver(workspace.git.command)
    return TrackResult(data=data, ignore_files=ignore_files, missing=missing)


def _store(
    workspace: Workspace,
    paths: Sequence[RepoPath],
    pointers: Pointers,
    link: LinkType | None,
    reporter: Reporter,
) -> tuple[TrackedData, ...]:
    link_type = find_shared_link_type(workspace, link)
    if link_type is None:
        with workspace.objects.transaction() as objects:
            return _examine(workspace, paths, pointers, objects, reporter)
    with workspace.objects.transaction() as objects:
        sink = SharingSink(objects, workspace, link_type)
        data = _examine(workspace, paths, pointers, sink, reporter)
        sink.sync()
    with storage_errors("link data to the store"):
        n_left = sink.share()
    if n_left and link is not None:
        files = "1 file" if n_left == 1 else f"{n_left} files"
        reporter.note(
            f"{files} could not be links, and stay copies (executable, or open for writing)"
        )
    return data


def _choose(
    workspace: Workspace, request: TrackRequest, pointers: Pointers, reporter: Reporter
) -> tuple[tuple[RepoPath, ...], tuple[RepoPath, ...]]:
    """Return the data to track, and the tracked data that is not there."""
    if request.paths:
        return choose_data(workspace, request.paths, pointers, reporter), ()
    pointers.require_sound(pointers.broken)
    if not pointers.data:
        message = "nothing is tracked yet"
        raise WorktreeError(message, hint="name what to track: `mlv track data`")
    there = [path for path in pointers.data if _exists(workspace, path)]
    missing = tuple(path for path in pointers.data if path not in set(there))
    absolute = [os_path(workspace.root, path) for path in there]
    return choose_data(workspace, absolute, pointers, reporter) if there else (), missing


def _examine(
    workspace: Workspace,
    paths: Sequence[RepoPath],
    pointers: Pointers,
    sink: Sink,
    reporter: Reporter,
) -> tuple[TrackedData, ...]:
    data: list[TrackedData] = []
    for path in paths:
        before = pointers.data.get(path)
        if before is not None:
            data.append(_examine_one(workspace, path, before, sink, reporter, before.n_files))
            continue
        left_out: list[RepoPath] = []
        names = list_file_names(workspace.root, path, left_out)
        warn_of_secrets(names, reporter)
        warn_of_left_out(left_out, reporter)
        data.append(_examine_one(workspace, path, None, sink, reporter, len(names)))
    return tuple(data)


def _examine_one(
    workspace: Workspace,
    path: RepoPath,
    before: Fingerprint | None,
    sink: Sink,
    reporter: Reporter,
    n_files: int,
) -> TrackedData:
    place = os_path(workspace.root, path)
    unit: Unit = "bytes" if place.is_file() else "files"
    total = place.stat().st_size if unit == "bytes" else n_files
    with reporter.progress(f"reading {path}", total, unit) as progress:
        count = counter_of(progress, unit)
        if before is not None:
            try:
                scan = scan_data(workspace, path, before, sink, count)
            except (MissingObjectError, CorruptDataError) as error:
                reporter.note(f"what changed in {path} is not known: {error.message}")
            else:
                return _compare(path, before, scan, reporter)
        found = fingerprint(place, sink, progress=count)
    n_added = found.n_files if before is None else None
    return TrackedData(
        path=path, pointer=pointer_path(path), before=before, after=found, n_added=n_added
    )


def _compare(path: RepoPath, before: Fingerprint, scan: Scan, reporter: Reporter) -> TrackedData:
    if scan.present is None:
        raise missing_data(path)
    changes = scan.changes
    warn_of_secrets([each.path for each in changes if each.before is None], reporter)
    return TrackedData(
        path=path,
        pointer=pointer_path(path),
        before=before,
        after=scan.present,
        n_added=sum(each.before is None for each in changes),
        n_modified=sum(each.before is not None and each.after is not None for each in changes),
        n_removed=sum(each.after is None for each in changes),
    )


def _exists(workspace: Workspace, path: RepoPath) -> bool:
    place = os_path(workspace.root, path)
    return place.exists() or place.is_symlink()


def _warn_of_unignored(workspace: Workspace, paths: Sequence[RepoPath], reporter: Reporter) -> None:
    ignored = list_ignored_by_rule(workspace.git.command, paths)
    for path in paths:
        if path not in ignored:
            reporter.warn(
                f"Git does not ignore {path}: another rule brings it back",
                hint=f"see which one with `git check-ignore -v --no-index {path}`",
            )
