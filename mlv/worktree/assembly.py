"""Put together what scans of single directories found, from the leaves up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from mlv.core.digest import Digest
from mlv.core.tree import Fingerprint, RawEntry
from mlv.errors import FileChangedError
from mlv.store.directory_row import (
    DirectoryPart,
    KnownTree,
    checksum_of,
    decode_part,
    encode_part,
)
from mlv.worktree.columns import count_files, covers_of, raw_entries_of, split_names
from mlv.worktree.open_directory import check_depth, join_path
from mlv.worktree.picks import Picks
from mlv.worktree.scan_directory import is_valid, make_tree, mark_of
from mlv.worktree.scan_plan import ScanPlan
from mlv.worktree.scan_tasks import (
    LARGE_BYTES,
    ManyNames,
    OpenPart,
    ReadFiles,
    ReadTask,
    Result,
    ScannedPart,
    ScanTask,
    Task,
    plan_reads,
    slice_names,
)
from mlv.worktree.scanned import Directory
from mlv.worktree.sinks import Taker

_MANY_PARTS = 16


class Progress(Protocol):
    """Is told how far a scan has come."""

    def __call__(self, n_files: int, n_bytes: int) -> None:
        """Take how many more files were looked at, and how many more bytes were read."""


class Assembly:
    """Takes what scans find, says what to do next, and makes the trees.

    Args:
        path: The directory that it is about, absolute.
        taker: Where trees go.
        read_bytes: How much may be read within one task.
        keep: Whether to keep what is known of directories that are finished.
        progress: Is told of each result.
        picks: Which files count; None for all.
    """

    def __init__(
        self,
        path: bytes,
        taker: Taker,
        *,
        read_bytes: int,
        keep: bool,
        progress: Progress | None,
        picks: Picks | None = None,
    ) -> None:
        self._plan = ScanPlan(path, taker.directories, read_bytes=read_bytes, picks=picks)
        self.root = Directory(0, path, None, self._plan.suffix)
        self.n_names = 0
        self.n_bytes = 0
        self.large: list[ReadTask] = []
        self._taker = taker
        self._mark = mark_of(taker)
        self._keep = keep
        self._progress = progress
        self._directories = {0: self.root}
        self._open: dict[tuple[int, bytes], OpenPart] = {}
        self._n_directories = 1
        self._late: list[Directory] = []

    def first_tasks(self) -> list[ScanTask]:
        """Return what to begin with."""
        return list(self._plan.look_into(self.root))

    def take(self, result: Result) -> list[Task]:
        """Take what came of a task, and return tasks that come of that.

        Raises:
            UnreadableFileError: A name cannot be stored.
            OSError: The sink refuses a tree.
        """
        if isinstance(result, ManyNames):
            return list(self._split(result))
        if isinstance(result, ReadFiles):
            self._fill(result)
            return []
        return self._take_part(result)

    def end(self) -> None:
        """Make the trees of the directories that were put off; to be called at last.

        Raises:
            UnreadableFileError, OSError: As `take`.
        """
        while self._late:
            directory = self._late.pop()
            self._end(directory, self._make_tree(directory))
            self._settle(directory.parent)

    def part(self, directory: Directory, first: bytes) -> DirectoryPart:
        """Return the entries of a part of a directory, as the scan found them.

        Raises:
            FileChangedError: They are not known any more, and have changed meanwhile.
        """
        checksum, row = directory.parts[first]
        if row is not None:
            part = decode_part(row, directory.key, first)
            if part is not None:
                return part
        if self._taker.directories is not None:
            known = self._taker.directories.find(directory.key, first)
            if known is not None and known.checksum == checksum:
                return known.part
        message = f"{os.fsdecode(directory.path)!r} changed while it was being read"
        raise FileChangedError(message, hint="run the same command again")

    def _take_part(self, result: ScannedPart) -> list[Task]:
        directory = self._directories[result.number]
        self._count(result.n_files - len(result.unread), result.read_bytes)
        self.n_names += result.n_files
        self._forget(directory, result.gone)
        directory.parts[result.first] = (result.checksum, result.row)
        if not result.first:
            directory.tree = result.tree
        if not result.unread:
            directory.n_files += result.n_files
            directory.total_bytes += result.total_bytes
        tasks = [*self._descend(directory, result), *self._read(directory, result)]
        if result.is_finished and result.tree is not None:
            self._end(directory, result.tree)
            self._settle(directory.parent)
        else:
            self._settle(directory)
        return tasks

    def _descend(self, directory: Directory, result: ScannedPart) -> Iterator[Task]:
        if result.subdirectories:
            check_depth(self.root.path, directory.path)
        for name in split_names(result.subdirectories):
            path = join_path(directory.path, name)
            inner = Directory(self._n_directories, path, directory, self._plan.suffix)
            self._directories[inner.number] = inner
            self._n_directories += 1
            directory.n_pending += 1
            if self._keep:
                directory.inner[name] = inner
            yield from self._plan.look_into(inner)

    def _read(self, directory: Directory, result: ScannedPart) -> Iterator[Task]:
        """Yield tasks for what was left unread; put large files aside."""
        if not result.unread or result.row is None:
            return
        part = _decode(result.row, directory.key, result.first)
        self._open[result.number, result.first] = OpenPart(part, len(result.unread))
        directory.n_pending += 1
        plan = plan_reads(directory.path, result, follow_links=self._plan.follow_links)
        for task, n_bytes in plan:
            if n_bytes > LARGE_BYTES:
                self.large.append(task)
            else:
                self.n_bytes += n_bytes
                yield task

    def _fill(self, result: ReadFiles) -> None:
        key = (result.number, result.first)
        directory, part = self._directories[result.number], self._open[key]
        part.fill(result)
        self._count(len(result.files), sum(taken.size_bytes for taken in result.files))
        if part.n_unread:
            return
        del self._open[key]
        filled = part.part()
        row = encode_part(filled, directory.key, result.first)
        directory.parts[result.first] = (checksum_of(row), row)
        n_files, total_bytes = count_files(filled)
        directory.n_files += n_files
        directory.total_bytes += total_bytes
        self._settle(directory)

    def _split(self, result: ManyNames) -> Iterator[Task]:
        """Yield the parts of a large directory: those that the cache knows, split where needed."""
        directory = self._directories[result.number]
        cache = self._taker.directories
        names = split_names(result.names)
        self.n_names += len(names)
        firsts = self._plan.list_parts(directory)
        directory.n_pending -= 1
        for first, part in slice_names(names, firsts):
            if part or not first:
                directory.n_pending += 1
                yield self._plan.task(directory, first, part)
            elif cache is not None:
                cache.forget_part(directory.path, first)

    def _settle(self, directory: Directory | None) -> None:
        """Take note that a part or a subdirectory is done; end what that was the last of.

        The tree of a huge directory takes much memory, so it is put off until the other
        processes have given theirs back.
        """
        while directory is not None:
            directory.n_pending -= 1
            if directory.n_pending:
                return
            if len(directory.parts) > _MANY_PARTS:
                self._late.append(directory)
                return
            self._end(directory, self._make_tree(directory))
            directory = directory.parent

    def _make_tree(self, directory: Directory) -> KnownTree:
        firsts = sorted(directory.parts)
        checksums = [directory.parts[first][0] for first in firsts]
        covers = covers_of(checksums, directory.fingerprints)
        if is_valid(directory.tree, covers, self._taker, self._mark):
            return directory.tree
        entries: list[RawEntry] = []
        for first in firsts:
            entries += raw_entries_of(self.part(directory, first), directory.fingerprints)
        digest, size_bytes = make_tree(directory.path, entries, self._taker)
        return KnownTree(
            mark=self._mark,
            covers=covers,
            digest=digest,
            size_bytes=size_bytes,
            n_files=directory.n_files,
            total_bytes=directory.total_bytes,
        )

    def _end(self, directory: Directory, tree: KnownTree) -> None:
        """Take the tree of a directory that is finished."""
        directory.found = found = Fingerprint(
            kind="dir",
            digest=Digest(tree.digest.hex()),
            size_bytes=tree.size_bytes,
            n_files=tree.n_files,
            total_bytes=tree.total_bytes,
        )
        self._remember(directory, tree)
        del self._directories[directory.number]
        if not self._keep:
            directory.parts.clear()
        if directory.parent is not None:
            directory.parent.fingerprints[directory.name] = found
            directory.parent.n_files += found.n_files
            directory.parent.total_bytes += found.total_bytes

    def _remember(self, directory: Directory, tree: KnownTree) -> None:
        """Put what is new of a directory into the cache."""
        cache = self._taker.directories
        if cache is None:
            return
        for first, (_, row) in directory.parts.items():
            known = tree if not first else None
            new = row
            if row is None and known is not None and known is not directory.tree:
                new = encode_part(self.part(directory, first), directory.key, first)
            if new is not None:
                cache.add(directory.key, first, known, new)

    def _forget(self, directory: Directory, gone: Iterable[bytes]) -> None:
        if self._taker.directories is not None:
            for name in gone:
                self._taker.directories.forget_directory(join_path(directory.path, name))

    def _count(self, n_files: int, n_bytes: int) -> None:
        self.n_bytes += n_bytes
        if self._progress is not None:
            self._progress(n_files, n_bytes)


def _decode(row: bytes, path: bytes, first: bytes) -> DirectoryPart:
    part = decode_part(row, path, first)
    if part is None:
        message = "a row that was just made does not decode"
        raise AssertionError(message)
    return part
