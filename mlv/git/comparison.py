"""Compare two commits, or two trees, in Git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlv.git.command import GitCommand

_DIFF = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv")
_HAS_TWO_PATHS = frozenset("CR")


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that two trees do not have in common.

    Attributes:
        path: Where it is; for a deleted file, where it was.
        old_path: Where it was, if it was renamed.
        status: Git's letter: A added, D deleted, M modified, R renamed, T type changed.
        added: Number of lines added, None for a binary file.
        removed: Number of lines removed, None for a binary file.
    """

    path: RepoPath
    old_path: RepoPath | None
    status: str
    added: int | None
    removed: int | None


def list_changed_files(command: GitCommand, old: str, new: str) -> list[ChangedFile]:
    """Return the files that differ between two commits or trees, in order of path."""
    output = command.run(*_DIFF, "--raw", "--numstat", "-z", "--end-of-options", old, new, "--")
    fields = iter(output.stdout.split(b"\0")[:-1])
    statuses: list[str] = []
    for field in fields:
        if not field.startswith(b":"):
            return list(_parse_counts(statuses, field, fields))
        statuses.append(field.split()[4].decode()[0])
        for _ in range(2 if statuses[-1] in _HAS_TWO_PATHS else 1):
            next(fields)
    return []


def format_patch(command: GitCommand, old: str, new: str, *, color: bool) -> str:
    """Return the differences as a patch to read. Bytes that are not UTF-8 are replaced."""
    colors = "--color=always" if color else "--color=never"
    output = command.run(*_DIFF, "-p", colors, "--end-of-options", old, new, "--")
    return output.stdout.decode("utf-8", "replace")


def _parse_counts(
    statuses: list[str],
    first: bytes,
    others: Iterator[bytes],
) -> Iterator[ChangedFile]:
    """Read the second half of the listing, which follows the order of the first."""
    field = first
    for status in statuses:
        added, removed, path = field.split(b"\t", 2)
        old_path = None if path else next(others)
        yield ChangedFile(
            path=RepoPath(escape_name(path or next(others))),
            old_path=None if old_path is None else RepoPath(escape_name(old_path)),
            status=status,
            added=None if added == b"-" else int(added),
            removed=None if removed == b"-" else int(removed),
        )
        field = next(others, b"")
