"""What there is to do in a scan, what comes of it, and how it is cut into pieces."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from mlv.store.directory_row import DirectoryPart, KnownTree
from mlv.store.stable_read import STATE_BYTES
from mlv.worktree.columns import split_names

PART_NAMES = 4096
"""How many names a part of a large directory has when it is made."""

MOST_NAMES = 2 * PART_NAMES
"""A directory, or a part, of more names is split."""

LARGE_BYTES = 64 << 20
"""Larger files are taken one by one, by as many threads as there are cores."""

_READ_BYTES = 16 << 20
"""How much to read in one task, about."""

_DIGEST_BYTES = 32


class TakenFile(NamedTuple):
    """What goes into the columns of a part of a directory.

    Attributes:
        kind: Letter of the kind.
        size_bytes: Size of the object.
        digest: Digest of the object, 32 bytes.
        state: What `pack_state` said, or `NO_STATE`.
    """

    kind: int
    size_bytes: int
    digest: bytes
    state: bytes


class ScanTask(msgspec.Struct, frozen=True, kw_only=True):
    """A directory to look at, or a part of one.

    Attributes:
        number: Of the directory, for whoever gave the task.
        path: Of the directory, absolute.
        key: What the stat cache knows the directory by: its path, with something behind
            it when only some names count.
        read_bytes: How much of the files' content may be read on the way.
        first: First name that the part covers.
        names: Names in the part, joined by NUL; None for all that are there.
        directories: Names of the directories among them, when only some names count;
            those of them that are not there are passed over.
        follow_links: Whether links stand for what lies behind them.
    """

    number: int
    path: bytes
    key: bytes
    read_bytes: int
    first: bytes = b""
    names: bytes | None = None
    directories: bytes | None = None
    follow_links: bool = False


class ReadTask(msgspec.Struct, frozen=True, kw_only=True):
    """Files to read that a scan has left.

    Attributes:
        number: Of the directory.
        path: Of the directory, absolute.
        first: First name of the part that they are in.
        names: The files, joined by NUL.
        follow_links: Whether links stand for what lies behind them.
    """

    number: int
    path: bytes
    first: bytes
    names: bytes
    follow_links: bool = False


class ManyNames(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a scan of a directory that has too many names for one task.

    Attributes:
        number: Of the directory.
        names: All names, sorted, joined by NUL.
    """

    number: int
    names: bytes


class ScannedPart(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a scan.

    Attributes:
        number: Of the directory.
        first: First name of the part.
        checksum: Of the row that describes the part in the stat cache.
        row: That row, None when it is in the cache already. Where files are left
            unread, it is not complete.
        subdirectories: Names of the directories in the part, joined by NUL.
        n_files: Files and links in the part.
        total_bytes: How much they hold.
        read_bytes: How much of that was read.
        tree: What the cache knows of the directory's tree, or what was made.
        is_finished: Whether `tree` is that of the directory as it is now.
        unread: Files left to read, with their sizes.
        gone: Names of directories that the cache knew and that are not there any more.
    """

    number: int
    first: bytes
    checksum: bytes
    row: bytes | None
    subdirectories: bytes
    n_files: int
    total_bytes: int
    read_bytes: int
    tree: KnownTree | None
    is_finished: bool
    unread: tuple[tuple[bytes, int], ...]
    gone: tuple[bytes, ...]


class ReadFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a `ReadTask`: the files in the order of its names."""

    number: int
    first: bytes
    names: bytes
    files: tuple[TakenFile, ...]


Task = ScanTask | ReadTask
Result = ScannedPart | ManyNames | ReadFiles


class OpenPart:
    """A part of a directory some of whose files are still to be read."""

    def __init__(self, part: DirectoryPart, n_unread: int) -> None:
        self.n_unread = n_unread
        self._part = part
        self._index = {name: index for index, name in enumerate(split_names(part.names))}
        self._kinds = bytearray(part.kinds)
        self._states = bytearray(part.states)
        self._sizes = array("Q", part.sizes)
        self._digests = bytearray(part.digests)

    def fill(self, result: ReadFiles) -> None:
        """Put files that were read in their places."""
        for name, taken in zip(split_names(result.names), result.files, strict=True):
            at = self._index[name]
            self._kinds[at] = taken.kind
            self._sizes[at] = taken.size_bytes
            self._states[at * STATE_BYTES : (at + 1) * STATE_BYTES] = taken.state
            self._digests[at * _DIGEST_BYTES : (at + 1) * _DIGEST_BYTES] = taken.digest
        self.n_unread -= len(result.files)

    def part(self) -> DirectoryPart:
        """Return the part as it is now."""
        return msgspec.structs.replace(
            self._part,
            kinds=bytes(self._kinds),
            states=bytes(self._states),
            sizes=self._sizes.tobytes(),
            digests=bytes(self._digests),
        )


def slice_names(
    names: Sequence[bytes], firsts: Sequence[bytes]
) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Yield the parts of a large directory, each with the first name that it covers.

    Args:
        names: All names, sorted.
        firsts: First names of the parts that there were, sorted. They stay, so that a
            new name changes one part; what has become too large is split. A part may
            be empty.
    """
    starts = sorted({b"", *firsts})
    bounds = [bisect_left(names, first) for first in starts] + [len(names)]
    for first, (begin, end) in zip(starts, pairwise(bounds), strict=True):
        step = PART_NAMES if end - begin > MOST_NAMES else max(end - begin, 1)
        yield first, names[begin : min(begin + step, end)]
        for at in range(begin + step, end, step):
            yield names[at], names[at : min(at + step, end)]


def plan_reads(
    path: bytes, scanned: ScannedPart, *, follow_links: bool
) -> Iterator[tuple[ReadTask, int]]:
    """Yield tasks for the files that a scan has left, each with how much it has to read.

    Large files are alone in a task.
    """
    names: list[bytes] = []
    n_bytes = 0
    for name, size_bytes in scanned.unread:
        if names and n_bytes + size_bytes > _READ_BYTES:
            yield _read_task(path, scanned, names, follow_links=follow_links), n_bytes
            names, n_bytes = [], 0
        names.append(name)
        n_bytes += size_bytes
    if names:
        yield _read_task(path, scanned, names, follow_links=follow_links), n_bytes


def _read_task(
    path: bytes, scanned: ScannedPart, names: Sequence[bytes], *, follow_links: bool
) -> ReadTask:
    return ReadTask(
        number=scanned.number,
        path=path,
        first=scanned.first,
        names=b"\0".join(names),
        follow_links=follow_links,
    )
