"""Look at one directory, and read what is new in it, with as little work a file as possible."""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Sequence
from typing import TypeGuard

from mlv.core.tree import RawEntry
from mlv.core.tree_buckets import encode_raw_directory
from mlv.errors import UnreadableFileError
from mlv.store.directory_cache import KnownPart
from mlv.store.directory_row import (
    NOT_STORED,
    DirectoryPart,
    KnownTree,
    checksum_of,
    encode_part,
)
from mlv.store.stable_read import STATE_BYTES, pack_state
from mlv.worktree.columns import (
    DIRECTORY,
    FILE,
    LINK,
    PASSED_OVER,
    count_files,
    covers_of,
    join_names,
    raw_entries_of,
    read_sizes,
    split_names,
    subdirectories_of,
)
from mlv.worktree.open_directory import list_names, opened
from mlv.worktree.scan_file import NO_DIGEST, FileTaker
from mlv.worktree.scan_tasks import (
    MOST_NAMES,
    ManyNames,
    ReadFiles,
    ReadTask,
    ScannedPart,
    ScanTask,
    TakenFile,
)
from mlv.worktree.sinks import Taker

_DIGEST_BYTES = 32


def scan_part(task: ScanTask, taker: Taker) -> ScannedPart | ManyNames:
    """Look at a directory or a part of it, read what is new, and make the tree if that can be.

    Raises:
        UnreadableFileError: Something has a name or is a link that cannot be stored.
        FileChangedError: A file changed each time while it was being read.
        OSError: Something cannot be read, or is not there any more; with its path.
    """
    with opened(task.path) as descriptor:
        if task.names is not None:
            names = os.fsdecode(task.names).split("\0") if task.names else []
        else:
            names = list_names(descriptor)
            if len(names) > MOST_NAMES:
                return ManyNames(number=task.number, names=join_names(names))
        return _PartScan(task, taker, descriptor).scan(names)


def read_files(task: ReadTask, taker: Taker) -> ReadFiles:
    """Read files that a scan has left.

    Raises:
        UnreadableFileError, FileChangedError, OSError: As `scan_part`.
    """
    with opened(task.path) as descriptor:
        files = FileTaker(
            taker, task.path, descriptor, time.time_ns(), follow_links=task.follow_links
        )
        names = split_names(task.names)
        taken = tuple(files.look_and_take(os.fsdecode(name)) for name in names)
    return ReadFiles(number=task.number, first=task.first, names=task.names, files=taken)


def make_tree(path: bytes, entries: Sequence[RawEntry], taker: Taker) -> tuple[bytes, int]:
    """Give the tree of a directory to a sink, and return its digest and size.

    Raises:
        UnreadableFileError: A name cannot be stored.
    """
    try:
        encoded = encode_raw_directory(entries)
    except ValueError as error:
        message = f"the directory {os.fsdecode(path)!r} cannot be stored: {error}"
        raise UnreadableFileError(message) from error
    for bucket in encoded.buckets:
        taker.add_bytes(bucket)
    content = taker.add_bytes(encoded.data)
    return bytes.fromhex(content.digest), content.size_bytes


def mark_of(taker: Taker) -> bytes:
    """Return the mark of what a sink takes: whether it is in the store afterwards."""
    if taker.directories is None or taker.is_known is None:
        return NOT_STORED
    return taker.directories.mark


def is_valid(
    known: KnownTree | None, covers: bytes, taker: Taker, mark: bytes
) -> TypeGuard[KnownTree]:
    """Tell whether a tree that the cache knows is that of the directory as it is now.

    Args:
        known: The tree.
        covers: Digest of all that the tree of the directory is made of now.
        taker: Says whether the tree has to be in the store.
        mark: Of what is in the store.
    """
    if known is None or known.covers != covers:
        return False
    if taker.has_tree is not None:
        return taker.has_tree(known.digest, known.size_bytes)
    return taker.is_known is None or known.mark == mark != NOT_STORED


