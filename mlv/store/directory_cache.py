"""The part of the stat cache that knows directories: what all their files held, and their tree.

A directory is kept in parts: all of a small one, and about so many names each of one with
very many entries. A part covers the names from its first one up to the next part's, and
is one row, written and read as a whole.

A part, or a tree, may be marked as stored: all that it names is in the store. The mark is
a random number; when packs have gone, or when somebody says so, a new number is drawn, and
no older mark counts any more.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable

import msgspec

from mlv.store.directory_row import (
    NOT_STORED,
    DirectoryPart,
    KnownTree,
    checksum_of,
    decode_known_tree,
    decode_part,
    encode_known_tree,
)

_CREATE = (
    """CREATE TABLE IF NOT EXISTS directories (
        path BLOB NOT NULL, first BLOB NOT NULL, tree BLOB, entries BLOB NOT NULL,
        PRIMARY KEY (path, first)
    )""",
    "CREATE TABLE IF NOT EXISTS stored (mark BLOB NOT NULL, packs BLOB NOT NULL)",
)
_FIND = "SELECT tree, entries FROM directories WHERE path = ? AND first = ?"
_LIST = "SELECT first FROM directories WHERE path = ? ORDER BY first"
_ADD = "INSERT OR REPLACE INTO directories VALUES (?, ?, ?, ?)"
_FORGET_PART = "DELETE FROM directories WHERE path = ? AND first = ?"
_FORGET_BELOW = "DELETE FROM directories WHERE path = ? OR (path > ? AND path < ?)"


class KnownPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part as it was found in the cache.

    Attributes:
        part: The entries.
        checksum: Of the row that they come from.
        tree: Of the whole directory, where this is its first part.
    """

    part: DirectoryPart
    checksum: bytes
    tree: KnownTree | None


class DirectoryCache:
    """What is known of directories, read from and written to the database of the stat cache.

    Args:
        connect: Gives the database, None when there is none.
        list_packs: Gives the names of the packs that there are; None when nothing that is
            stored can be believed.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection | None],
        list_packs: Callable[[], Iterable[str]] | None,
    ) -> None:
        self._connect = connect
        self._list_packs = list_packs
        self._mark: bytes | None = None
        self._rows: dict[tuple[bytes, bytes], tuple[bytes | None, bytes]] = {}
        self._forgotten: list[tuple[str, tuple[bytes, ...]]] = []

    @property
    def mark(self) -> bytes:
        """The mark of what is in the store now."""
        if self._mark is None:
            self._mark = self._read_mark()
        return self._mark

    def share_mark(self, other: DirectoryCache) -> None:
        """Mark as stored with the mark of another cache of the same transaction."""
        self._mark = other.mark

    def find(self, path: bytes, first: bytes) -> KnownPart | None:
        """Return a part of a directory, None when nothing is known of it.

        Args:
            path: Of the directory, absolute.
            first: First name that the part covers, empty for the first part.
        """
        row = self._rows.get((path, first)) or self._find_row(path, first)
        if row is None:
            return None
        part = decode_part(row[1], path, first)
        if part is None:
            return None
        tree = None if row[0] is None else decode_known_tree(row[0], path)
        return KnownPart(part=part, checksum=checksum_of(row[1]), tree=tree)

    def list_parts(self, path: bytes) -> list[bytes]:
        """Return the first names of the parts of a directory, in order."""
        try:
            connection = self._connect()
            found = connection.execute(_LIST, (path,)).fetchall() if connection else []
        except sqlite3.Error:
            return []
        return [bytes(first) for (first,) in found]

    def add(self, path: bytes, first: bytes, tree: KnownTree | None, entries: bytes) -> None:
        """Remember a part.

        Args:
            path: Of the directory, absolute.
            first: First name that the part covers.
            tree: Of the whole directory, with its first part.
            entries: What `encode_part` returned.
        """
        self._rows[path, first] = (None if tree is None else encode_known_tree(tree, path), entries)

    def forget_part(self, path: bytes, first: bytes) -> None:
        """Forget a part that has been joined to the one before."""
        self._forgotten.append((_FORGET_PART, (path, first)))

    def forget_directory(self, path: bytes) -> None:
        """Forget a directory that is gone, and all below it."""
        self._forgotten.append((_FORGET_BELOW, (path, path + b"/", path + b"0")))

    def forget_stored(self) -> None:
        """Let nothing count as stored that was stored up to now.

        Raises:
            sqlite3.Error: The database refuses.
        """
        self._mark = None
        connection = self._connect()
        if connection is not None:
            with connection:
                connection.execute("DELETE FROM stored")

    @property
    def has_news(self) -> bool:
        """Whether there is something to write."""
        return bool(self._rows or self._forgotten)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what was added, within a transaction of the caller.

        Raises:
            sqlite3.Error: The database refuses.
        """
        for statement, values in self._forgotten:
            connection.execute(statement, values)
        rows = ((path, first, *row) for (path, first), row in self._rows.items())
        connection.executemany(_ADD, rows)
        if self._mark is not None and self._mark != NOT_STORED:
            self._write_mark(connection, self._mark)

    def clear(self) -> None:
        """Drop what was added."""
        self._rows.clear()
        self._forgotten.clear()

    def _find_row(self, path: bytes, first: bytes) -> tuple[bytes | None, bytes] | None:
        try:
            connection = self._connect()
            if connection is None:
                return None
            found: tuple[bytes | None, bytes] | None
            found = connection.execute(_FIND, (path, first)).fetchone()
        except sqlite3.Error:
            return None
        return found if found is not None and isinstance(found[1], bytes) else None

    def _read_mark(self) -> bytes:
        """Return the mark that holds, a new one if none does."""
        if self._list_packs is None:
            return NOT_STORED
        kept = self._kept_mark()
        if kept is not None and kept[1] <= self._packs():
            return kept[0]
        return os.urandom(8)

    def _kept_mark(self) -> tuple[bytes, set[bytes]] | None:
        try:
            connection = self._connect()
            row = (
                connection.execute("SELECT mark, packs FROM stored").fetchone()
                if connection
                else None
            )
            return None if row is None else (bytes(row[0]), set(bytes(row[1]).split()))
        except (sqlite3.Error, TypeError):
            return None

    def _write_mark(self, connection: sqlite3.Connection, mark: bytes) -> None:
        kept = self._kept_mark()
        packs = self._packs()
        if kept is not None and kept[1] <= packs and kept[0] != mark:
            return  # somebody else drew a mark meanwhile: ours never comes to count
        if kept is not None and kept[0] == mark and not kept[1] <= packs:
            return  # a pack has gone meanwhile: the next one who looks finds that out
        connection.execute("DELETE FROM stored")
        connection.execute("INSERT INTO stored VALUES (?, ?)", (mark, b"\n".join(sorted(packs))))

    def _packs(self) -> set[bytes]:
        return set() if self._list_packs is None else {name.encode() for name in self._list_packs()}


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables if they are not there.

    Raises:
        sqlite3.Error: The database refuses.
    """
    for statement in _CREATE:
        connection.execute(statement)
