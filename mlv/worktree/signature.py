"""Tell cheaply whether files may have changed since they were last looked at."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from blake3 import blake3

from mlv.store.stable_read import RACY_NS, pack_state
from mlv.worktree.open_directory import join_path, list_names, opened


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a file, or of everything below a directory, at one moment.

    Attributes:
        value: Hash of path, device, inode, size, mtime, ctime and mode of each file.
        newest_ns: The newest timestamp among them, nanoseconds since 1970.
        taken_ns: When this was taken.
    """

    value: str
    newest_ns: int
    taken_ns: int

    def proves_unchanged(self, later: Signature) -> bool:
        """Tell whether nothing can have changed between this moment and `later`."""
        return self.value == later.value and self.newest_ns < self.taken_ns - RACY_NS


def read_signature(path: Path, *, now_ns: int) -> Signature:
    """Return the signature of a file or directory; one of nothing when it is not there.

    It covers what `fingerprint` covers, as far as that may be looked at.
    """
    hasher = blake3()
    newest_ns = 0
    for place, found in _walk(os.fsencode(path)):
        hasher.update(b"%b\0%b" % (place, pack_state(found)))
        newest_ns = max(newest_ns, found.st_mtime_ns, found.st_ctime_ns)
    return Signature(value=hasher.hexdigest(), newest_ns=newest_ns, taken_ns=now_ns)


def _walk(path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    try:
        found = os.lstat(path)
    except OSError:
        return
    yield path, found
    pending = [path] if stat.S_ISDIR(found.st_mode) else []
    while pending:
        directory = pending.pop()
        for name, inner in _list(directory):
            place = join_path(directory, os.fsencode(name))
            yield place, inner
            if stat.S_ISDIR(inner.st_mode):
                pending.append(place)


def _list(directory: bytes) -> list[tuple[str, os.stat_result]]:
    """Return what is in a directory, as far as that may be looked at."""
    found: list[tuple[str, os.stat_result]] = []
    with suppress(OSError), opened(directory) as descriptor:
        for name in list_names(descriptor):
            with suppress(OSError):
                found.append((name, os.lstat(name, dir_fd=descriptor)))
    return found
