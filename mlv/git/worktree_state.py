"""Read everything that a snapshot depends on, with as little waiting as can be.

The questions are asked at once, so that they take the time of the longest.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.errors import StorageError
from mlv.git.command import Question
from mlv.git.discovery import STORE_NAME
from mlv.git.head import HEAD_QUESTION, Head, parse_head
from mlv.git.settings import REMOTES_QUESTION, parse_settings, remotes_of
from mlv.git.status import Change, ask_status, parse_status, status_question

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlv.git.repository import GitRepository

# A split index would be written back in part to the user's Git directory; a warning
# about line endings must not become a refusal.
INDEX_SETTINGS = ("-c", "core.splitIndex=false", "-c", "core.safecrlf=false")

_NEW = frozenset({"untracked", "added"})
_INDEX_QUESTION = Question(arguments=("ls-files", "-s", "-v", "-z"))
# Each begins with the end of the record before, because a search for a byte is quick.
_UNWATCHED = re.compile(rb"\0([a-zS]) [0-7]{6} [0-9a-f]+ \d\t([^\0]+)")
"""A lower-case letter stands for `--assume-unchanged`, S for `--skip-worktree`."""
_GITLINK_MODE = b" 160000 "
_GITLINK = re.compile(rb"\0[A-Za-z] 160000 ([0-9a-f]+) [0-3]\t([^\0]+)")


class Gitlink(msgspec.Struct, frozen=True, kw_only=True):
    """A submodule, as the index has it."""

    path: bytes
    commit: str


class Unwatched(msgspec.Struct, frozen=True, kw_only=True):
    """Files whose changes Git was told not to see.

    Attributes:
        assumed: Those marked with `git update-index --assume-unchanged`.
        skipped: Those marked with `--skip-worktree` that are in the worktree all the same;
            a sparse checkout marks what is not there.
    """

    assumed: tuple[bytes, ...] = ()
    skipped: tuple[bytes, ...] = ()


class WorktreeState(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree at one moment.

    Attributes:
        head: What is checked out.
        changes: What differs from it.
        unwatched: Files whose changes are among `changes` although Git does not list them.
        gitlinks: Submodules of the index.
        remotes: First URL of each remote, without credentials.
    """

    head: Head
    changes: tuple[Change, ...]
    unwatched: Unwatched = Unwatched()
    gitlinks: tuple[Gitlink, ...] = ()
    remotes: dict[str, str] = {}

    @property
    def changed_files(self) -> tuple[RepoPath, ...]:
        """Everything that no commit has as it is, but for what is in the store of mlv."""
        return tuple(
            RepoPath(escape_name(change.path))
            for change in self.changes
            if change.path.partition(b"/")[0] != os.fsencode(STORE_NAME)
        )

    @property
    def new_files(self) -> tuple[RepoPath, ...]:
        """Files whose content Git does not have."""
        return tuple(
            RepoPath(escape_name(change.path)) for change in self.changes if change.kind in _NEW
        )


def read_worktree_state(repository: GitRepository) -> WorktreeState:
    """Return what a snapshot of the worktree depends on.

    Raises:
        GitError: Git refuses.
        StorageError: The index cannot be copied.
    """
    command = repository.command
    status, index, head, settings = command.ask_together(
        status_question(), _INDEX_QUESTION, HEAD_QUESTION, REMOTES_QUESTION
    )
    unwatched = _find_unwatched(repository, index.stdout)
    if unwatched != Unwatched():
        with copied_index(repository, unwatched) as copy:
            status = ask_status(command, copy)
    return WorktreeState(
        head=parse_head(command, head),
        changes=parse_status(ask_status(command, answer=status)),
        unwatched=unwatched,
        gitlinks=_parse_gitlinks(index.stdout),
        remotes=remotes_of(parse_settings(settings)),
    )


@contextmanager
def copied_index(repository: GitRepository, unwatched: Unwatched) -> Iterator[Path]:
    """Give a copy of the index that the caller may change; in it, every file is watched.

    Raises:
        StorageError: It cannot be copied.
    """
    try:
        with TemporaryDirectory(prefix="mlv-") as directory:
            index = Path(directory) / "index"
            with suppress(FileNotFoundError):
                # The time of the index is part of its meaning: Git rereads files that
                # are not older. A copy with a new time would miss late changes.
                shutil.copy2(repository.location.git_dir / "index", index)
            _mark(repository, index, "--no-assume-unchanged", unwatched.assumed)
            _mark(repository, index, "--no-skip-worktree", unwatched.skipped)
            yield index
    except OSError as error:
        message = f"cannot copy the Git index: {error}"
        raise StorageError(message) from error


def terminate_each(paths: Sequence[bytes]) -> bytes:
    """Return paths as Git reads them with `-z`."""
    return b"".join(path + b"\0" for path in paths)


def _mark(repository: GitRepository, index: Path, mark: str, paths: Sequence[bytes]) -> None:
    if paths:
        repository.command.ask(
            *(*INDEX_SETTINGS, "update-index", mark, "-z", "--stdin"),
            stdin=terminate_each(paths),
            environment={"GIT_INDEX_FILE": str(index)},
        )


def _find_unwatched(repository: GitRepository, listing: bytes) -> Unwatched:
    top = os.fsencode(repository.location.root)
    found = [match.groups() for match in _UNWATCHED.finditer(b"\0" + listing)]
    return Unwatched(
        assumed=tuple(path for letter, path in found if letter not in b"Ss"),
        skipped=tuple(
            path for letter, path in found if letter in b"Ss" and os.path.lexists(top + b"/" + path)
        ),
    )


def _parse_gitlinks(listing: bytes) -> tuple[Gitlink, ...]:
    if _GITLINK_MODE not in listing:
        return ()
    found = {match[2]: match[1].decode() for match in _GITLINK.finditer(b"\0" + listing)}
    return tuple(Gitlink(path=path, commit=commit) for path, commit in found.items())