class _PartScan:
    """Looks at one part of an open directory."""

    def __init__(self, task: ScanTask, taker: Taker, descriptor: int) -> None:
        self._task = task
        self._taker = taker
        self._descriptor = descriptor
        self._left_bytes = task.read_bytes
        self._unread: list[tuple[bytes, int]] = []
        directories = taker.directories
        self._known = None if directories is None else directories.find(task.key, task.first)
        self._mark = mark_of(taker)

    def scan(self, names: list[str]) -> ScannedPart:
        task, descriptor, lstat = self._task, self._descriptor, os.lstat
        now_ns = time.time_ns()
        files = FileTaker(
            self._taker, task.path, descriptor, now_ns, follow_links=task.follow_links
        )
        if task.directories is None:
            found = [lstat(name, dir_fd=descriptor) for name in names]
        else:
            names, found = self._look_at_picked(names, task.directories)
        states = [pack_state(each) for each in found]
        if self._known is not None and self._is_stored(self._known):
            part = self._known.part
            if part.names == join_names(names) and part.states == b"".join(states):
                return self._finish(part, self._known.checksum, None)
        part = self._fill(names, found, states, files)
        row = encode_part(part, self._task.key, self._task.first)
        return self._finish(part, checksum_of(row), row)

    def _look_at_picked(
        self, names: list[str], directories: bytes
    ) -> tuple[list[str], list[os.stat_result]]:
        """Return those names that are there, and are of files or directories as they should be."""
        inner = set(os.fsdecode(directories).split("\0"))
        there: list[str] = []
        found: list[os.stat_result] = []
        for name in names:
            try:
                status = os.lstat(name, dir_fd=self._descriptor)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode) == (name in inner):
                there.append(name)
                found.append(status)
        return there, found

    def _is_stored(self, known: KnownPart) -> bool:
        """Tell whether all that a part names is where it has to be."""
        if self._taker.is_known is None:
            return True
        return known.part.mark == self._mark != NOT_STORED

    def _fill(
        self,
        names: list[str],
        found: list[os.stat_result],
        states: list[bytes],
        files: FileTaker,
    ) -> DirectoryPart:
        earlier = self._earlier()
        rows: list[TakenFile] = []
        for index, (name, state) in enumerate(zip(names, states, strict=True)):
            taken = earlier.get((name, state))
            if taken is None:
                taken = self._take(name, found[index], state, files)
            rows.append(taken)
        kinds, sizes, digests, kept_states = zip(*rows, strict=True) if rows else ((), (), (), ())
        return DirectoryPart(
            mark=self._mark,
            names=join_names(names),
            kinds=bytes(kinds),
            states=b"".join(kept_states),
            sizes=array("Q", sizes).tobytes(),
            digests=b"".join(digests),
        )

    def _take(self, name: str, found: os.stat_result, state: bytes, files: FileTaker) -> TakenFile:
        if stat.S_ISDIR(found.st_mode):
            return TakenFile(DIRECTORY, 0, NO_DIGEST, state)
        if found.st_size > self._left_bytes:
            self._unread.append((os.fsencode(name), found.st_size))
            return TakenFile(FILE, found.st_size, NO_DIGEST, state)
        self._left_bytes -= found.st_size
        return files.take(name, found, state)

    def _earlier(self) -> dict[tuple[str, bytes], TakenFile]:
        """Return what is known of files, by their name and state."""
        known = {} if self._known is None else self._files_of(self._known)
        task, directories = self._task, self._taker.directories
        if task.key != task.path and directories is not None:
            # All of the directory may have been scanned before.
            whole = directories.find(task.path, task.first)
            known = known if whole is None else {**self._files_of(whole), **known}
        return known

    def _files_of(self, earlier: KnownPart) -> dict[tuple[str, bytes], TakenFile]:
        part = earlier.part
        is_stored = self._is_stored(earlier)
        known: dict[tuple[str, bytes], TakenFile] = {}
        names = os.fsdecode(part.names).split("\0") if part.names else []
        for index, (name, kind, size) in enumerate(
            zip(names, part.kinds, read_sizes(part), strict=True)
        ):
            if kind in {DIRECTORY, PASSED_OVER} or (kind == LINK and self._task.follow_links):
                continue
            state = part.states[index * STATE_BYTES : (index + 1) * STATE_BYTES]
            digest = part.digests[index * _DIGEST_BYTES : (index + 1) * _DIGEST_BYTES]
            if is_stored or self._taker.is_known is None or self._taker.is_known(digest, size):
                known[name, state] = TakenFile(kind, size, digest, state)
        return known

    def _finish(self, part: DirectoryPart, checksum: bytes, row: bytes | None) -> ScannedPart:
        n_files, total_bytes = count_files(part)
        subdirectories = subdirectories_of(part)
        known = tree = None if self._known is None else self._known.tree
        is_finished = not subdirectories and not self._unread and self._task.names is None
        if is_finished:
            tree = self._tree(part, checksum, n_files, total_bytes)
            if tree is not known and row is None:
                row = encode_part(part, self._task.key, self._task.first)
        return ScannedPart(
            number=self._task.number,
            first=self._task.first,
            checksum=checksum,
            row=row,
            subdirectories=b"\0".join(subdirectories),
            n_files=n_files,
            total_bytes=total_bytes,
            read_bytes=self._task.read_bytes - self._left_bytes,
            tree=tree,
            is_finished=is_finished,
            unread=tuple(self._unread),
            gone=() if row is None else self._gone(subdirectories),
        )

    def _gone(self, subdirectories: list[bytes]) -> tuple[bytes, ...]:
        if self._known is None or self._task.directories is not None:
            return ()
        return tuple(set(subdirectories_of(self._known.part)).difference(subdirectories))

    def _tree(
        self, part: DirectoryPart, checksum: bytes, n_files: int, total_bytes: int
    ) -> KnownTree:
        """Return the tree of a directory without subdirectories."""
        covers = covers_of((checksum,), {})
        known = None if self._known is None else self._known.tree
        if is_valid(known, covers, self._taker, self._mark):
            return known
        digest, size_bytes = make_tree(self._task.path, list(raw_entries_of(part, {})), self._taker)
        return KnownTree(
            mark=self._mark,
            covers=covers,
            digest=digest,
            size_bytes=size_bytes,
            n_files=n_files,
            total_bytes=total_bytes,
        )
