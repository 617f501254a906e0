"""Fingerprint files and directories, and store what they hold on the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3

from mlv.core.digest import Digest, digest_of
from mlv.core.paths import escape_name
from mlv.core.run import Content
from mlv.core.tree import EntryKind, Fingerprint, TreeEntry, encode_tree
from mlv.errors import FileChangedError, MissingFileError, MlvError, UnreadableFileError
from mlv.store.stable_read import read_stable

_BLOCK = 1 << 20
_SKIPPED_NAMES = frozenset((".git", ".mlv"))


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
        return read_stable(path, _hash)


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
    """Return what is at `path`, None when there is nothing that could be stored."""
    try:
        return fingerprint(path, sink)
    except MissingFileError:
        return None


def fingerprint_problem(path: Path, sink: Sink) -> tuple[Fingerprint | None, str | None]:
    """Return what is at `path`, or why that cannot be told."""
    try:
        return fingerprint(path, sink), None
    except MlvError as error:
        return None, error.message


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
    entries = []
    n_files = total_bytes = 0
    with os.scandir(path) as found:
        names = sorted(entry.name for entry in found if entry.name not in _SKIPPED_NAMES)
    for name in names:
        inner = _fingerprint(path / name, sink)
        if inner is None:
            continue
        entries.append(
            TreeEntry(
                name=escape_name(os.fsencode(name)),
                kind=inner.kind,
                digest=inner.digest,
                size_bytes=inner.size_bytes,
            )
        )
        n_files += inner.n_files
        total_bytes += inner.content_bytes
    try:
        tree = encode_tree(entries)
    except ValueError as error:
        message = f"the directory {str(path)!r} cannot be stored: {error}"
        raise UnreadableFileError(message) from error
    content = sink.add_bytes(tree)
    return Fingerprint(
        kind="dir",
        digest=content.digest,
        size_bytes=content.size_bytes,
        n_files=n_files,
        total_bytes=total_bytes,
    )


def _of(kind: EntryKind, content: Content) -> Fingerprint:
    return Fingerprint(kind=kind, digest=content.digest, size_bytes=content.size_bytes)


def _hash(file: BinaryIO) -> Content:
    hasher = blake3()
    size_bytes = 0
    while block := file.read(_BLOCK):
        hasher.update(block)
        size_bytes += len(block)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)
