"""Inputs that the command was seen to read, fingerprinted when it has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from mlv.app.live_run import KnownInput, RunStart
from mlv.app.record.folding import fold
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.partial import fingerprint_of, has_others, pick_below
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.capture.observing.observe import UNKNOWN_SIGNATURE, FileSignature
from mlv.core.paths import RepoPath, unescape_name
from mlv.core.run import Input
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.errors import (
    CorruptDataError,
    FileChangedError,
    MissingFileError,
    MissingObjectError,
    UnreadableFileError,
)
from mlv.store.object_writer import ObjectWriter
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashOnly, Sink, TreesOnly, fingerprint, fingerprint_picked
from mlv.worktree.paths import is_inside, real_path
from mlv.worktree.signature import read_signature

_UNREADABLE = (MissingFileError, UnreadableFileError, FileChangedError)

_MOST_FROM_GIT = 100
"""Git is asked once a file for what its filters make of it, so not for very many."""


def seal_observed(
    workspace: Workspace, start: RunStart, seen: Seen, objects: ObjectWriter
) -> list[Input]:
    """Return what was read, many files below one directory as one input.

    A file that changed meanwhile is an input of its own. What was only seen during the run
    is believed only when its metadata are what they were when the command opened it.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    reads = {**seen.reads, **seen.external}
    if not reads:
        return []
    sealer = _Sealer(workspace, start, seen, objects)
    folded = fold(reads.keys() - seen.held, is_link=sealer.is_link)
    inputs: list[Input] = []
    for directory, files in folded.directories.items():
        inputs += sealer.seal_directory(directory, files)
    inputs += sealer.seal_files((*folded.files, *seen.held))
    return inputs


def find_readable(look: Callable[[], Fingerprint]) -> Fingerprint | None:
    """Return what is somewhere, None when that is gone, unreadable, or still being written."""
    try:
        return look()
    except _UNREADABLE:
        return None


