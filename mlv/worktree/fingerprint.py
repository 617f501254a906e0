"""Fingerprint files and directories, and store what they hold on the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from mlv.core.digest import digest_of
from mlv.core.paths import escape_name
from mlv.core.run import Content
from mlv.core.tree import EntryKind, Fingerprint, TreeEntry, encode_tree
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.store.objects import ObjectWriter
from mlv.store.stable_read import hash_file

SKIPPED_NAMES = frozenset((".git", ".mlv"))
"""What is never part of a directory's content."""


class Sink(Protocol):
    """Where content goes: into the store, or nowhere."""

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

    def add_file(self, path: Path) -> Content:
        """Return digest and size of a file, as `HashOnly` does."""
        return self._objects.hash_file(path)


def fingerprint(path: Path, sink: Sink) -> Fingerprint:
    """Return what a file, symbolic link or directory holds.

    Directories called `.git` and `.mlv` are passed over, and so are sockets,
    pipes and devices. Symbolic links are not followed.

    Raises:
        MissingFileError: There is nothing at `path`.
        UnreadableFileError: Something may not be read, or has a name that cannot be stored.
        FileChangedError: A file changed each time while it was being read, or something
            in a directory vanished meanwhile.
    """
    try:
        found = _fingerprint(path, sink)
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.path.lexists(path):
            message = f"{error.filename!r} vanished while {str(path)!r} was being read"
            raise FileChangedError(message, hint="wait until nobody writes to it") from error
        message = f"{str(path)!r} is not there"
        raise MissingFileError(message) from error
    except PermissionError as error:
        message = f"{error.filename or str(path)!r} cannot be read: permission denied"
        raise UnreadableFileError(message, hint="check its permissions with `ls -l`") from error
    if found is None:
        message = f"{str(path)!r} is neither a file, a directory nor a symbolic link"
        raise UnreadableFileError(message)
    return found


def find_fingerprint(path: Path, sink: Sink) -> Fingerprint | None:
    """Return what is at `path`, None when there is nothing.

    Raises:
        UnreadableFileError, FileChangedError: As `fingerprint`.
    """
    try:
        return fingerprint(path, sink)
    except MissingFileError:
        return None


def _fingerprint(path: Path, sink: Sink) -> Fingerprint | None:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        return _fingerprint_directory(path, sink)
    if stat.S_ISLNK(mode):
        return _of("link", sink.add_bytes(os.fsencode(path.readlink())))
    if stat.S_ISREG(mode):
        return _of("exec" if mode & stat.S_IXUSR else "file", sink.add_file(path))
    return None


def _fingerprint_directory(path: Path, sink: Sink) -> Fingerprint:
    inner: dict[str, Fingerprint] = {}
    for name in sorted(each.name for each in path.iterdir()):
        if name not in SKIPPED_NAMES and (found := _fingerprint(path / name, sink)) is not None:
            inner[name] = found
    content = sink.add_bytes(_encode_directory(path, inner))
    return Fingerprint(
        kind="dir",
        digest=content.digest,
        size_bytes=content.size_bytes,
        n_files=sum(each.n_files for each in inner.values()),
        total_bytes=sum(each.content_bytes for each in inner.values()),
    )


def _encode_directory(path: Path, inner: Mapping[str, Fingerprint]) -> bytes:
    entries = (
        TreeEntry(
            name=escape_name(os.fsencode(name)),
            kind=each.kind,
            digest=each.digest,
            size_bytes=each.size_bytes,
        )
        for name, each in inner.items()
    )
    try:
        return encode_tree(entries)
    except ValueError as error:
        message = f"the directory {str(path)!r} cannot be stored: {error}"
        raise UnreadableFileError(message) from error


def _of(kind: EntryKind, content: Content) -> Fingerprint:
    return Fingerprint(kind=kind, digest=content.digest, size_bytes=content.size_bytes)
