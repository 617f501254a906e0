"""Fingerprint files and directories, and store what they hold on the way."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.core.tree import EntryKind, Fingerprint
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.worktree.assembly import Progress
from mlv.worktree.columns import KINDS
from mlv.worktree.open_directory import SKIPPED_NAMES
from mlv.worktree.picks import Picks
from mlv.worktree.scan import scan
from mlv.worktree.scan_file import FileTaker
from mlv.worktree.sinks import HashCached, HashOnly, Sink, TreesOnly, taker_of

__all__ = [
    "SKIPPED_NAMES",
    "HashCached",
    "HashOnly",
    "Progress",
    "Sink",
    "TreesOnly",
    "errors_in_words",
    "find_fingerprint",
    "fingerprint",
    "fingerprint_picked",
]


def fingerprint(path: Path, sink: Sink, *, progress: Progress | None = None) -> Fingerprint:
    """Return what a file, symbolic link or directory holds.

    Directories called `.git` and `.mlv` are passed over, and so are sockets,
    pipes and devices. Symbolic links are not followed; those to whole objects of the
    store of the sink stand for the files that they show.

    Args:
        path: What to look at.
        sink: Where content goes. A directory of many files is read by several processes
            when it goes to the store, or nowhere.
        progress: Is told how far it has come, in a directory.

    Raises:
        MissingFileError: There is nothing at `path`.
        UnreadableFileError: Something may not be read, or has a name that cannot be stored.
        FileChangedError: A file changed each time while it was being read, or something
            in a directory vanished meanwhile.
    """
    with errors_in_words(path):
        found = _fingerprint(path, sink, progress)
    if found is None:
        message = f"{str(path)!r} is neither a file, a directory nor a symbolic link"
        raise UnreadableFileError(message)
    return found


def fingerprint_picked(directory: Path, picks: Picks, sink: Sink) -> Fingerprint:
    """Return what some of the files of a directory hold, as a tree that lists only those.

    Args:
        directory: Where they are.
        picks: The files; those that are not there any more are passed over.
        sink: Where content goes.

    Raises:
        MissingFileError: There is no such directory.
        UnreadableFileError: Something may not be read, or has a name that cannot be stored.
        FileChangedError: A file changed each time while it was being read, or a directory
            vanished meanwhile.
    """
    with errors_in_words(directory):
        found = scan(os.fsencode(Path.cwd() / directory), sink, picks=picks).root.found
    if found is None:
        message = "a scan has ended, and its first directory is not finished"
        raise AssertionError(message)
    return found


@contextmanager
def errors_in_words(path: Path) -> Iterator[None]:
    """Raise what `fingerprint` does in place of errors of the operating system."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.path.lexists(path):
            message = f"{error.filename!r} vanished while {str(path)!r} was being read"
            raise FileChangedError(message, hint="wait until nobody writes to it") from error
        message = f"{str(path)!r} is not there"
        raise MissingFileError(message) from error
    except PermissionError as error:
        message = f"{error.filename or str(path)!r} cannot be read: permission denied"
        raise UnreadableFileError(message, hint="check its permissions with `ls -l`") from error


def find_fingerprint(path: Path, sink: Sink) -> Fingerprint | None:
    """Return what is at `path`, None when there is nothing.

    Raises:
        UnreadableFileError, FileChangedError: As `fingerprint`.
    """
    try:
        return fingerprint(path, sink)
    except MissingFileError:
        return None


def _fingerprint(path: Path, sink: Sink, progress: Progress | None) -> Fingerprint | None:
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        return scan(os.fsencode(Path.cwd() / path), sink, progress=progress).root.found
    if stat.S_ISLNK(mode):
        return _fingerprint_link(path, sink)
    if stat.S_ISREG(mode):
        return _of("exec" if mode & stat.S_IXUSR else "file", sink.add_file(path))
    return None


def _fingerprint_link(path: Path, sink: Sink) -> Fingerprint | None:
    directory = os.fsencode(Path.cwd() / path.parent)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        files = FileTaker(taker_of(sink), directory, descriptor, time.time_ns())
        taken = files.look_and_take(path.name)
    finally:
        os.close(descriptor)
    kind = KINDS.get(taken.kind)
    if kind is None:
        return None
    digest = Digest(taken.digest.hex())
    return Fingerprint(kind=kind, digest=digest, size_bytes=taken.size_bytes)


def _of(kind: EntryKind, content: Content) -> Fingerprint:
    return Fingerprint(kind=kind, digest=content.digest, size_bytes=content.size_bytes)