class _Sealer:
    """Fingerprints what was read, once the command has ended."""

    def __init__(
        self,
        workspace: Workspace,
        start: RunStart,
        seen: Seen,
        objects: ObjectWriter,
    ) -> None:
        self._workspace = workspace
        self._start = start
        self._reads: Mapping[RepoPath, FileSignature] = {**seen.reads, **seen.external}
        self._held = seen.held
        self._objects = objects
        self._root = os.fsencode(workspace.root)
        self._rules = LeavingOut(workspace, start.allowed_secrets)
        known = [each for each in start.inputs if each.source == "observed"]
        self._known = {each.path: each for each in known if not each.partial}
        self._known_directories = {each.path: each for each in known if each.partial}

    def is_link(self, path: RepoPath) -> bool:
        """Tell whether a path is a symbolic link."""
        return os.path.islink(self._os_path(path))  # noqa: PTH114  # there may be thousands

    def seal_directory(self, directory: RepoPath, files: Sequence[RepoPath]) -> Iterator[Input]:
        """Yield an input for many files below a directory, and one for each that changed."""
        try:
            found = self._fingerprint(directory, files)
        except _UNREADABLE:
            steady, others = self._split(files)
            yield from self.seal_files(others)
            try:
                found = self._fingerprint(directory, files := steady)
            except _UNREADABLE:
                yield from self.seal_files(steady)
                return
        changed = list(self._find_changed(directory, files, found))
        yield from changed
        if changed:
            out = {each.path for each in changed}
            files = [path for path in files if path not in out]
            if not files:
                return
            found = self._fingerprint(directory, files)
        picks = pick_below(directory, files)
        place = real_path(self._workspace.root, directory)
        yield Input(
            path=directory,
            source="observed",
            fingerprint=found,
            stored=self._is_stored(directory),
            partial=has_others(self._workspace, directory, place, picks, self._rules),
        )

    def seal_files(self, files: Iterable[RepoPath]) -> Iterator[Input]:
        """Yield an input for each of a few files."""
        for path in files:
            known = self._known.get(path)
            yield self._look_late(path) if known is None else self._look_again(known)

    def _fingerprint(self, directory: RepoPath, files: Iterable[RepoPath]) -> Fingerprint:
        place = real_path(self._workspace.root, directory)
        return fingerprint_picked(place, pick_below(directory, files), self._sink_of(directory))

    def _find_changed(
        self, directory: RepoPath, files: Sequence[RepoPath], found: Fingerprint
    ) -> Iterator[Input]:
        """Yield those files of a directory that did not stay as they were, or may not have."""
        _, moved = self._split(files)
        known = self._known_directories.get(directory)
        is_as_known = known is not None and known.fingerprint == found
        if not moved and (is_as_known or not self._before):
            return
        entries = list_files(self._workspace.objects, found, directory)
        suspects = set(moved)
        snapshot = self._list_snapshot([path for path in moved if path not in self._before])
        for path in files:
            after = _of_entry(entries.get(path))
            before = self._before.get(path)
            if before is None and path in suspects and after is not None:
                before = self._read_snapshot(path, snapshot, after)
            if before is None and path not in suspects and after is not None:
                continue
            if before is None or after is None or before.digest != after.digest:
                yield self._changed(path, before, after)

    def _look_again(self, known: KnownInput) -> Input:
        """Look at a file again that was fingerprinted before the command started."""
        place = real_path(self._workspace.root, known.path)
        now = read_signature(place, now_ns=time.time_ns())
        after: Fingerprint | None = known.fingerprint
        if not known.signature.proves_unchanged(now):
            after = find_readable(lambda: fingerprint(place, HashOnly()))
        opened = self._reads[known.path]
        as_opened = max(opened.mtime_ns, opened.ctime_ns)
        # What was there when the command opened it was neither the one nor the other.
        was_between = opened != UNKNOWN_SIGNATURE and as_opened not in {
            known.signature.newest_ns,
            now.newest_ns,
        }
        changed = after != known.fingerprint or was_between
        return Input(
            path=known.path,
            source="observed",
            fingerprint=known.fingerprint,
            changed=changed,
            after=after if changed else None,
            stored=known.stored and known.path not in self._held,
        )

    def _look_late(self, path: RepoPath) -> Input:
        """Look at a file for the first time, and believe it only if nobody touched it."""
        place = real_path(self._workspace.root, path)
        after = find_readable(lambda: fingerprint(place, self._sink_of(path)))
        before = self._before.get(path)
        if after is not None and before is None:
            if self._is_still(path):
                before = after
            else:
                before = self._read_snapshot(path, self._list_snapshot([path]), after)
        if before is None or after is None or before.digest != after.digest:
            return self._changed(path, before, after)
        return Input(path=path, source="observed", fingerprint=after, stored=self._is_stored(path))

    def _changed(
        self, path: RepoPath, before: Fingerprint | None, after: Fingerprint | None
    ) -> Input:
        return Input(
            path=path,
            source="observed",
            fingerprint=before,
            changed=True,
            after=after,
            stored=before is not None and self._is_stored(path),
        )

    def _split(self, files: Sequence[RepoPath]) -> tuple[Sequence[RepoPath], Sequence[RepoPath]]:
        """Return the files that nobody touched since they were opened, and the others."""
        still = [self._is_still(path) for path in files]
        if all(still):
            return files, ()
        return (
            [path for path, each in zip(files, still, strict=True) if each],
            [path for path, each in zip(files, still, strict=True) if not each],
        )

    def _is_still(self, path: RepoPath) -> bool:
        opened = self._reads[path]
        try:
            found = os.stat(self._os_path(path))  # noqa: PTH116  # there may be thousands
        except OSError:  # it was removed this moment
            return False
        return (
            found.st_ctime_ns == opened.ctime_ns
            and found.st_mtime_ns == opened.mtime_ns
            and found.st_size == opened.size
            and found.st_ino == opened.ino
            and found.st_dev == opened.dev
        )

    @cached_property
    def _before(self) -> Mapping[RepoPath, Fingerprint]:
        """What files held before the command started, as far as that is known."""
        before = {path: known.fingerprint for path, known in self._known.items()}
        for path, known in self._known_directories.items():
            with suppress(MissingObjectError, CorruptDataError):
                listed = list_files(self._workspace.objects, known.fingerprint, path)
                before |= {
                    inner: fingerprint_of(entry)
                    for inner, entry in listed.items()
                    if inner in self._reads
                }
        return before

    def _list_snapshot(self, paths: Sequence[RepoPath]) -> Mapping[RepoPath, str]:
        """Return the blobs of untracked files that the code snapshot happens to hold."""
        if not paths:
            return {}
        snapshot = self._start.code.snapshot
        found = self._workspace.git.blob_at([snapshot], [p for p in paths if is_inside(p)])
        return {path: blob for (_, path), blob in found.items()}

    def _read_snapshot(
        self, path: RepoPath, blobs: Mapping[RepoPath, str], like: Fingerprint
    ) -> Fingerprint | None:
        """Return what an untracked file held when the run began, if the snapshot has it."""
        if path not in blobs or len(blobs) > _MOST_FROM_GIT or path in self._held:
            return None
        data = self._workspace.git.read_worktree_file(path, blobs[path])
        content = self._objects.add_bytes(data)
        return Fingerprint(kind=like.kind, digest=content.digest, size_bytes=content.size_bytes)

    def _sink_of(self, path: RepoPath) -> Sink:
        return self._objects if self._is_stored(path) else TreesOnly(self._objects)

    def _is_stored(self, path: RepoPath) -> bool:
        if path in self._held:
            return False
        return is_inside(path) or self._start.store_external

    def _os_path(self, path: RepoPath) -> bytes:
        return os.path.join(self._root, unescape_name(path))  # noqa: PTH118  # as above


def _of_entry(entry: TreeEntry | None) -> Fingerprint | None:
    return None if entry is None else fingerprint_of(entry)
