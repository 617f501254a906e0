r"""Trees of any size: one object up to 4,096 entries, buckets beyond.

The object of a larger directory lists buckets, by a byte of the digest of each name:

    mlv-tree-buckets 1
    00 5f1b...e2 301220
    01 09aa...41 299871

A bucket is a tree object itself: its entries, or buckets by the next byte. So a
change of one entry rewrites one bucket, and the list of buckets.

Source: docs/reference/store-format.md, "Buckets".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

import msgspec
from blake3 import blake3

from mlv.core.digest import DigestField, digest_of
from mlv.core.paths import escape_name
from mlv.core.run import Content
from mlv.core.tree import (
    MAX_PLAIN_ENTRIES,
    RawEntry,
    TreeEntry,
    decode_tree,
    encode_raw_tree,
    raw_entries,
    raw_names,
)

BUCKETS_HEADER = b"mlv-tree-buckets 1\n"

ReadObject = Callable[[Content], bytes]
"""Returns the bytes of an object, verified, or raises."""

_LINE = re.compile(r"^([0-9a-f]{2}) ([0-9a-f]{64}) ([1-9][0-9]*)$", re.MULTILINE)
_MAX_DEPTH = 32  # bytes of a digest


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """The object that holds a part of a directory.

    Attributes:
        index: Which byte the digests of its names have in common, 0 to 255.
        digest: Digest of the object.
        size_bytes: Size of the object.
    """

    index: int
    digest: DigestField
    size_bytes: int

    @property
    def content(self) -> Content:
        """The object."""
        return Content(digest=self.digest, size_bytes=self.size_bytes)


class EncodedDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of one directory.

    Attributes:
        data: The object that stands for the directory.
        buckets: The objects below it, each before the one that names it.
    """

    data: bytes
    buckets: tuple[bytes, ...] = ()

    @property
    def content(self) -> Content:
        """The object that stands for the directory."""
        return Content(digest=digest_of(self.data), size_bytes=len(self.data))


def encode_directory(entries: Iterable[TreeEntry]) -> EncodedDirectory:
    """Return the objects of the directory that holds `entries`, in whatever order they come.

    Raises:
        ValueError: A name is not allowed, is not escaped as `escape_name` does it,
            or comes twice.
    """
    return encode_raw_directory(raw_entries(entries))


def encode_raw_directory(entries: Sequence[RawEntry]) -> EncodedDirectory:
    """Return the objects of the directory that holds `entries`, in whatever order they come.

    Raises:
        ValueError: A name is not allowed or comes twice.
    """
    return encode_part(entries, 0)


def is_bucketed(data: bytes) -> bool:
    """Tell whether a tree object lists buckets instead of entries."""
    return data.startswith(BUCKETS_HEADER)


def decode_buckets(data: bytes) -> tuple[Bucket, ...]:
    """Return the buckets of a tree object, sorted by index.

    Raises:
        ValueError: `data` is no list of buckets in canonical form.
    """
    if not is_bucketed(data):
        message = "not a list of buckets: the header is missing"
        raise ValueError(message)
    text = data[len(BUCKETS_HEADER) :].decode()
    fields = _LINE.findall(text)
    indices = [index for index, _, _ in fields]
    if (
        not fields
        or len(fields) != text.count("\n")
        or not text.endswith("\n")
        or indices != sorted(set(indices))
    ):
        message = "not a list of buckets in canonical form"
        raise ValueError(message)
    return tuple(
        Bucket(index=int(index, 16), digest=digest, size_bytes=int(size))
        for index, digest, size in fields
    )


def read_directory(content: Content, read: ReadObject) -> tuple[TreeEntry, ...]:
    """Return all entries of a directory, sorted by the raw bytes of their names.

    Args:
        content: The object that stands for the directory.
        read: Called for this object, and for each bucket.

    Raises:
        ValueError: An object is not exactly what `encode_directory` makes of these entries.
    """
    data = read_object(content, read)
    if not is_bucketed(data):
        return decode_tree(data)
    entries = _read_buckets(data, read, b"")
    in_order = sorted(zip(raw_names(entries), entries, strict=True))
    return tuple([entry for _, entry in in_order])


def encode_part(entries: Sequence[RawEntry], depth: int) -> EncodedDirectory:
    """Return the objects of a directory, or of a bucket that lies in `depth` others."""
    if len(entries) <= MAX_PLAIN_ENTRIES:
        return EncodedDirectory(data=encode_raw_tree(entries))
    if depth == _MAX_DEPTH:
        # Names with the same digest are the same name.
        message = f"the name {escape_name(entries[0].name)!r} comes twice in one tree"
        raise ValueError(message)
    parts: list[list[RawEntry]] = [[] for _ in range(256)]
    for entry in entries:
        parts[blake3(entry[0]).digest()[depth]].append(entry)
    objects: list[bytes] = []
    contents: dict[int, Content] = {}
    for index, part in enumerate(parts):
        if part:
            inner = encode_part(part, depth + 1)
            objects += [*inner.buckets, inner.data]
            contents[index] = inner.content
    return EncodedDirectory(data=encode_buckets(contents), buckets=tuple(objects))


def encode_buckets(contents: Mapping[int, Content]) -> bytes:
    """Return the object that lists buckets, given each one's object by its index."""
    lines = [
        f"{index:02x} {content.digest} {content.size_bytes}\n"
        for index, content in sorted(contents.items(), key=itemgetter(0))
    ]
    return BUCKETS_HEADER + "".join(lines).encode()


def read_part(data: bytes, read: ReadObject, place: bytes) -> Sequence[TreeEntry]:
    """Return the entries of a directory, or of a bucket, in no order.

    Args:
        data: The object.
        read: Called for each bucket in it.
        place: Index of the bucket that the object is, after those of the buckets
            around it; empty for a whole directory.

    Raises:
        ValueError: As `read_directory`.
    """
    if is_bucketed(data):
        return _read_buckets(data, read, place)
    entries = decode_tree(data)
    if place:
        _check_place(entries, place)
    return entries


def read_object(content: Content, read: ReadObject) -> bytes:
    """Return the bytes of a tree object.

    Raises:
        ValueError: It is not as large as it should be.
    """
    data = read(content)
    if len(data) != content.size_bytes:
        message = f"{len(data)} bytes where a tree of {content.size_bytes} should be"
        raise ValueError(message)
    return data


def place_below(place: bytes, index: int) -> bytes:
    """Return where a bucket lies that is in the bucket at `place`.

    Raises:
        ValueError: No name has so many bytes in its digest.
    """
    if len(place) == _MAX_DEPTH:
        message = "buckets lie too deep in each other"
        raise ValueError(message)
    return place + bytes((index,))


def _read_buckets(data: bytes, read: ReadObject, place: bytes) -> list[TreeEntry]:
    entries: list[TreeEntry] = []
    for bucket in decode_buckets(data):
        inner = place_below(place, bucket.index)
        entries += read_part(read_object(bucket.content, read), read, inner)
    if len(entries) <= MAX_PLAIN_ENTRIES:
        message = f"{len(entries)} entries need no buckets"
        raise ValueError(message)
    return entries


def _check_place(entries: Sequence[TreeEntry], place: bytes) -> None:
    """Refuse a bucket that is empty, or has an entry that belongs in another one."""
    depth = len(place)
    if not entries or any(blake3(raw).digest()[:depth] != place for raw in raw_names(entries)):
        message = f"a bucket is empty, or an entry is not in the bucket of its name, {place.hex()}"
        raise ValueError(message)
