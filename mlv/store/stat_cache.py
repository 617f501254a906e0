"""The stat cache: what files held when they were last read, so that they need not be read again.

An entry counts while device, inode, size, mtime, ctime and mode of the file are what
they were, and only if the newest of its times was at least two seconds old when the
entry was made: a file that was touched later may change again within the same tick of
the clock. The cache is a convenience; it may be deleted at any time.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from blake3 import blake3

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.store.directory_cache import DirectoryCache, create_tables
from mlv.store.stable_read import RACY_NS, is_being_written, pack_state

_VERSION = 2
_BUSY_TIMEOUT_S = 5.0
_PAGE_BYTES = 16384
_CREATE = """CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, state BLOB NOT NULL, digest BLOB NOT NULL, checksum BLOB NOT NULL
) WITHOUT ROWID"""
_FIND = "SELECT digest, checksum FROM files WHERE path = ? AND state = ?"
_ADD = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)"


class StatCache:
    """A stat cache, opened when it is first asked; `save` keeps what was added.

    A cache that is damaged, locked for long, or on a full disk only costs time, so
    none of that is an error.

    Args:
        file: The database.
        list_packs: Gives the names of the packs in the store; without them nothing is
            believed to be stored.
    """

    def __init__(
        self, file: Path, *, list_packs: Callable[[], Iterable[str]] | None = None
    ) -> None:
        self._file = file
        self._list_packs = list_packs
        self._added: list[tuple[bytes, bytes, bytes, bytes]] = []
        self.directories = DirectoryCache(lambda: self._connection, list_packs)

    def find(self, path: Path) -> Content | None:
        """Return the content of a file as it is now, None when it must be read for that."""
        if self._connection is None:
            return None
        found = path.stat()
        key, state = os.fsencode(path), pack_state(found)
        with suppress(sqlite3.Error):
            row = self._connection.execute(_FIND, (key, state)).fetchone()
            if row is not None and row[1] == _checksum(key, state, row[0]):
                return Content(digest=Digest(row[0].hex()), size_bytes=found.st_size)
        return None

    def add(self, path: Path, content: Content) -> None:
        """Remember content that was just read, if the file is old enough to be believed.

        A change since it was read made the file too young.
        """
        found = path.stat()
        is_racy = max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - RACY_NS
        if is_racy or is_being_written(path):
            return
        if found.st_size == content.size_bytes:
            key, state = os.fsencode(path), pack_state(found)
            digest = bytes.fromhex(content.digest)
            self._added.append((key, state, digest, _checksum(key, state, digest)))

    def save(self) -> None:
        """Keep what was added, all at once, so that others wait for a moment only."""
        if not (self._added or self.directories.has_news) or self._connection is None:
            return
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_ADD, self._added)
                self.directories.write(connection)
        except sqlite3.OperationalError:  # locked, read-only or full
            pass
        except sqlite3.DatabaseError:
            self._delete()
        self._added.clear()
        self.directories.clear()

    def forget_stored(self) -> None:
        """Let nothing count as stored any more, because objects have gone.

        When the database refuses, it is deleted.

        Raises:
            OSError: Not even that can be done.
        """
        try:
            if self._connection is not None:
                # A loss of power must not bring back what is forgotten here.
                self._connection.execute("PRAGMA synchronous = FULL")
                self.directories.forget_stored()
                return
        except sqlite3.Error:
            pass
        self._delete()

    def reopened(self) -> StatCache:
        """Return a cache on the same file, for a forked process; what was added is not in it."""
        cache = StatCache(self._file, list_packs=self._list_packs)
        cache.directories.share_mark(self.directories)
        return cache

    def close(self) -> None:
        """Close the database if it was opened."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

    def _delete(self) -> None:
        self.close()
        self._file.unlink(missing_ok=True)

    @cached_property
    def _connection(self) -> sqlite3.Connection | None:
        return _connect(self._file)


def _connect(file: Path) -> sqlite3.Connection | None:
    for _ in range(2):
        try:
            connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S)
        except sqlite3.Error:
            return None
        try:
            _prepare(connection)
        except sqlite3.OperationalError:  # locked, read-only or full
            connection.close()
            return None
        except sqlite3.DatabaseError:  # not a database any more
            connection.close()
            file.unlink(missing_ok=True)
        else:
            return connection
    return None


def _prepare(connection: sqlite3.Connection) -> None:
    # After a loss of power the file may be damaged: checksums find that out.
    connection.execute("PRAGMA synchronous = OFF")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        return
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == _VERSION:
            return  # another process was faster
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(tables).fetchall():
            connection.execute(f'DROP TABLE "{table}"')
        connection.execute(_CREATE)
        create_tables(connection)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _checksum(key: bytes, state: bytes, digest: bytes) -> bytes:
    hasher = blake3(state)
    hasher.update(digest)
    hasher.update(key)
    return hasher.digest(8)
