"""Objects in, digests out; digests in, the same bytes out.

This is the face of the store towards the rest of mlv. How objects lie on the
disk, whole or in packs, is not visible through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from blake3 import blake3

from mlv.core.canonical import RecordT, decode_record, encode_record
from mlv.core.run import Content
from mlv.core.tree import Fingerprint, TreeEntry, decode_tree
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.failures import storage_error, storage_errors
from mlv.store.layout import Layout
from mlv.store.stable_read import hash_file, read_stable
from mlv.store.stat_cache import StatCache

if TYPE_CHECKING:
    from mlv.store.object_db import LocalObjectDB

_BLOCK = 1 << 20


class ObjectStore:
    """All objects of one store.

    Reading takes no lock and verifies every byte. Writing goes through
    `transaction`. Safe for use by several processes at once.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @contextmanager
    def transaction(self) -> Iterator[ObjectWriter]:
        """Add objects; all of them are durable when the block has ended well.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        with (
            storage_errors("write to the store"),
            closing(StatCache(self._layout.cache / "stat.sqlite")) as cache,
        ):
            yield ObjectWriter(self._db, cache)
            self._db.sync()
            cache.save()

    def contains(self, content: Content) -> bool:
        """Tell whether an object is there with its full size."""
        try:
            found = self._layout.object_file(content.digest).stat()
        except FileNotFoundError:
            return False
        return found.st_size == content.size_bytes

    def read(self, content: Content) -> bytes:
        """Return the bytes of an object, all in memory.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: Its bytes are not what the digest says.
            StorageError: The disk is failing.
        """
        return b"".join(self.stream(content))

    def stream(self, content: Content) -> Iterator[bytes]:
        """Yield the bytes of an object in blocks of at most 1 MiB.

        The caller must not trust what it was given before the iteration has ended
        without an error, because only then the digest is known to be right.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: Its bytes are not what the digest says.
            StorageError: The disk is failing.
        """
        path = self._layout.object_file(content.digest)
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            message = f"object {content.digest[:12]} is not in the store"
            raise MissingObjectError(message) from error
        except OSError as error:
            raise storage_error(error, f"read object {content.digest[:12]}") from error
        hasher = blake3()
        with file, storage_errors(f"read object {content.digest[:12]}"):
            while block := file.read(_BLOCK):
                hasher.update(block)
                yield block
        if hasher.hexdigest() != content.digest:
            message = f"object {content.digest[:12]} is damaged: its bytes have another digest"
            away = self._layout.quarantine
            hint = f"restore {path} from a backup, or `mv {path} {away}` and record the run again"
            raise CorruptDataError(message, hint=hint)

    def verify(self, content: Content) -> None:
        """Read an object to its end.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: Its bytes are not what the digest says.
            StorageError: The disk is failing.
        """
        for _ in self.stream(content):
            pass

    def read_record(self, content: Content, record_type: type[RecordT]) -> RecordT:
        """Return a record.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: It is damaged, or is no such record.
        """
        try:
            return decode_record(self.read(content), record_type)
        except ValueError as error:
            message = f"object {content.digest[:12]} cannot be read: {error}"
            raise CorruptDataError(message, hint="upgrade mlv, if a newer one wrote it") from error

    def read_tree(self, content: Content) -> tuple[TreeEntry, ...]:
        """Return the entries of a directory.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: It is damaged, or is no tree.
        """
        try:
            return decode_tree(self.read(content))
        except ValueError as error:
            message = f"object {content.digest[:12]} cannot be read: {error}"
            raise CorruptDataError(message) from error

    @cached_property
    def _db(self) -> LocalObjectDB:
        from mlv.store.object_db import LocalObjectDB

        return LocalObjectDB(self._layout)


class ObjectWriter:
    """Adds objects within one transaction."""

    def __init__(self, db: LocalObjectDB, cache: StatCache) -> None:
        self._db = db
        self._cache = cache

    def add_bytes(self, data: bytes) -> Content:
        """Store bytes."""
        from io import BytesIO

        return self._db.write(BytesIO(data))

    def add_record(self, record: msgspec.Struct) -> Content:
        """Store a record in its canonical form."""
        return self.add_bytes(encode_record(record))

    def add_stream(self, source: BinaryIO) -> Content:
        """Store what is left to read of a stream."""
        return self._db.write(source)

    def add_file(self, path: Path) -> Content:
        """Store the content of a file, as it was at one moment.

        A file that did not change since it was stored last is not read again.

        Raises:
            FileChangedError: It changed each time while it was being read.
            UnreadableFileError: It is not a regular file.
            OSError: It cannot be read.
        """
        known = self._cache.find(path)
        if known is not None and self._db.exists(known.digest, known.size_bytes):
            return known
        content = read_stable(path, self._db.write)
        self._cache.add(path, content)
        return content

    def hash_file(self, path: Path) -> Content:
        """Return digest and size of a file without storing it.

        A file that did not change since it was stored or hashed last is not read again.

        Raises:
            FileChangedError, UnreadableFileError, OSError: As `add_file`.
        """
        known = self._cache.find(path)
        if known is None:
            known = hash_file(path)
            self._cache.add(path, known)
        return known


def content_of(named: Fingerprint | TreeEntry) -> Content:
    """Return the object that a fingerprint, or an entry of a directory, names."""
    return Content(digest=named.digest, size_bytes=named.size_bytes)
