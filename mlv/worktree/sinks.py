"""Where content goes while files are fingerprinted: into the store, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from blake3 import blake3

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.store.directory_cache import DirectoryCache
from mlv.store.object_writer import ObjectWriter
from mlv.store.stable_read import hash_file

SMALL_BYTES = 512 * 1024
"""Larger files are cut into chunks, or at least read block by block."""


class Sink(Protocol):
    """Where content goes: into the store, or nowhere.

    A sink may have an attribute `links_to`, a path as bytes and without symbolic links:
    the directory of whole objects. Links to those then stand for files.
    """

    def add_bytes(self, data: bytes) -> Content:
        """Take bytes, and return their digest and size."""

    def add_file(self, path: Path) -> Content:
        """Take the content of a regular file, as it was at one moment."""


class HashOnly:
    """A sink that keeps nothing."""

    def add_bytes(self, data: bytes) -> Content:
        """Return digest and size of `data`."""
        return Content(digest=digest_of(data), size_bytes=len(data))

    def add_file(self, path: Path) -> Content:
        """Return digest and size of a file.

        Raises:
            FileChangedError: It changed each time while it was being read.
        """
        return hash_file(path)


class HashCached(HashOnly):
    """A sink that keeps nothing, and reads no file again that did not change since the last time.

    Args:
        objects: Of the transaction in which the sink is used.
    """

    def __init__(self, objects: ObjectWriter) -> None:
        self._objects = objects

    @property
    def objects(self) -> ObjectWriter:
        """The writer whose stat cache is used."""
        return self._objects

    def add_file(self, path: Path) -> Content:
        """Return digest and size of a file, as `HashOnly` does."""
        return self._objects.hash_file(path)


class TreesOnly(HashCached):
    """A sink that keeps what directories list, and not what their files hold."""

    def add_bytes(self, data: bytes) -> Content:
        """Store a tree, or a part of one."""
        return self._objects.add_bytes(data)


class Taker(msgspec.Struct, frozen=True, kw_only=True):
    """A sink, as the loops over many files use it.

    Attributes:
        add_small: Takes at most `SMALL_BYTES`, and returns their digest as 32 bytes.
        add_bytes: Takes any number of bytes.
        add_file: Takes the content of a file.
        small_bytes: Largest file whose bytes may go to `add_small`; -1 when all files go
            to `add_file`.
        is_known: Tells whether an object of that digest and size is where it belongs; None
            when none has to be.
        has_tree: Tells the same of a tree, where trees have to be there although what they
            list has not.
        directories: What is known of directories from earlier scans; None for nothing.
        links_to: Directory of the whole objects of the store, without symbolic links;
            a link to one of them stands for a file.
    """

    add_small: Callable[[bytes], bytes]
    add_bytes: Callable[[bytes], Content]
    add_file: Callable[[Path], Content]
    small_bytes: int = -1
    is_known: Callable[[bytes, int], bool] | None = None
    has_tree: Callable[[bytes, int], bool] | None = None
    directories: DirectoryCache | None = None
    links_to: bytes | None = None


def taker_of(sink: Sink) -> Taker:
    """Return the quickest way to give content to a sink."""
    if isinstance(sink, ObjectWriter):
        return _store_taker(sink, sink.cache.directories)
    if type(sink) is TreesOnly:
        return _tree_taker(sink.objects, sink.objects.cache.directories)
    if type(sink) is HashCached:
        return _hash_taker(sink, sink.objects, sink.objects.cache.directories)
    if type(sink) is HashOnly:
        return _hash_taker(sink, None, None)
    return Taker(
        add_small=lambda data: bytes.fromhex(sink.add_bytes(data).digest),
        add_bytes=sink.add_bytes,
        add_file=sink.add_file,
        links_to=getattr(sink, "links_to", None),
    )


def may_fork(sink: Sink) -> bool:
    """Tell whether `forked_taker` works for a sink."""
    return isinstance(sink, ObjectWriter) or type(sink) in {HashCached, HashOnly, TreesOnly}


def writer_of(sink: Sink) -> ObjectWriter | None:
    """Return the writer of what a sink stores, None when it stores nothing."""
    if isinstance(sink, ObjectWriter):
        return sink
    return sink.objects if type(sink) is TreesOnly else None


@contextmanager
def forked_taker(sink: Sink) -> Iterator[Taker]:
    """Give what `taker_of` does to a forked process.

    What it takes belongs to the transaction of the parent.
    """
    objects = writer_of(sink)
    if objects is not None:
        with closing(objects.cache.reopened()) as cache, objects.in_worker() as writer:
            writer.cache = cache
            take = _tree_taker if type(sink) is TreesOnly else _store_taker
            yield take(writer, cache.directories)
    elif isinstance(sink, HashCached):
        with closing(sink.objects.cache.reopened()) as cache:
            yield _hash_taker(HashOnly(), sink.objects, cache.directories)
    else:
        yield taker_of(sink)


def _store_taker(writer: ObjectWriter, directories: DirectoryCache) -> Taker:
    return Taker(
        add_small=writer.add_small,
        add_bytes=writer.add_bytes,
        add_file=writer.add_file,
        small_bytes=SMALL_BYTES,
        is_known=writer.is_known,
        directories=directories,
        links_to=getattr(writer, "links_to", None),
    )


def _tree_taker(writer: ObjectWriter, directories: DirectoryCache) -> Taker:
    taker = _hash_taker(HashOnly(), writer, directories)
    return msgspec.structs.replace(taker, add_bytes=writer.add_bytes, has_tree=writer.is_known)


def _hash_taker(
    sink: Sink, objects: ObjectWriter | None, directories: DirectoryCache | None
) -> Taker:
    return Taker(
        add_small=lambda data: blake3(data).digest(),
        add_bytes=sink.add_bytes,
        add_file=sink.add_file,
        small_bytes=SMALL_BYTES,
        directories=directories,
        links_to=getattr(objects, "links_to", None),
    )
