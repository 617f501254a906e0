"""Open directories of any depth, and tell errors with the whole path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlv.core.tree_limits import MAX_DEPTH
from mlv.errors import UnreadableFileError
from mlv.worktree.temporary import is_temporary

SKIPPED_NAMES = frozenset((".git", ".mlv"))
"""What is never part of a directory's content, beside what is unfinished."""

_MOST_BYTES = 4000
"""Linux takes paths of up to 4,096 bytes at a time."""

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(path: bytes) -> Iterator[int]:
    """Open a directory, however long its path is, and name it in errors of the block.

    Args:
        path: Absolute.

    Raises:
        OSError: It cannot be opened; or of the block, then with the whole path.
    """
    descriptor = -1
    try:
        for piece in _pieces(path):
            inner = os.open(piece, _FLAGS, dir_fd=descriptor if descriptor >= 0 else None)
            if descriptor >= 0:
                os.close(descriptor)
            descriptor = inner
        yield descriptor
    except OSError as error:
        _locate(error, path)
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def list_names(descriptor: int) -> list[str]:
    """Return the names in an open directory, sorted by their raw bytes."""
    names = os.listdir(descriptor)
    for skipped in SKIPPED_NAMES.intersection(names):
        names.remove(skipped)
    names = [name for name in names if not (name[:5] == ".mlv-" and is_temporary(name))]
    if "".join(names).isascii():
        names.sort()
    else:
        names.sort(key=os.fsencode)
    return names


def join_path(directory: bytes, name: bytes) -> bytes:
    """Return the path of something in a directory."""
    return directory.rstrip(b"/") + b"/" + name


def check_depth(top: bytes, directory: bytes) -> None:
    """Refuse a directory that has others in it, and is the deepest that there may be.

    Raises:
        UnreadableFileError: No check-out could write what is in it.
    """
    if directory.count(b"/") - top.count(b"/") + 1 >= MAX_DEPTH:
        message = f"there are more than {MAX_DEPTH} directories one in another"
        raise UnreadableFileError(f"the directory {os.fsdecode(top)!r} cannot be stored: {message}")


def path_of(directory: bytes, descriptor: int, name: str) -> Path:
    """Return a path of something in an open directory that the system takes."""
    path = join_path(directory, os.fsencode(name))
    if len(path) <= _MOST_BYTES:
        return Path(os.fsdecode(path))
    return Path(f"/proc/self/fd/{descriptor}") / name


def _pieces(path: bytes) -> Iterator[bytes]:
    while len(path) > _MOST_BYTES:
        end = path.rindex(b"/", 0, _MOST_BYTES)
        yield path[:end]
        path = path[end + 1 :]
    yield path


def _locate(error: OSError, directory: bytes) -> None:
    """Put the whole path into an error of a call that had one from `directory` on."""
    name = error.filename
    if name is None or (isinstance(name, str) and name.startswith("/")):
        return
    is_plain = isinstance(name, str) and "/" not in name
    path = join_path(directory, os.fsencode(name)) if is_plain else directory
    error.filename = os.fsdecode(path)
