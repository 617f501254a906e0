"""Read what differs between HEAD, the index and the worktree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from mlv.git.objects import SUBMODULE_MODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlv.git.command import GitCommand

_FIELDS_BEFORE_PATH = {b"1": 8, b"u": 10}
_MODE_FIELD = {b"1": 5, b"u": 6}
_UNREADABLE = re.compile(rb"^warning: could not open directory '(.*)/': ", re.MULTILINE)

Kind = Literal[
    "staged",
    "modified",
    "deleted",
    "unmerged",
    "added",
    "untracked",
    "repository",
]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A path that is not in HEAD, index and worktree alike.

    Attributes:
        path: Bytes of the path, relative to the top of the worktree.
        kind: `staged` if the index holds what the worktree holds; `modified`,
            `deleted` and `unmerged` as in the worktree; `added` if it was announced
            with `git add --intent-to-add`; `untracked`; `repository` for a Git
            repository that is no submodule.
        is_submodule: Whether the worktree has a submodule there.
    """

    path: bytes
    kind: Kind
    is_submodule: bool = False


def list_changes(command: GitCommand) -> tuple[Change, ...]:
    """Return everything that `git status` sees, ignored files left aside.

    Submodules count by their checked-out commit alone. The index is not refreshed.

    Source: git-status(1), "Porcelain Format Version 2".
    """
    output = command.run(
        "status",
        "--porcelain=v2",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--ignore-submodules=dirty",
    )
    return (*_parse_changes(output.stdout), *_parse_complaints(output.stderr))


def _parse_changes(listing: bytes) -> Iterator[Change]:
    for record in listing.split(b"\0")[:-1]:
        letter, _, rest = record.partition(b" ")
        if letter == b"?":
            kind: Kind = "repository" if rest.endswith(b"/") else "untracked"
            yield Change(path=rest.removesuffix(b"/"), kind=kind)
        elif letter in _FIELDS_BEFORE_PATH:
            yield _parse_tracked(letter, record)


def _parse_complaints(complaints: bytes) -> Iterator[Change]:
    """Read which directories Git passed by because it may not list them."""
    for match in _UNREADABLE.finditer(complaints):
        yield Change(path=match[1], kind="untracked")


def _parse_tracked(letter: bytes, record: bytes) -> Change:
    fields = record.split(b" ", _FIELDS_BEFORE_PATH[letter])
    mode = int(fields[_MODE_FIELD[letter]], 8)
    in_worktree = fields[1][1:]
    kind: Kind
    if mode == 0 and (letter == b"u" or in_worktree != b"."):
        kind = "deleted"
    elif letter == b"u":
        kind = "unmerged"
    elif in_worktree == b"A":
        kind = "added"
    else:
        kind = "staged" if in_worktree == b"." else "modified"
    return Change(path=fields[-1], kind=kind, is_submodule=mode == SUBMODULE_MODE)
