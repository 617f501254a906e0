"""Tell cheaply whether files may have changed since they were last looked at."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
from blake3 import blake3

from mlv.store.stable_read import RACY_NS, file_state
from mlv.worktree.fingerprint import SKIPPED_NAMES


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
    for name, found in _walk(path):
        hasher.update(b"%b\0%d %d %d %d %d %o\n" % (os.fsencode(name), *file_state(found)))
        newest_ns = max(newest_ns, found.st_mtime_ns, found.st_ctime_ns)
    return Signature(value=hasher.hexdigest(), newest_ns=newest_ns, taken_ns=now_ns)


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        found = path.lstat()
    except OSError:
        return
    yield str(path), found
    if not stat.S_ISDIR(found.st_mode):
        return
    try:
        names = sorted(each.name for each in path.iterdir())
    except OSError:
        return
    for name in names:
        if name not in SKIPPED_NAMES:
            yield from _walk(path / name)
