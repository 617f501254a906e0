"""Put files into a worktree, and take them out, one path at a time.

Nothing is written outside the root, whatever a path says and whatever symbolic
links lie about: every step down goes through the handle of the directory
above, and no link is followed. A file appears under its name when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from mlv.core.paths import RepoPath
from mlv.core.tree import EntryKind
from mlv.store.durable import write_all
from mlv.worktree.handles import (
    in_the_way,
    is_directory,
    opened_directory,
    parent_directory,
    split_path,
    unlink,
)
from mlv.worktree.temporary import TEMPORARY_PATTERN, new_file, temporary_name

__all__ = [
    "TEMPORARY_PATTERN",
    "Durability",
    "place",
    "place_directory",
    "remove",
    "remove_directory",
]

Durability = Literal["durable", "scratch"]
"""Whether what was placed must survive a loss of power."""

_FILE_MODE = 0o644
_EXEC_MODE = 0o755


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
    with parent_directory(root, path, made) as (directory, name):
        _refuse_directory(path, name, directory)
        if kind == "link":
            _place_link(b"".join(blocks), name, directory)
        else:
            usual = _EXEC_MODE if kind == "exec" else _FILE_MODE
            with new_file(directory) as (temporary, descriptor):
                _fill(descriptor, blocks, usual if mode is None else mode, durability)
                os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        if durability == "durable":
            os.fsync(directory)
    return made


def place_directory(root: Path, path: RepoPath) -> None:
    """Make a directory, and those above it, where there is none.

    Raises:
        WorktreeError: The path leaves the worktree, or a file or a symbolic link is in
            the way.
        OSError: The disk is full or failing.
    """
    with opened_directory(root, split_path(path), []):
        pass


def remove(root: Path, path: RepoPath) -> None:
    """Remove the file or symbolic link at `path`; nothing happens when there is none.

    Raises:
        WorktreeError: A directory or a symbolic link is in the way.
        OSError: The system refused.
    """
    try:
        with parent_directory(root, path) as (directory, name):
            _refuse_directory(path, name, directory)
            unlink(name, directory)
            os.fsync(directory)
    except FileNotFoundError:
        return


def remove_directory(root: Path, path: RepoPath) -> None:
    """Remove a directory if it is there and empty.

    Raises:
        WorktreeError: A file or a symbolic link is in the way.
    """
    try:
        with parent_directory(root, path) as (directory, name):
            os.rmdir(name, dir_fd=directory)
    except OSError:
        # Not empty, or gone: either way it is not ours to remove.
        return


def _refuse_directory(path: RepoPath, name: bytes, directory: int) -> None:
    if is_directory(name, directory):
        raise in_the_way(path, "a directory")


def _place_link(target: bytes, name: bytes, directory: int) -> None:
    temporary = temporary_name()
    try:
        os.symlink(target, temporary, dir_fd=directory)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            unlink(temporary, directory)
        raise


def _fill(descriptor: int, blocks: Iterable[bytes], mode: int, durability: Durability) -> None:
    for block in blocks:
        write_all(descriptor, block)
    os.fchmod(descriptor, mode)
    if durability == "durable":
        os.fdatasync(descriptor)
