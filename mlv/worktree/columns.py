"""Between the columns in which the stat cache keeps a directory, and the entries of its tree."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping

from blake3 import blake3

from mlv.core.tree import EntryKind, Fingerprint, RawEntry
from mlv.store.directory_row import DirectoryPart

FILE, EXEC, LINK, DIRECTORY, PASSED_OVER = b"fxlds"
"""Letters of kinds; sockets, pipes and devices are passed over."""

KINDS: Mapping[int, EntryKind] = {FILE: "file", EXEC: "exec", LINK: "link"}
"""What the letters stand for, those of directories and of what is passed over aside."""

_DIGEST_BYTES = 32
_INNER = struct.Struct("<QQQ")


def join_names(names: Iterable[str]) -> bytes:
    """Return names as a column holds them."""
    return os.fsencode("\0".join(names))


def split_names(joined: bytes) -> list[bytes]:
    """Return the names that a column holds."""
    return joined.split(b"\0") if joined else []


def count_files(part: DirectoryPart) -> tuple[int, int]:
    """Return how many files and links a part has, and how many bytes these hold."""
    n_others = part.kinds.count(DIRECTORY) + part.kinds.count(PASSED_OVER)
    return len(part.kinds) - n_others, sum(read_sizes(part))


def read_sizes(part: DirectoryPart) -> array[int]:
    """Return the column of sizes as numbers."""
    return array("Q", part.sizes)


def subdirectories_of(part: DirectoryPart) -> list[bytes]:
    """Return the names of the directories in a part."""
    if DIRECTORY not in part.kinds:
        return []
    names = split_names(part.names)
    return [name for name, kind in zip(names, part.kinds, strict=True) if kind == DIRECTORY]


def raw_entries_of(part: DirectoryPart, inner: Mapping[bytes, Fingerprint]) -> Iterator[RawEntry]:
    """Yield the entries of a tree, in the order of their names.

    Args:
        part: Of a directory.
        inner: Fingerprints of its subdirectories.
    """
    columns = zip(split_names(part.names), part.kinds, read_sizes(part), strict=True)
    for index, (name, kind, size_bytes) in enumerate(columns):
        if kind == DIRECTORY:
            found = inner[name]
            yield RawEntry(name, "dir", bytes.fromhex(found.digest), found.size_bytes)
        elif kind != PASSED_OVER:
            at = index * _DIGEST_BYTES
            digest = part.digests[at : at + _DIGEST_BYTES]
            yield RawEntry(name, KINDS[kind], digest, size_bytes)


def covers_of(checksums: Iterable[bytes], inner: Mapping[bytes, Fingerprint]) -> bytes:
    """Return a digest of all that the tree of a directory is made of.

    Args:
        checksums: Of the parts of the directory, in order.
        inner: Fingerprints of its subdirectories.
    """
    hasher = blake3(b"".join(checksums))
    for name, found in sorted(inner.items()):
        hasher.update(b"%b/%b" % (name, found.digest.encode()))
        hasher.update(_INNER.pack(found.size_bytes, found.n_files, found.total_bytes))
    return hasher.digest()
