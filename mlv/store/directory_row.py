"""What the stat cache keeps of a directory, as the bytes of one row under a checksum.

The checksum covers what the row is about, so that neither a damaged row nor one in the
wrong place is ever believed.
"""

from __future__ import annotations

import struct

import msgspec
from blake3 import blake3

from mlv.store.stable_read import STATE_BYTES

NOT_STORED = bytes(8)
"""The mark of what may not be in the store."""

_CHECKSUM_BYTES = 32
_PART = struct.Struct("<8sII")
_TREE = struct.Struct("<8s32s32sQQQ")
_WIDTHS = (STATE_BYTES, 1, 8, 32)


class DirectoryPart(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a directory, sorted by name, as columns.

    Attributes:
        mark: Says whether all contents are in the store.
        names: Raw names, joined by NUL.
        kinds: One letter an entry.
        states: What `pack_state` said of each; zeros where that is not to be believed.
        sizes: Sizes of the objects, eight bytes each.
        digests: Digests of the objects, 32 bytes each; zeros for a directory.
    """

    mark: bytes
    names: bytes
    kinds: bytes
    states: bytes
    sizes: bytes
    digests: bytes


class KnownTree(msgspec.Struct, frozen=True, kw_only=True):
    """The tree that was made of the parts of a directory.

    Attributes:
        mark: Says whether the tree is in the store.
        covers: Digest of all that the tree was made of.
        digest: Of the tree, 32 bytes.
        size_bytes: Of the tree.
        n_files: Files and links in it, at any depth.
        total_bytes: How many bytes these hold.
    """

    mark: bytes
    covers: bytes
    digest: bytes
    size_bytes: int
    n_files: int
    total_bytes: int


def encode_part(part: DirectoryPart, path: bytes, first: bytes) -> bytes:
    """Return a part as one row holds it; it begins with its checksum."""
    header = _PART.pack(part.mark, len(part.kinds), len(part.names))
    columns = (part.states, part.kinds, part.sizes, part.digests, part.names)
    body = b"".join((header, *columns))
    return _checksum(body, path, first) + body


def decode_part(row: bytes, path: bytes, first: bytes) -> DirectoryPart | None:
    """Return what `encode_part` was given; None when the row is damaged."""
    body = row[_CHECKSUM_BYTES:]
    if len(body) < _PART.size or row[:_CHECKSUM_BYTES] != _checksum(body, path, first):
        return None
    mark, n, n_names = _PART.unpack_from(body)
    at = _PART.size
    if len(body) != at + n * sum(_WIDTHS) + n_names:
        return None
    columns = []
    for width in _WIDTHS:
        columns.append(body[at : at + n * width])
        at += n * width
    states, kinds, sizes, digests = columns
    return DirectoryPart(
        mark=mark, names=body[at:], kinds=kinds, states=states, sizes=sizes, digests=digests
    )


def checksum_of(row: bytes) -> bytes:
    """Return the checksum that a row begins with."""
    return row[:_CHECKSUM_BYTES]


def encode_known_tree(tree: KnownTree, path: bytes) -> bytes:
    """Return what is known of a tree as a row holds it."""
    body = _TREE.pack(
        tree.mark, tree.covers, tree.digest, tree.size_bytes, tree.n_files, tree.total_bytes
    )
    return _checksum(body, path, b"") + body


def decode_known_tree(row: bytes, path: bytes) -> KnownTree | None:
    """Return what `encode_known_tree` was given; None when it is damaged."""
    body = row[_CHECKSUM_BYTES:]
    if len(body) != _TREE.size or row[:_CHECKSUM_BYTES] != _checksum(body, path, b""):
        return None
    mark, covers, digest, size_bytes, n_files, total_bytes = _TREE.unpack(body)
    return KnownTree(
        mark=mark,
        covers=covers,
        digest=digest,
        size_bytes=size_bytes,
        n_files=n_files,
        total_bytes=total_bytes,
    )


def _checksum(body: bytes, path: bytes, first: bytes) -> bytes:
    hasher = blake3(struct.pack("<II", len(path), len(first)))
    hasher.update(path)
    hasher.update(first)
    hasher.update(body)
    return hasher.digest()
