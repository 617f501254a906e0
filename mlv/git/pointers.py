"""Ask Git for pointers: which there are, which changed, and what they were in a revision.

Each question is one short Git process, and none of them loads GitPython.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import msgspec

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.pointer import POINTER_SUFFIX, is_pointer_path
from mlv.errors import GitError
from mlv.git.objects import require_object_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlv.git.command import GitCommand

_POINTERS = f":(top,glob)**/*{POINTER_SUFFIX}"
_LITERAL = ":(top,literal)"
_NO_MODE = b"000000"
_FIELDS_BEFORE_PATH = {b"1": 8, b"u": 10}

ChangeKind = Literal["new", "modified", "deleted", "conflict"]


class ChangedSinceHead(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs between HEAD and the worktree.

    Attributes:
        path: The file.
        kind: How; `conflict` while Git waits for a merge to be resolved.
        blob: What HEAD has there, None for nothing.
    """

    path: RepoPath
    kind: ChangeKind
    blob: str | None


def list_pointers(command: GitCommand) -> tuple[RepoPath, ...]:
    """Return the pointers of a worktree, sorted: tracked or not, but not those that Git ignores.

    One that Git tracks is listed even when it is not in the worktree.
    """
    output = command.ask(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", _POINTERS
    )
    return tuple(sorted(_parse_paths(output.stdout)))


def list_changed_since_head(
    command: GitCommand, others: Iterable[RepoPath] = ()
) -> tuple[ChangedSinceHead, ...]:
    """Return the pointers, and those of `others`, that differ from HEAD.

    Source: git-status(1), "Porcelain Format Version 2".
    """
    literal = [_LITERAL + os.fsdecode(unescape_name(path)) for path in others]
    output = command.ask(
        "status",
        "--porcelain=v2",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--ignore-submodules=all",
        "--",
        _POINTERS,
        *literal,
    )
    wanted = set(others)
    changes = (_parse_change(record) for record in output.stdout.split(b"\0")[:-1])
    return tuple(
        change
        for change in changes
        if change and (change.path in wanted or is_pointer_path(change.path))
    )


def pointers_at(command: GitCommand, commit: str) -> dict[RepoPath, str]:
    """Return the blob of each pointer in a commit."""
    output = command.ask("ls-tree", "-r", "-z", "--full-tree", require_object_id(commit))
    found: dict[RepoPath, str] = {}
    for record in output.stdout.split(b"\0")[:-1]:
        facts, _, raw_path = record.partition(b"\t")
        mode, kind, blob = facts.split()
        path = RepoPath(escape_name(raw_path))
        if kind == b"blob" and mode.startswith(b"100") and is_pointer_path(path):
            found[path] = blob.decode()
    return found


def read_small_blobs(command: GitCommand, blobs: Sequence[str]) -> dict[str, bytes]:
    """Return the content of blobs that all fit in memory together.

    Raises:
        GitError: One of them is not in the repository.
    """
    if not blobs:
        return {}
    queries = "".join(f"{require_object_id(blob)}\n" for blob in blobs)
    output = command.ask("cat-file", "--batch", stdin=queries.encode()).stdout
    found: dict[str, bytes] = {}
    position = 0
    for blob in blobs:
        end = output.index(b"\n", position)
        name, *facts = output[position:end].split()
        if name.decode() != blob or len(facts) != 2 or facts[0] != b"blob":  # noqa: PLR2004
            message = f"the Git blob '{blob}' is not in this repository"
            raise GitError(message, hint="look for damage with `git fsck`")
        start, size = end + 1, int(facts[1])
        found[blob] = output[start : start + size]
        position = start + size + 1
    return found


def list_in_index(command: GitCommand, paths: Iterable[RepoPath]) -> Mapping[RepoPath, int]:
    """Return those of `paths` that Git tracks, or holds files below, and how many files."""
    wanted = list(paths)
    if not wanted:
        return {}
    literal = [os.fsdecode(unescape_name(path)) for path in wanted]
    output = command.ask(
        "ls-files", "-z", "--", *literal, environment={"GIT_LITERAL_PATHSPECS": "1"}
    )
    files = _parse_paths(output.stdout)
    counts = {
        path: sum(1 for file in files if file == path or file.startswith(f"{path}/"))
        for path in wanted
    }
    return {path: count for path, count in counts.items() if count}


def list_ignored_by_rule(command: GitCommand, paths: Iterable[RepoPath]) -> set[RepoPath]:
    """Return those of `paths` that Git ignores. What it tracks, it does not ignore."""
    asked = b"".join(unescape_name(path) + b"\0" for path in paths)
    if not asked:
        return set()
    return _parse_paths(
        command.ask("check-ignore", "-z", "--stdin", stdin=asked, accept=(0, 1)).stdout
    )


def _parse_paths(listing: bytes) -> set[RepoPath]:
    return {RepoPath(escape_name(raw)) for raw in listing.split(b"\0")[:-1]}


def _parse_change(record: bytes) -> ChangedSinceHead | None:
    letter, _, rest = record.partition(b" ")
    if letter == b"?":
        return ChangedSinceHead(path=RepoPath(escape_name(rest)), kind="new", blob=None)
    if letter not in _FIELDS_BEFORE_PATH:
        return None
    fields = record.split(b" ", _FIELDS_BEFORE_PATH[letter])
    path = RepoPath(escape_name(fields[-1]))
    if letter == b"u":
        blob = fields[8].decode() if fields[4] != _NO_MODE else None
        return ChangedSinceHead(path=path, kind="conflict", blob=blob)
    _, state, _, head_mode, _, worktree_mode, head_blob, *_ = fields
    if head_mode == _NO_MODE:
        gone = worktree_mode == _NO_MODE
        return None if gone else ChangedSinceHead(path=path, kind="new", blob=None)
    deleted = worktree_mode == _NO_MODE or state[1:] == b"D"
    kind: ChangeKind = "deleted" if deleted else "modified"
    return ChangedSinceHead(path=path, kind=kind, blob=head_blob.decode())
