"""Read what differs between HEAD, the index and the worktree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from mlv.git.command import Question
from mlv.git.failures import DIED, failed_filter, git_failure
from mlv.git.objects import SUBMODULE_MODE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlv.git.command import GitCommand, Output

_FIELDS_BEFORE_PATH = {b"1": 8, b"u": 10}
_NO_MODE = b"000000"
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


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a commit or the index has it."""

    mode: str
    blob_id: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A path that is not in HEAD, index and worktree alike.

    Attributes:
        path: Bytes of the path, relative to the top of the worktree.
        kind: `staged` if the index holds what the worktree holds; `modified`,
            `deleted` and `unmerged` as in the worktree; `added` if it was announced
            with `git add --intent-to-add`; `untracked`; `repository` for a Git
            repository that is no submodule.
        is_submodule: Whether the worktree has a submodule there.
        committed: What HEAD has there, or the other side of a conflict; None for nothing.
        staged: What the index has there; None for nothing, and for a conflict.
    """

    path: bytes
    kind: Kind
    is_submodule: bool = False
    committed: Entry | None = None
    staged: Entry | None = None


def status_question(index: Path | None = None, *, without_filters: Sequence[str] = ()) -> Question:
    """Return the question that `parse_status` reads the answer to.

    Submodules count by their checked-out commit alone. The index is not refreshed.

    Args:
        index: The index to look at; None for that of the worktree.
        without_filters: Filters whose programs are missing. Files that need them, and that
            were touched since they were staged, count as modified.
    """
    settings = (
        setting
        for name in without_filters
        for key in ("clean=", "process=", "required=false")
        for setting in ("-c", f"filter.{name}.{key}")
    )
    return Question(
        arguments=(
            *settings,
            "status",
            "--porcelain=v2",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=dirty",
        ),
        environment={} if index is None else {"GIT_INDEX_FILE": str(index)},
        accept=(0, DIED),
    )


def ask_status(
    command: GitCommand, index: Path | None = None, answer: Output | None = None
) -> Output:
    """Return the answer to `status_question`; if need be, without the filters that fail.

    Args:
        command: Git on the worktree.
        index: The index to look at; None for that of the worktree.
        answer: What the question was answered with, if it was asked already.

    Raises:
        GitError: Git refuses.
    """
    if answer is None:
        (answer,) = command.ask_together(status_question(index))
    failing: list[str] = []
    while answer.status != 0:
        name = failed_filter(answer.stderr)
        if name is None or name in failing:
            raise git_failure(("status",), answer.status, answer.stderr)
        failing.append(name)
        (answer,) = command.ask_together(status_question(index, without_filters=failing))
    return answer


def parse_status(answer: Output) -> tuple[Change, ...]:
    """Return everything that `git status` saw, ignored files left aside.

    Source: git-status(1), "Porcelain Format Version 2".
    """
    return (*_parse_changes(answer.stdout), *_parse_complaints(answer.stderr))


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
    if letter == b"u":
        committed, staged = _entry(fields[4], fields[8]) or _entry(fields[5], fields[9]), None
    else:
        committed, staged = _entry(fields[3], fields[6]), _entry(fields[4], fields[7])
    return Change(
        path=fields[-1],
        kind=kind,
        is_submodule=mode == SUBMODULE_MODE,
        committed=committed,
        staged=staged,
    )


def _entry(mode: bytes, blob_id: bytes) -> Entry | None:
    return None if mode == _NO_MODE else Entry(mode=mode.decode(), blob_id=blob_id.decode())
