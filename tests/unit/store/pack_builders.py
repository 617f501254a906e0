"""Packs, made byte by byte or by the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from blake3 import blake3

from mlv.store.layout import Layout
from mlv.store.pack_file import PackFile
from mlv.store.pack_format import (
    DATA,
    HEADER_BYTES,
    RAW,
    PackEntry,
    encode_index,
    encode_record_header,
    new_header,
)
from mlv.store.pack_writer import PackWriter


def key(data: bytes) -> bytes:
    """Return the digest of an object as packs have it."""
    return blake3(data).digest()


def noise(n_bytes: int, seed: int = 0) -> bytes:
    """Return bytes that do not compress, always the same."""
    return blake3(b"%d" % seed).digest(length=n_bytes)


def make_pack(layout: Layout, *objects: bytes) -> PackFile:
    """Return a pack that holds objects."""
    writer = PackWriter(layout)
    for data in objects:
        writer.add(key(data), data)
    (path,) = writer.publish()
    return PackFile(path)


def entry_of(
    data: bytes, payload: bytes, *, size: int | None = None, kind: int = DATA, codec: int = RAW
) -> tuple[PackEntry, bytes]:
    """Return a record whose fields need not be true; its offset is still to be set."""
    found = PackEntry(key(data), 0, len(payload), len(data) if size is None else size, kind, codec)
    return found, payload


def assemble(path: Path, records: Iterable[tuple[PackEntry, bytes]]) -> PackFile:
    """Return a pack of records, one after the other."""
    data = new_header()
    entries = []
    for each, payload in records:
        entry = PackEntry(each.digest, len(data), each.stored, each.size, each.kind, each.codec)
        data += encode_record_header(*each_field(entry)) + payload
        entries.append(entry)
    assert len(data) >= HEADER_BYTES
    path.write_bytes(data + encode_index(entries, offset=len(data)))
    return PackFile(path)


def each_field(entry: PackEntry) -> tuple[bytes, int, int, int, int]:
    """Return what the header of a record says of itself."""
    return entry.digest, entry.stored, entry.size, entry.kind, entry.codec


def rewrite(path: Path, change: Callable[[bytearray], None]) -> PackFile:
    """Change the bytes of a read-only file, and open it anew."""
    data = bytearray(path.read_bytes())
    change(data)
    path.unlink()
    path.write_bytes(data)
    return PackFile(path)
