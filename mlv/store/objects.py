"""Objects in, digests out; digests in, the same bytes out.

This is the face of the store towards the rest of mlv. How objects lie on the
disk, whole, in packs or in chunks, is not visible through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from mlv.core.canonical import RecordT, decode_record
from mlv.core.run import Content
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.core.tree_buckets import read_directory
from mlv.errors import CorruptDataError
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.lock import shared_store_lock
from mlv.store.merge_packs import merge_when_many
from mlv.store.object_reader import ObjectReader
from mlv.store.object_writer import ObjectWriter
from mlv.store.owner import give_to_owner
from mlv.store.packs import PackSet
from mlv.store.stat_cache import StatCache
from mlv.store.sweep import sweep_temporary


class ObjectStore:
    """All objects of one store.

    Reading takes no lock and verifies every byte. Writing goes through
    `transaction`. Safe for use by several processes at once.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._packs = PackSet(layout)
        self._reader = ObjectReader(layout, self._packs)
        self._writer: ObjectWriter | None = None
        self._n_holds = 0
        self._stat_file = layout.cache / "stat.sqlite"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep everything in the store while the block runs.

        Around a transaction and the writing of what refers to its objects, so that
        nobody takes these for garbage in between. May be nested.

        Raises:
            StorageError: The store is read-only.
        """
        if self._n_holds:
            self._n_holds += 1
            try:
                yield
            finally:
                self._n_holds -= 1
            return
        sweep_temporary(self._layout)
        with shared_store_lock(self._layout):
            self._n_holds = 1
            try:
                yield
            finally:
                self._n_holds = 0

    @property
    def is_writing(self) -> bool:
        """Whether a transaction is open, so that what it added is not durable yet."""
        return self._writer is not None

    @contextmanager
    def transaction(self) -> Iterator[ObjectWriter]:
        """Add objects; all of them are durable when the block has ended well.

        A transaction inside another one is part of that.

        Raises:
            StorageError: The disk is full, read-only or failing.
        """
        if self._writer is not None:
            yield self._writer
            return
        with (
            storage_errors("write to the store"),
            self.hold(),
            closing(self._open_cache()) as cache,
        ):
            self._packs.refresh()
            writer = self._writer = ObjectWriter(self._layout, self._packs, cache)
            try:
                yield writer
                writer.publish()
                self._packs.refresh()  # worker processes published some of their own
                cache.save()
                if self._stat_file.exists():
                    give_to_owner(self._layout, self._stat_file)
            finally:
                self._writer = None
                writer.discard()
            if merge_when_many(self._layout, self._packs.packs):
                self._packs.refresh()

    @contextmanager
    def looking(self) -> Iterator[ObjectWriter]:
        """Hash files of the worktree with the help of the stat cache; nothing is stored.

        That takes no lock, and works in a store that is read-only.
        """
        if self._writer is not None:
            yield self._writer
            return
        with closing(self._open_cache()) as cache:
            yield ObjectWriter(self._layout, self._packs, cache)
            cache.save()

    def _open_cache(self) -> StatCache:
        return StatCache(
            self._stat_file, list_packs=lambda: [pack.name for pack in self._packs.packs]
        )

    def contains(self, content: Content) -> bool:
        """Tell whether an object is there with its full size, or was added just now."""
        if self._writer is not None and self._writer.has_added(content):
            return True
        return self._reader.contains(content)

    def contains_all(self, digests: set[bytes]) -> bool:
        """Tell whether objects are there, given their digests as 32 bytes, whatever their size."""
        return self._reader.contains_all(digests)

    def read(self, content: Content) -> bytes:
        """Return the bytes of an object, all in memory.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: Its bytes are not what the digest says.
            StorageError: The disk is failing.
        """
        added = self._read_added(content)
        return self._reader.read(content) if added is None else added

    def stream(self, content: Content) -> Iterator[bytes]:
        """Yield the bytes of an object in blocks of at most 2 MiB.

        The caller must not trust what it was given before the iteration has ended
        without an error, because only then the digest is known to be right.

        Raises:
            MissingObjectError: It is not in the store.
            CorruptDataError: Its bytes are not what the digest says.
            StorageError: The disk is failing.
        """
        added = self._read_added(content)
        return self._reader.stream(content) if added is None else iter((added,))

    def _read_added(self, content: Content) -> bytes | None:
        return None if self._writer is None else self._writer.read_back(content)

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
            return read_directory(content, self.read)
        except ValueError as error:
            message = f"object {content.digest[:12]} cannot be read: {error}"
            raise CorruptDataError(message) from error

    def load_locations(self) -> None:
        """Learn where every object is: worth it before many are read."""
        with storage_errors("read the store"):
            self._packs.refresh()
            self._packs.load()


def content_of(named: Fingerprint | TreeEntry) -> Content:
    """Return the object that a fingerprint, or an entry of a directory, names."""
    return Content(digest=named.digest, size_bytes=named.size_bytes)
