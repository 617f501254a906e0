"""Many files below one directory become one entry of a record: choose the directories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from mlv.core.paths import RepoPath

MANY_FILES = 64
"""So many files below one directory are recorded as one."""

_MOST_PARTS = 8
"""Rather than in more parts than these, a directory is recorded as a whole."""


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """Files, sorted into directories that stand for many of them.

    Attributes:
        directories: The files that each stands for, sorted.
        files: Those that stand for themselves, sorted.
    """

    directories: dict[RepoPath, tuple[RepoPath, ...]]
    files: tuple[RepoPath, ...]


def fold(
    paths: Iterable[RepoPath],
    *,
    is_link: Callable[[RepoPath], bool],
    many: int = MANY_FILES,
) -> Folded:
    """Choose directories that stand for many files each.

    The root never does, and outside the repository no directory at the top of the disk.
    What lies behind a symbolic link is no part of the directory that the link is in.

    Args:
        paths: The files.
        is_link: Tells whether a directory is a symbolic link.
        many: How many files are worth a directory.
    """
    top = _grow(paths)
    directories: dict[RepoPath, tuple[RepoPath, ...]] = {}
    alone: list[RepoPath] = []
    pending = [top]
    while pending:
        directory = pending.pop()
        if directory.n_files < many:
            alone += directory.walk()
            continue
        linked = [each for each in directory.inner.values() if is_link(each.path)]
        for each in linked:
            directory.cut(each)
        pending += linked
        if _is_one(directory, many):
            directories[directory.path] = tuple(sorted(directory.walk()))
        else:
            alone += directory.files
            pending += directory.inner.values()
    return Folded(directories=directories, files=tuple(sorted(alone)))


class _Directory:
    """Files of one directory, and the directories in it that have some."""

    def __init__(self, path: RepoPath) -> None:
        self.path = path
        self.files: list[RepoPath] = []
        self.inner: dict[str, _Directory] = {}
        self.n_files = 0

    def cut(self, inner: _Directory) -> None:
        del self.inner[inner.path.rpartition("/")[2]]
        self.n_files -= inner.n_files

    def walk(self) -> Iterator[RepoPath]:
        pending = [self]
        while pending:
            directory = pending.pop()
            yield from directory.files
            pending += directory.inner.values()


def _grow(paths: Iterable[RepoPath]) -> _Directory:
    top = _Directory(RepoPath(""))
    by_directory: dict[str, list[RepoPath]] = {}
    for path in paths:
        by_directory.setdefault(path.rpartition("/")[0], []).append(path)
    for parent, files in by_directory.items():
        directory = top
        directory.n_files += len(files)
        names = parent.split("/") if parent else []
        for depth, name in enumerate(names, start=1):
            if name not in directory.inner:
                directory.inner[name] = _Directory(RepoPath("/".join(names[:depth])))
            directory = directory.inner[name]
            directory.n_files += len(files)
        directory.files += files
    return top


def _is_one(directory: _Directory, many: int) -> bool:
    """Tell whether a directory is recorded as one, and not in a few parts."""
    if directory.n_files < many or not _may_stand(directory.path):
        return False
    large = [each for each in directory.inner.values() if each.n_files >= many]
    n_others = directory.n_files - sum(each.n_files for each in large)
    if not large or n_others >= many or len(large) > _MOST_PARTS:
        return True
    return n_others == 0 and len(large) > 1


def _may_stand(path: RepoPath) -> bool:
    return path.count("/") > 1 if path.startswith("/") else path != ""
