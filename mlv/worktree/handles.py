"""Go down a worktree by the handles of its directories, so that no link leads elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.tree import check_name
from mlv.errors import WorktreeError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def parent_directory(
    root: Path, path: RepoPath, made: list[RepoPath] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Open the directory that holds `path`; make it when `made` can take note of that.

    Args:
        root: Root of the worktree.
        path: Anything below `root`.
        made: Takes the directories that had to be made, outermost first.

    Yields:
        The directory, and the last name of `path`.

    Raises:
        WorktreeError: The path leaves the worktree, or a file or a symbolic link is in
            the way.
        FileNotFoundError: A directory is not there, and none is to be made.
    """
    *parents, name = split_path(path)
    with opened_directory(root, parents, made) as directory:
        yield directory, name


@contextmanager
def opened_directory(
    root: Path, names: list[bytes], made: list[RepoPath] | None = None
) -> Iterator[int]:
    """Open the directory that `names` lead to, as `parent_directory` does."""
    directory = os.open(root, _DIRECTORY)
    try:
        for depth, name in enumerate(names, start=1):
            if made is not None and make_directory(name, directory):
                made.append(_join(names[:depth]))
            try:
                inner = open_directory(name, directory)
            except NotADirectoryError as error:
                here = _join(names[:depth])
                raise in_the_way(here, "a file or a symbolic link") from error
            os.close(directory)
            directory = inner
        yield directory
    finally:
        os.close(directory)


def split_path(path: RepoPath) -> list[bytes]:
    """Return the names that a path consists of.

    Raises:
        WorktreeError: It leads out of the worktree, or into Git or the store.
    """
    try:
        parts = unescape_name(path).split(b"/")
        for part in parts:
            check_name(part)
    except ValueError as error:
        message = f"{path!r} is not a path inside the worktree"
        raise WorktreeError(message) from error
    return parts


def open_directory(name: bytes, directory: int) -> int:
    """Open a directory in another one; the caller closes it.

    Raises:
        NotADirectoryError: It is something else, such as a symbolic link.
        OSError: It is not there, or may not be read.
    """
    return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)


def make_directory(name: bytes, directory: int) -> bool:
    """Make a directory, and tell whether there was nothing of that name."""
    try:
        os.mkdir(name, dir_fd=directory)
    except FileExistsError:
        return False
    return True


def create_file(name: bytes, directory: int, mode: int) -> int:
    """Create a file where there is nothing, and return it open for reading and writing."""
    return os.open(name, _NEW_FILE, mode, dir_fd=directory)


def unlink(name: bytes, directory: int) -> None:
    """Remove a file or a link; nothing happens when there is none."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return


def find_stat(name: bytes, directory: int) -> os.stat_result | None:
    """Return what is known of a name, links not followed; None when nothing has it."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_directory(name: bytes, directory: int) -> bool:
    """Tell whether there is a directory of that name."""
    found = find_stat(name, directory)
    return found is not None and stat.S_ISDIR(found.st_mode)


def in_the_way(path: RepoPath, what: str) -> WorktreeError:
    """Return the error for something that is where something else must go."""
    hint = f"move {path} elsewhere, then try again"
    return WorktreeError(f"{what} is in the way at {path!r}", hint=hint)


def _join(names: list[bytes]) -> RepoPath:
    return RepoPath(escape_name(b"/".join(names)))
