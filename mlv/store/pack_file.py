"""Read one pack: its index, and the objects in it, each verified."""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import zstandard
from blake3 import blake3

from mlv.store.pack_format import (
    DATA,
    HEADER_BYTES,
    RECORD_BYTES,
    TRAILER_BYTES,
    ZSTD,
    PackEntry,
    PackIndex,
    decode_record_header,
    decode_trailer,
    encode_index,
    is_header,
)

MAX_OBJECT_BYTES = 2 << 20
"""No record of kind `DATA` is longer: what is longer is cut into chunks."""

MAX_RECIPE_BYTES = 1 << 30

_SECTOR = 4096
_BLOCK = 1 << 20


class DamagedPackError(Exception):
    """A pack, or a record in it, is not what it should be; says where."""


class PackFile:
    """One pack, opened when it is first read.

    Args:
        path: The file.
        keep_open: Whether it stays open from one read to the next.

    Raises, from every method:
        FileNotFoundError: The pack is not there any more.
        OSError: The disk is failing.
    """

    def __init__(self, path: Path, *, keep_open: bool = True) -> None:
        self.path = path
        self._keep_open = keep_open

    @property
    def name(self) -> str:
        """The digest that the pack is named by."""
        return self.path.parent.name + self.path.name

    @cached_property
    def index(self) -> PackIndex:
        """The index; one that is made again from the records when it is damaged."""
        try:
            return self.read_index()
        except DamagedPackError:
            return self.rebuild_index()

    def read_index(self) -> PackIndex:
        """Return the index as the pack holds it.

        Raises:
            DamagedPackError: It is damaged.
        """
        n_bytes = self.size_bytes
        try:
            tail = self._read(max(0, n_bytes - TRAILER_BYTES), TRAILER_BYTES)
            offset, _, index_hash = decode_trailer(tail, n_bytes)
            return PackIndex(self._read(offset, n_bytes - TRAILER_BYTES - offset), index_hash)
        except ValueError as error:
            raise self._damaged(str(error)) from error

    def rebuild_index(self) -> PackIndex:
        """Return an index of the records that can be found one after the other."""
        records = list(self.scan())
        end = records[-1].end if records else HEADER_BYTES
        encoded = encode_index(records, offset=end)
        trailer = encoded[-TRAILER_BYTES:]
        _, _, index_hash = decode_trailer(trailer, end + len(encoded))
        return PackIndex(encoded[:-TRAILER_BYTES], index_hash)

    def scan(self) -> Iterator[PackEntry]:
        """Yield the records in the order in which they lie, past damaged ones if need be.

        After a damaged header the next one is looked for byte by byte.
        """
        offset, end = HEADER_BYTES, self.size_bytes
        while offset + RECORD_BYTES <= end:
            try:
                entry = decode_record_header(self._read(offset, RECORD_BYTES), offset)
            except (ValueError, DamagedPackError):
                offset = self._next_magic(offset + 1, end)
                continue
            if entry.end > end:
                offset = self._next_magic(offset + 1, end)
                continue
            yield entry
            offset = entry.end

    def read(self, entry: PackEntry) -> bytes:
        """Return the object, or the recipe, of a record.

        The bytes of an object are known to have its digest; a recipe is not verified.

        Raises:
            DamagedPackError: The record is damaged.
        """
        # The digest vouches for the payload, so the header of the record is not read.
        return self._decode(entry, self.read_bare(entry))

    def read_payload(self, entry: PackEntry) -> bytes:
        """Return what lies in a record, packed as it is there, and not verified.

        Raises:
            DamagedPackError: The record is not where the entry says.
        """
        self.check_header(entry)
        return self.read_bare(entry)

    def read_bare(self, entry: PackEntry) -> bytes:
        """Return what lies in a record, whatever its header says, and not verified.

        Raises:
            DamagedPackError: The pack is too short.
        """
        limit = MAX_OBJECT_BYTES if entry.kind == DATA else MAX_RECIPE_BYTES
        if entry.stored > limit or (entry.kind == DATA and entry.size > limit):
            raise self._damaged(f"the record at offset {entry.offset} is too long")
        payload = b""
        if entry.end <= self.size_bytes:
            payload = self._read(entry.offset + RECORD_BYTES, entry.stored)
        if len(payload) != entry.stored:
            raise self._damaged(f"the record at offset {entry.offset} is not all there")
        return payload

    def check_header(self, entry: PackEntry) -> None:
        """Check that there is a record where an entry says, without a look at its payload.

        Raises:
            DamagedPackError: There is not.
        """
        try:
            found = decode_record_header(self._read(entry.offset, RECORD_BYTES), entry.offset)
        except ValueError as error:
            raise self._damaged(str(error)) from error
        if found != entry:
            raise self._damaged(f"the record at offset {entry.offset} is not that of the index")

    def _decode(self, entry: PackEntry, payload: bytes) -> bytes:
        try:
            return decode_payload(entry, payload)
        except ValueError as error:
            raise self._damaged(f"{error} at offset {entry.offset}") from error

    @cached_property
    def size_bytes(self) -> int:
        """Length of the file."""
        return self.path.stat().st_size

    def digest(self) -> str:
        """Return the digest of the whole file, which ought to be its name.

        Raises:
            DamagedPackError: The disk cannot read it.
        """
        hasher = blake3()
        offset = 0
        # Not mapped into memory: a disk that fails is an error then, and not a signal.
        while block := self._read(offset, _BLOCK):
            hasher.update(block)
            offset += len(block)
        return hasher.hexdigest()

    def has_header(self) -> bool:
        """Tell whether the file begins as a pack does."""
        return is_header(self._read(0, HEADER_BYTES))

    def _read(self, offset: int, length: int) -> bytes:
        try:
            if self._keep_open:
                return _read_at(self._descriptor, offset, length)
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                return _read_at(descriptor, offset, length)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno == errno.EIO:  # a bad sector is damage like any other
                raise self._damaged(f"the disk cannot read offset {offset}") from error
            raise

    @cached_property
    def _descriptor(self) -> int:
        descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    def _next_magic(self, start: int, end: int) -> int:
        while start < end:
            try:
                block = self._read(start, _BLOCK)
            except DamagedPackError:
                start += _SECTOR
                continue
            at = block.find(b"MLVR")
            if at >= 0:
                return start + at
            start += max(1, len(block) - 3)
        return end

    def _damaged(self, what: str) -> DamagedPackError:
        return DamagedPackError(f"{what} in pack {self.name[:12]}")


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def decode_payload(entry: PackEntry, payload: bytes) -> bytes:
    """Return what a payload holds: the object, whose digest is checked, or a recipe.

    Raises:
        ValueError: It is damaged.
    """
    if entry.codec == ZSTD:
        limit = entry.size if entry.kind == DATA else MAX_RECIPE_BYTES
        payload = _decompress(payload, limit)
    if entry.kind == DATA and (
        len(payload) != entry.size or blake3(payload).digest() != entry.digest
    ):
        message = f"object {entry.digest.hex()[:12]} is damaged"
        raise ValueError(message)
    return payload


def _decompress(frame: bytes, limit: int) -> bytes:
    # The frame says how long its content is; one that says too much is not unpacked.
    try:
        if not 0 <= zstandard.frame_content_size(frame) <= limit:
            message = "a payload does not say how long it is, or is too long"
            raise ValueError(message)
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=limit)
    except zstandard.ZstdError as error:
        message = f"a payload cannot be unpacked: {error}"
        raise ValueError(message) from error
