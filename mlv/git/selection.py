"""Decide which changes of the worktree go into a snapshot, and which stay out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.git.discovery import STORE_NAME
from mlv.git.sensitive import find_secret_in, is_secret_path
from mlv.git.status import Change, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Reason = Literal["excluded", "filter", "large", "repository", "secret", "unreadable"]
"""Why a path is not in a snapshot.

`filter` is a file whose Git filter is missing or fails; `repository` is another Git
repository inside this one; `unreadable` is what cannot be read as a file, for want of
permission or because it is a pipe, a socket or a device.
"""

FindSecret = Callable[[BinaryIO], str | None]
"""Returns the kind of secret that an open file seems to hold."""

_NEW = frozenset({"added", "untracked"})
"""Kinds of change whose content Git does not have."""

BY_NAME = "by its name"
"""What is said of a secret that only the name of its file tells."""

_MIB = 1024 * 1024
_NONE: Mapping[bytes, str] = {}


class SnapshotRules(msgspec.Struct, frozen=True, kw_only=True):
    """What stays out of a snapshot.

    Attributes:
        file_size_bytes: Larger files do.
        untracked_size_bytes: Past this much in all, the largest untracked files do.
        exclude: Files and directories that do, whoever tracks them.
        allow_secrets: Patterns of paths or names of files that look like secrets and are none.
        find_secret: How files are looked into.
    """

    file_size_bytes: int = 10 * _MIB
    untracked_size_bytes: int = 100 * _MIB
    exclude: frozenset[RepoPath] = frozenset()
    allow_secrets: tuple[str, ...] = ()
    find_secret: FindSecret = find_secret_in

    def allows(self, path: bytes) -> bool:
        """Tell whether a file may hold what looks like a secret."""
        text = os.fsdecode(path)
        names = (text, escape_name(path), text.rpartition("/")[2])
        allowed = self.allow_secrets
        return any(name == each or fnmatchcase(name, each) for each in allowed for name in names)


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A path whose content is not in the snapshot.

    Attributes:
        path: The path. If Git tracks it, the snapshot holds what the index holds.
        size_bytes: Size of the file, 0 for what is none.
        reason: Why.
        detail: Which kind of secret it is, or which filter failed.
    """

    path: RepoPath
    size_bytes: int
    reason: Reason
    detail: str = ""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to do to a copy of the index to make it the snapshot's.

    Attributes:
        add: Paths to take from the worktree.
        remove: Paths to take out.
        restore: Paths to take from the commit, because their edits hold secrets.
        untracked: Those of `add` whose content only the worktree had.
        left_out: Paths that are not taken.
    """

    add: tuple[bytes, ...]
    remove: tuple[bytes, ...]
    untracked: tuple[bytes, ...]
    left_out: tuple[LeftOut, ...]
    restore: dict[bytes, Entry] = {}


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a path."""

    verdict: Reason | Literal["take", "gone"]
    size_bytes: int = 0
    detail: str = ""


def select_changes(
    root: Path,
    changes: Iterable[Change],
    rules: SnapshotRules,
    added_secrets: Mapping[bytes, str] = _NONE,
) -> Selection:
    """Choose what a snapshot takes from the worktree.

    Args:
        root: Top directory of the worktree.
        changes: What differs, as Git lists it.
        rules: What stays out.
        added_secrets: Kinds of secrets that changes of tracked files bring in, by path.
    """
    judge = _Judge(root, rules)
    restore: dict[bytes, Entry] = {}
    tracked: list[bytes] = []
    remove: list[bytes] = []
    untracked: dict[bytes, int] = {}
    left_out: list[LeftOut] = []
    for change in changes:
        secret = added_secrets.get(change.path)
        if (change.kind == "staged" and secret is None) or _is_store(change.path):
            continue
        found = judge.examine(change, secret)
        if found.verdict == "gone":
            remove.append(change.path)
        elif found.verdict != "take":
            left_out.append(_left_out(change.path, found.size_bytes, found.verdict, found.detail))
            if secret is not None and change.committed is not None:
                restore[change.path] = change.committed
            elif secret is not None or change.kind == "unmerged":
                remove.append(change.path)  # no tree can be written of a conflict
        elif change.kind in _NEW:
            untracked[change.path] = found.size_bytes
        else:
            tracked.append(change.path)
    too_much = _largest_to_fit(untracked, rules.untracked_size_bytes)
    left_out.extend(_left_out(path, untracked.pop(path), "large") for path in too_much)
    return Selection(
        add=(*tracked, *untracked),
        remove=tuple(remove),
        untracked=tuple(untracked),
        left_out=_sorted(left_out),
        restore=restore,
    )


