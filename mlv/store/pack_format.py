"""The bytes of a pack: header, records, index, trailer.

Source: docs/reference/store-format.md, "Packs".
"""

from __future__ import annotations

import secrets
import struct
import zlib
from collections.abc import Iterable

import msgspec
from blake3 import blake3

HEADER_BYTES = 32
RECORD_BYTES = 64
ENTRY_BYTES = 64
TRAILER_BYTES = 64

DATA, RECIPE = 1, 2
"""Kinds of record: the bytes of the object, or the list of its chunks."""

RAW, ZSTD = 0, 1
"""Codecs of a payload."""

_PACK_MAGIC = b"MLVPACK\0"
_RECORD_MAGIC = b"MLVR"
_END_MAGIC = b"MLVPEND\0"
_VERSION = 1

_PACK_HEADER = struct.Struct("<8sII16s")
_RECORD_HEAD = struct.Struct("<4sBBHQQ32sI")
_CHECK = struct.Struct("<I")
_FANOUT = struct.Struct("<256I")
_ENTRY = struct.Struct("<32sQQQBB6x")
_KIND_OFFSET = 56
_TRAILER = struct.Struct("<QQ32s8x8s")


class PackEntry(msgspec.Struct, frozen=True):
    """Where one object is in a pack.

    Attributes:
        digest: Of the object, 32 bytes.
        offset: Of the record's header, from the beginning of the pack.
        stored: Length of the payload, in bytes.
        size: Length of the object, in bytes.
        kind: `DATA` or `RECIPE`.
        codec: `RAW` or `ZSTD`.
    """

    digest: bytes
    offset: int
    stored: int
    size: int
    kind: int
    codec: int

    @property
    def end(self) -> int:
        """Offset of the byte after the payload."""
        return self.offset + RECORD_BYTES + self.stored


def new_header() -> bytes:
    """Return the header of a new pack; its nonce makes every pack another one."""
    return _PACK_HEADER.pack(_PACK_MAGIC, _VERSION, 0, secrets.token_bytes(16))


def is_header(data: bytes) -> bool:
    """Tell whether a pack that begins with `data` is of the one version that is known."""
    if len(data) != HEADER_BYTES:
        return False
    magic, version, zero, _ = _PACK_HEADER.unpack(data)
    return (magic, version, zero) == (_PACK_MAGIC, _VERSION, 0)


def encode_record_header(
    digest: bytes, stored: int, size: int, kind: int = DATA, codec: int = RAW
) -> bytes:
    """Return the header of a record."""
    head = _RECORD_HEAD.pack(_RECORD_MAGIC, kind, codec, 0, stored, size, digest, 0)
    return head + _CHECK.pack(zlib.crc32(head))


def decode_record_header(data: bytes, offset: int) -> PackEntry:
    """Return what the header of a record at `offset` of its pack says.

    Raises:
        ValueError: `data` is not the header of a record.
    """
    head = data[: _RECORD_HEAD.size]
    if len(data) != RECORD_BYTES or data[_RECORD_HEAD.size :] != _CHECK.pack(zlib.crc32(head)):
        message = f"no header of a record at offset {offset}"
        raise ValueError(message)
    magic, kind, codec, zero, stored, size, digest, reserved = _RECORD_HEAD.unpack(head)
    known = kind in (DATA, RECIPE) and codec in (RAW, ZSTD)
    if magic != _RECORD_MAGIC or not known or zero or reserved:
        message = f"the header of the record at offset {offset} is of an unknown form"
        raise ValueError(message)
    return PackEntry(digest, offset, stored, size, kind, codec)


def encode_index(entries: Iterable[PackEntry], *, offset: int) -> bytes:
    """Return index and trailer of a pack whose records end at `offset`."""
    ordered = sorted(entries, key=_by_digest)
    counts = [0] * 256
    for entry in ordered:
        counts[entry.digest[0]] += 1
    total = 0
    for byte, count in enumerate(counts):
        total += count
        counts[byte] = total
    rows = [_ENTRY.pack(e.digest, e.offset, e.stored, e.size, e.kind, e.codec) for e in ordered]
    index = _FANOUT.pack(*counts) + b"".join(rows)
    trailer = _TRAILER.pack(offset, len(ordered), blake3(index).digest(), _END_MAGIC)
    return index + trailer


def index_bytes(count: int) -> int:
    """Return how long index and trailer of a pack with so many records are."""
    return _FANOUT.size + count * ENTRY_BYTES + TRAILER_BYTES


def decode_trailer(data: bytes, pack_bytes: int) -> tuple[int, int, bytes]:
    """Return offset, number of entries and hash of a pack's index.

    Raises:
        ValueError: `data` is not the trailer of a pack of `pack_bytes` bytes.
    """
    if len(data) == TRAILER_BYTES:
        offset, count, index_hash, magic = _TRAILER.unpack(data)
        end = offset + index_bytes(count)
        is_whole = _TRAILER.pack(offset, count, index_hash, magic) == data
        if magic == _END_MAGIC and is_whole and end == pack_bytes:
            return offset, count, index_hash
    message = "the trailer of the pack is damaged"
    raise ValueError(message)


class PackIndex:
    """The index of one pack, in memory.

    Args:
        data: Its bytes, fan-out and entries.
        index_hash: What the trailer says of them.

    Raises:
        ValueError: They have another hash, or the fan-out does not fit the entries.
    """

    def __init__(self, data: bytes, index_hash: bytes) -> None:
        if blake3(data).digest() != index_hash:
            message = "the index of the pack is damaged"
            raise ValueError(message)
        n_entries, rest = divmod(len(data) - _FANOUT.size, ENTRY_BYTES)
        self._data = data
        self._fanout: tuple[int, ...] = _FANOUT.unpack_from(data) if n_entries >= 0 else ()
        if rest or self._fanout[255:] != (n_entries,) or list(self._fanout) != sorted(self._fanout):
            message = "the index of the pack does not count its entries"
            raise ValueError(message)

    def __len__(self) -> int:
        """Return how many objects the pack holds."""
        return self._fanout[255]

    def find(self, digest: bytes) -> PackEntry | None:
        """Return where an object is, None when it is not in the pack."""
        first = digest[0]
        low = self._fanout[first - 1] if first else 0
        high = self._fanout[first]
        data, base = self._data, _FANOUT.size
        while low < high:
            middle = (low + high) // 2
            start = base + middle * ENTRY_BYTES
            found = data[start : start + 32]
            if found == digest:
                return self.entry(middle)
            if found < digest:
                low = middle + 1
            else:
                high = middle
        return None

    def entry(self, number: int) -> PackEntry:
        """Return one entry, counted from 0 in the order of the digests."""
        return PackEntry(*_ENTRY.unpack_from(self._data, _FANOUT.size + number * ENTRY_BYTES))

    def entries(self) -> Iterable[PackEntry]:
        """Yield all entries in the order of their digests."""
        for row in _ENTRY.iter_unpack(memoryview(self._data)[_FANOUT.size :]):
            yield PackEntry(*row)

    def recipes(self) -> list[PackEntry]:
        """Return the entries of recipes."""
        kinds = self._data[_FANOUT.size + _KIND_OFFSET :: ENTRY_BYTES]
        return [self.entry(number) for number, kind in enumerate(kinds) if kind == RECIPE]

    def digests(self) -> list[bytes]:
        """Return the digests of all objects, sorted."""
        data = self._data
        starts = range(_FANOUT.size, len(data), ENTRY_BYTES)
        return [data[start : start + 32] for start in starts]


def _by_digest(entry: PackEntry) -> bytes:
    return entry.digest
