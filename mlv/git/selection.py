"""Decide which changes of the worktree go into a snapshot, and which stay out."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Literal

import msgspec

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.git.discovery import STORE_NAME
from mlv.git.sensitive import HEAD_SIZE_BYTES, holds_private_key, is_secret_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlv.git.status import Change

Reason = Literal["excluded", "large", "repository", "secret", "unreadable"]
"""Why a path is not in a snapshot.

`repository` is another Git repository inside this one; `unreadable` is what cannot be
read as a file, for want of permission or because it is a pipe, a socket or a device.
"""

_Verdict = Literal["take", "gone", "excluded", "large", "repository", "secret", "unreadable"]

_NEW = frozenset({"added", "untracked"})
"""Kinds of change whose content Git does not have: only there a secret can be kept out."""

_MIB = 1024 * 1024


class SnapshotLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a snapshot may add to the Git repository."""

    file_size_bytes: int = 10 * _MIB
    untracked_size_bytes: int = 100 * _MIB


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A path whose content is not in the snapshot.

    Attributes:
        path: The path. If Git tracks it, the snapshot holds what the index holds.
        size_bytes: Size of the file, 0 for what is none.
        reason: Why.
    """

    path: RepoPath
    size_bytes: int
    reason: Reason


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to do to a copy of the index to make it the snapshot's.

    Attributes:
        add: Paths to take from the worktree.
        remove: Paths to take out.
        untracked: Those of `add` whose content only the worktree had.
        left_out: Paths that are not taken.
    """

    add: tuple[bytes, ...]
    remove: tuple[bytes, ...]
    untracked: tuple[bytes, ...]
    left_out: tuple[LeftOut, ...]


def select_changes(
    root: Path,
    changes: Iterable[Change],
    *,
    limits: SnapshotLimits,
    exclude: Sequence[RepoPath],
) -> Selection:
    """Choose what a snapshot takes from the worktree.

    Args:
        root: Top directory of the worktree.
        changes: What differs, as Git lists it.
        limits: Files above them are left out; of untracked ones the largest, until the
            rest fits.
        exclude: Files and directories to leave out, whoever tracks them.
    """
    top = os.fsencode(root)
    excluded = {unescape_name(path) for path in exclude}
    tracked: list[bytes] = []
    remove: list[bytes] = []
    untracked: dict[bytes, int] = {}
    left_out: list[LeftOut] = []
    for change in changes:
        if change.kind == "staged" or _is_store(change.path):
            continue
        size, verdict = _examine(top, change, limits, excluded)
        if verdict == "take" and change.kind in {"modified", "unmerged"}:
            tracked.append(change.path)
        elif verdict == "take":
            untracked[change.path] = size
        elif verdict == "gone":
            remove.append(change.path)
        else:
            left_out.append(_left_out(change.path, size, verdict))
            if change.kind == "unmerged":
                remove.append(change.path)  # no tree can be written of a conflict
    too_much = _largest_to_fit(untracked, limits.untracked_size_bytes)
    left_out.extend(_left_out(path, untracked.pop(path), "large") for path in too_much)
    return Selection(
        add=(*tracked, *untracked),
        remove=tuple(remove),
        untracked=tuple(untracked),
        left_out=tuple(sorted(left_out, key=lambda entry: entry.path)),
    )


def _examine(
    top: bytes,
    change: Change,
    limits: SnapshotLimits,
    excluded: set[bytes],
) -> tuple[int, _Verdict]:
    """Return the size of the file, 0 for what is none, and what to do with it."""
    path = os.path.join(top, change.path)  # noqa: PTH118  # bytes: any name is possible
    is_excluded = _is_excluded(change.path, excluded)
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0, "excluded" if is_excluded else "gone"
    except OSError:
        return 0, "excluded" if is_excluded else "unreadable"
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size, "excluded" if is_excluded else _judge(path, status, change, limits)


def _judge(
    path: bytes,
    status: os.stat_result,
    change: Change,
    limits: SnapshotLimits,
) -> _Verdict:
    if change.kind == "deleted":
        return "gone"  # what is there now is a directory, or is behind a link
    if change.kind == "repository":
        return "repository"
    if change.kind in _NEW and is_secret_path(os.fsdecode(change.path)):
        return "secret"
    if change.is_submodule or stat.S_ISLNK(status.st_mode):
        return "take"
    if not stat.S_ISREG(status.st_mode):
        return "unreadable"
    return _judge_content(path, status.st_size, change, limits)


def _judge_content(path: bytes, size: int, change: Change, limits: SnapshotLimits) -> _Verdict:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # bytes: any name is possible
            head = file.read(HEAD_SIZE_BYTES)
    except FileNotFoundError:
        return "gone"
    except OSError:
        return "unreadable"
    if change.kind in _NEW and holds_private_key(head):
        return "secret"
    return "large" if size > limits.file_size_bytes else "take"


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


def _left_out(path: bytes, size: int, reason: Reason) -> LeftOut:
    return LeftOut(
        path=RepoPath(escape_name(path)),
        size_bytes=size,
        reason=reason,
    )
