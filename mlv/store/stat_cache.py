"""The stat cache: what a file held when it was last read, so that it need not be read again.

An entry counts while device, inode, size, mtime, ctime and mode of the file are what
they were, and only if the newest of its times was at least two seconds old when the
entry was made: a file that was touched later may change again within the same tick of
the clock. The cache is a convenience; it may be deleted at any time.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from mlv.core.digest import parse_digest
from mlv.core.run import Content
from mlv.store.stable_read import RACY_NS, file_state

_BUSY_TIMEOUT_S = 5.0
_STATE = ("device", "inode", "size", "mtime_ns", "ctime_ns", "mode")
_CREATE = f"""CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, {", ".join(f"{name} INTEGER" for name in _STATE)}, digest TEXT
) WITHOUT ROWID"""
_FIND = f"SELECT digest FROM files WHERE path = ? AND {' AND '.join(f'{n} = ?' for n in _STATE)}"  # noqa: S608 - of constants
_ADD = f"INSERT OR REPLACE INTO files VALUES (?, {', '.join('?' for _ in _STATE)}, ?)"  # noqa: S608 - of constants


class StatCache:
    """A stat cache, opened when it is first asked; `save` keeps what was added.

    A cache that is damaged, locked for long, or on a full disk only costs time, so
    none of that is an error.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._added: list[tuple[bytes | int | str, ...]] = []

    def find(self, path: Path) -> Content | None:
        """Return the content of a file as it is now, None when it must be read for that."""
        if self._connection is None:
            return None
        found = path.stat()
        with suppress(sqlite3.Error):
            row = self._connection.execute(_FIND, _key(path, found)).fetchone()
            if row is not None:
                return Content(digest=parse_digest(row[0]), size_bytes=found.st_size)
        return None

    def add(self, path: Path, content: Content) -> None:
        """Remember content that was just read, if the file is old enough to be believed.

        A change since it was read made the file too young.
        """
        found = path.stat()
        is_racy = max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - RACY_NS
        if not is_racy and found.st_size == content.size_bytes:
            self._added.append((*_key(path, found), content.digest))

    def save(self) -> None:
        """Keep what was added, all at once, so that others wait for a moment only."""
        if not self._added or self._connection is None:
            return
        with suppress(sqlite3.Error), self._connection:
            self._connection.executemany(_ADD, self._added)
        self._added.clear()

    def close(self) -> None:
        """Close the database if it was opened."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

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
            connection.execute(_CREATE)
        except sqlite3.OperationalError:  # locked, read-only or full
            connection.close()
            return None
        except sqlite3.DatabaseError:  # not a database any more
            connection.close()
            file.unlink(missing_ok=True)
        else:
            return connection
    return None


def _key(path: Path, found: os.stat_result) -> tuple[bytes | int, ...]:
    return (os.fsencode(path), *file_state(found))
