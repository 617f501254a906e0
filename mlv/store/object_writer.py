"""Add objects to a store, within one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec
from blake3 import blake3

from mlv.core.canonical import encode_record
from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.core.tree import TreeEntry
from mlv.core.tree_buckets import encode_directory
from mlv.store.chunked import CHUNK_LIMIT, ChunkedWriter
from mlv.store.claims import Claims
from mlv.store.layout import Layout
from mlv.store.pack_file import DamagedPackError, decode_payload
from mlv.store.pack_format import DATA
from mlv.store.pack_writer import PackWriter
from mlv.store.packs import Location, PackSet
from mlv.store.recipes import decode_recipe
from mlv.store.stable_read import hash_file, read_stable, read_up_to
from mlv.store.stat_cache import StatCache
from mlv.store.whole import WholeObjects


class ObjectWriter:
    """Adds objects to packs; they are published, and durable, when the transaction ends.

    For one thread at a time.
    """

    def __init__(
        self,
        layout: Layout,
        packs: PackSet,
        cache: StatCache,
        claims: Claims | None = None,
    ) -> None:
        self.cache = cache
        self._layout = layout
        self._packs = packs
        self._whole = WholeObjects(layout)
        self._writer = PackWriter(layout, claims)
        self._claims = claims
        self._threaded = True

    def add_bytes(self, data: bytes) -> Content:
        """Store bytes."""
        if len(data) > CHUNK_LIMIT:
            return self.add_stream(BytesIO(data))
        digest = self.add_small(data)
        return _content(digest, len(data))

    def add_small(self, data: bytes) -> bytes:
        """Store at most 512 KiB of bytes, and return their digest as 32 bytes."""
        digest = blake3(data).digest()
        if not self.is_known_chunk(digest, len(data)):
            self._writer.add(digest, data)
        return digest

    def add_record(self, record: msgspec.Struct) -> Content:
        """Store a record in its canonical form."""
        return self.add_bytes(encode_record(record))

    def add_tree(self, entries: Iterable[TreeEntry]) -> Content:
        """Store a directory, in buckets when it has many entries.

        Raises:
            ValueError: A name is not allowed, or comes twice.
        """
        encoded = encode_directory(entries)
        for bucket in encoded.buckets:
            self.add_bytes(bucket)
        return self.add_bytes(encoded.data)

    def add_stream(self, source: BinaryIO) -> Content:
        """Store what is left to read of a stream."""
        first = read_up_to(source, CHUNK_LIMIT + 1)
        if len(first) <= CHUNK_LIMIT:
            return self.add_bytes(first)
        return self._chunked.add(first, source)

    def add_file(self, path: Path) -> Content:
        """Store the content of a file, as it was at one moment.

        A file that did not change since it was stored last is not read again.

        Raises:
            FileChangedError: It changed each time while it was being read.
            UnreadableFileError: It is not a regular file.
            OSError: It cannot be read.
        """
        known = self.cache.find(path)
        if known is not None and self.is_known(bytes.fromhex(known.digest), known.size_bytes):
            return known
        content = read_stable(path, self.add_stream)
        self.cache.add(path, content)
        return content

    def hash_file(self, path: Path) -> Content:
        """Return digest and size of a file without storing it.

        A file that did not change since it was stored or hashed last is not read again.

        Raises:
            FileChangedError, UnreadableFileError, OSError: As `add_file`.
        """
        known = self.cache.find(path)
        if known is None:
            known = hash_file(path)
            self.cache.add(path, known)
        return known

    def is_known(self, digest: bytes, size_bytes: int) -> bool:
        """Tell whether an object is in the store, or was added in this transaction.

        That is, all of it: a recipe whose chunks were lost is worth nothing. A whole object
        is believed by its size, so this is for content that is not at hand to be stored.

        Args:
            digest: 32 bytes.
            size_bytes: Length of the object.
        """
        if self._is_packed(digest):
            return True
        content = _content(digest, size_bytes)
        if not self._has_whole or not self._whole.contains(content):
            return False
        self._whole.use(content)
        return True

    def is_intact(self, digest: bytes, size_bytes: int) -> bool:
        """Tell what `is_known` does, and read a whole object for that, as `is_known_chunk`.

        This is for content that is at hand to be stored again.
        """
        return self._is_packed(digest) or self._has_intact(digest, size_bytes)

    def is_known_chunk(self, digest: bytes, size_bytes: int) -> bool:
        """Tell whether an object is in the store as one piece.

        A whole object is read for that: somebody may have edited it through a link.
        """
        if digest in self._writer:
            return True
        found = self._packs.use(digest)
        if found is not None and found.entry.kind == DATA:
            return True
        return self._has_intact(digest, size_bytes)

    def _is_packed(self, digest: bytes) -> bool:
        if digest in self._writer:
            return True
        found = self._packs.use(digest)
        return found is not None and (found.entry.kind == DATA or self._has_chunks(found))

    def _has_intact(self, digest: bytes, size_bytes: int) -> bool:
        content = _content(digest, size_bytes)
        if not self._has_whole or not self._whole.is_intact(content):
            return False
        self._whole.use(content)
        return True

    def _has_chunks(self, recipe: Location) -> bool:
        try:
            chunks = decode_recipe(recipe.pack.read(recipe.entry), size=recipe.entry.size)
        except (FileNotFoundError, DamagedPackError, ValueError):
            return False
        return all(self.is_known_chunk(chunk.digest, chunk.size) for chunk in chunks)

    @cached_property
    def _chunked(self) -> ChunkedWriter:
        return ChunkedWriter(self._writer, self, threaded=self._threaded)

    @cached_property
    def links_to(self) -> bytes:
        """Where whole objects are: a symbolic link to one of them stands for a file."""
        return os.fsencode(os.path.realpath(self._layout.objects))

    @cached_property
    def _has_whole(self) -> bool:
        with os.scandir(self._layout.objects) as shards:
            return any(True for _ in shards)

    @contextmanager
    def with_workers(self) -> Iterator[None]:
        """Let processes that are forked in the block store each object only once.

        What they published is known when the block has ended.
        """
        self._claims = Claims()
        try:
            yield
        finally:
            self._claims = None
        self._packs.refresh()

    @contextmanager
    def in_worker(self) -> Iterator[ObjectWriter]:
        """Give a forked process a writer of its own, which publishes its own packs.

        It knows what was known before the fork. The parent holds the lock of the store.
        """
        writer = ObjectWriter(self._layout, self._packs, self.cache, self._claims)
        writer._writer.inherit(self._writer)
        writer._threaded = False
        try:
            yield writer
            writer.publish()
        finally:
            writer.discard()

    def has_added(self, content: Content) -> bool:
        """Tell whether an object was added that is not published yet."""
        return bytes.fromhex(content.digest) in self._writer

    def read_back(self, content: Content) -> bytes | None:
        """Return a small object that was added but is not published, None if it is not one.

        Where it is not at hand any more, what was added so far is published, to be read there.
        """
        digest = bytes.fromhex(content.digest)
        found = self._writer.read_back(digest)
        if found is not None and found[0].kind == DATA:
            return decode_payload(*found)
        if digest in self._writer:
            self.publish()
        return None

    def publish(self) -> None:
        """Make durable what was added so far; more can be added.

        Raises:
            OSError: The disk is full or failing.
        """
        self._packs.add(self._writer.publish())
        self._packs.sync_used()
        self._whole.sync()

    def discard(self) -> None:
        """Drop what was not published."""
        self._writer.discard()


def _content(digest: bytes, size_bytes: int) -> Content:
    return Content(digest=Digest(digest.hex()), size_bytes=size_bytes)
