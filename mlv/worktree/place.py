"""Put files into a worktree, and take them out, one path at a time.

Nothing is written outside the root, whatever a path says and whatever symbolic
links lie about: every step down goes through the handle of the directory
above, and no link is followed. A file appears under its name when it is whole.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.tree import EntryKind, check_name
from mlv.errors import WorktreeError
from mlv.store.durable import write_all

TEMPORARY_PATTERN = ".mlv-????????????.tmp"
"""Names under which files lie while they are written; what a killed process leaves."""

Durability = Literal["durable", "scratch"]
"""Whether what was placed must survive a loss of power."""

_FILE_MODE = 0o644
_EXEC_MODE = 0o755
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def place(
    root: Path,
    path: RepoPath,
    kind: EntryKind,
    blocks: Iterable[bytes],
    *,
    mode: int | None = None,
    durability: Durability = "durable",
) -> list[RepoPath]:
    """Put a file or symbolic link at `path`, in place of what is there.

    Args:
        root: Root of the worktree.
        path: Where, below `root`.
        kind: `file`, `exec` or `link`.
        blocks: The content, or the target of the link. Nothing is published when
            it raises.
        mode: Permission bits; None for the usual ones of the kind.
        durability: `scratch` for a directory that is thrown away after a crash.

    Returns:
        Directories that had to be made, outermost first.

    Raises:
        WorktreeError: The path leaves the worktree, or a directory or a symbolic
            link is in the way.
        OSError: The disk is full or failing; what was there is still there.
    """
    made: list[RepoPath] = []
    with _parent(root, path, made) as (directory, name):
        if _is_directory(name, directory):
            raise _in_the_way(path, "a directory")
        temporary = b".mlv-%s.tmp" % secrets.token_hex(6).encode()
        try:
            if kind == "link":
                os.symlink(b"".join(blocks), temporary, dir_fd=directory)
            else:
                usual = _EXEC_MODE if kind == "exec" else _FILE_MODE
                with _created(temporary, directory) as descriptor:
                    _fill(descriptor, blocks, usual if mode is None else mode, durability)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            _unlink(temporary, directory)
            raise
        if durability == "durable":
            os.fsync(directory)
    return made


def remove(root: Path, path: RepoPath) -> None:
    """Remove the file or symbolic link at `path`; nothing happens when there is none.

    Raises:
        WorktreeError: A directory or a symbolic link is in the way.
        OSError: The system refused.
    """
    try:
        with _parent(root, path, None) as (directory, name):
            if _is_directory(name, directory):
                raise _in_the_way(path, "a directory")
            _unlink(name, directory)
            os.fsync(directory)
    except FileNotFoundError:
        return


def remove_directory(root: Path, path: RepoPath) -> None:
    """Remove a directory if it is there and empty.

    Raises:
        WorktreeError: A file or a symbolic link is in the way.
    """
    try:
        with _parent(root, path, None) as (directory, name):
            os.rmdir(name, dir_fd=directory)
    except OSError:
        # Not empty, or gone: either way it is not ours to remove.
        return


@contextmanager
def _parent(root: Path, path: RepoPath, made: list[RepoPath] | None) -> Iterator[tuple[int, bytes]]:
    """Open the directory that holds `path`; make it when `made` can take note of that."""
    *parents, name = _split(path)
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for depth, parent in enumerate(parents, start=1):
            here = RepoPath(escape_name(b"/".join(parents[:depth])))
            if made is not None and _make_directory(parent, directory):
                made.append(here)
            try:
                inner = os.open(parent, _DIRECTORY_FLAGS, dir_fd=directory)
            except NotADirectoryError as error:
                raise _in_the_way(here, "a file or a symbolic link") from error
            os.close(directory)
            directory = inner
        yield directory, name
    finally:
        os.close(directory)


def _split(path: RepoPath) -> list[bytes]:
    try:
        parts = unescape_name(path).split(b"/")
        for part in parts:
            check_name(part)
    except ValueError as error:
        message = f"{path!r} is not a path inside the worktree"
        raise WorktreeError(message) from error
    return parts


def _make_directory(name: bytes, directory: int) -> bool:
    try:
        os.mkdir(name, dir_fd=directory)
    except FileExistsError:
        return False
    return True


@contextmanager
def _created(name: bytes, directory: int) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fill(descriptor: int, blocks: Iterable[bytes], mode: int, durability: Durability) -> None:
    for block in blocks:
        write_all(descriptor, block)
    os.fchmod(descriptor, mode)
    if durability == "durable":
        os.fdatasync(descriptor)


def _unlink(name: bytes, directory: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return


def _is_directory(name: bytes, directory: int) -> bool:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode)


def _in_the_way(path: RepoPath, what: str) -> WorktreeError:
    hint = f"move {path} elsewhere, then try again"
    return WorktreeError(f"{what} is in the way at {path!r}", hint=hint)