def refuse(root: Path, selection: Selection, paths: frozenset[bytes], detail: str) -> Selection:
    """Return a selection without files that a Git filter could not take in.

    Args:
        root: Top directory of the worktree.
        selection: What was to be taken.
        paths: The files.
        detail: Name of the filter.
    """
    top = os.fsencode(root)
    refused = [
        _left_out(path, os.lstat(os.path.join(top, path)).st_size, "filter", detail)  # noqa: PTH118
        for path in paths
        if os.path.lexists(os.path.join(top, path))  # noqa: PTH118
    ]
    return msgspec.structs.replace(
        selection,
        add=tuple(path for path in selection.add if path not in paths),
        untracked=tuple(path for path in selection.untracked if path not in paths),
        left_out=_sorted((*selection.left_out, *refused)),
    )


class _Judge:
    """Looks at the files that changed."""

    def __init__(self, root: Path, rules: SnapshotRules) -> None:
        self._top = os.fsencode(root)
        self._rules = rules
        self._excluded = {unescape_name(path) for path in rules.exclude}

    def examine(self, change: Change, secret: str | None) -> _Found:
        path = os.path.join(self._top, change.path)  # noqa: PTH118  # bytes: any name is possible
        is_excluded = _is_excluded(change.path, self._excluded)
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return _Found(verdict="excluded" if is_excluded else "gone")
        except OSError:
            return _Found(verdict="excluded" if is_excluded else "unreadable")
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        if is_excluded:
            return _Found(verdict="excluded", size_bytes=size)
        if secret is not None:
            return _Found(verdict="secret", size_bytes=size, detail=secret)
        return msgspec.structs.replace(self._judge(path, status, change), size_bytes=size)

    def _judge(self, path: bytes, status: os.stat_result, change: Change) -> _Found:
        if change.kind == "deleted":
            return _Found(verdict="gone")  # there is a directory now, or it is behind a link
        if change.kind == "repository":
            return _Found(verdict="repository")
        is_suspect = change.kind in _NEW and not self._rules.allows(change.path)
        if is_suspect and is_secret_path(os.fsdecode(change.path)):
            return _Found(verdict="secret", detail=BY_NAME)
        if change.is_submodule or stat.S_ISLNK(status.st_mode):
            return _Found(verdict="take")
        if stat.S_ISREG(status.st_mode):
            return self._look_into(path, status.st_size, is_suspect=is_suspect)
        return _Found(verdict="unreadable")

    def _look_into(self, path: bytes, size: int, *, is_suspect: bool) -> _Found:
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # bytes: any name is possible
                secret = self._rules.find_secret(file) if is_suspect else None
        except FileNotFoundError:
            return _Found(verdict="gone")
        except OSError:
            return _Found(verdict="unreadable")
        if secret is not None:
            return _Found(verdict="secret", detail=secret)
        return _Found(verdict="large" if size > self._rules.file_size_bytes else "take")


def _is_store(path: bytes) -> bool:
    return path.partition(b"/")[0] == os.fsencode(STORE_NAME)


def _is_excluded(path: bytes, excluded: set[bytes]) -> bool:
    ends = [end for end, byte in enumerate(path) if byte == ord("/")]
    return bool(excluded) and (
        path in excluded or b"." in excluded or any(path[:end] in excluded for end in ends)
    )


def _largest_to_fit(sizes: dict[bytes, int], limit: int) -> list[bytes]:
    """Return the paths to drop, largest first, until the others fit."""
    total = sum(sizes.values())
    dropped: list[bytes] = []
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        if total <= limit:
            break
        dropped.append(path)
        total -= sizes[path]
    return dropped


def _left_out(path: bytes, size: int, reason: Reason, detail: str = "") -> LeftOut:
    return LeftOut(path=RepoPath(escape_name(path)), size_bytes=size, reason=reason, detail=detail)


def _sorted(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    return tuple(sorted(left_out, key=lambda entry: entry.path))
