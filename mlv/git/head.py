"""Read what is checked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlv.errors import GitError
from mlv.git.command import Question

if TYPE_CHECKING:
    from mlv.git.command import GitCommand, Output

_BRANCHES = "refs/heads/"
_REMOTES = "refs/remotes/"
_POINTS_AT = "HEAD -> "

HEAD_QUESTION = Question(
    arguments=(
        "log",
        "-1",
        "--no-patch",
        "--no-show-signature",
        "--format=%H%n%T%n%ct%n%D",
        "--decorate=full",
        "--decorate-refs=HEAD",
        f"--decorate-refs={_BRANCHES}",
        f"--decorate-refs={_REMOTES}",
        "HEAD",
        "--",
    ),
    accept=(0, 128),
)
"""What `parse_head` reads the answer to."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked out.

    Attributes:
        commit: The commit, None if there is none yet.
        tree: The commit's tree, None likewise.
        branch: Name of the branch, None if HEAD is detached.
        time_s: When the commit was made, in seconds since 1970; 0 if there is none.
        is_on_remote: Whether a remote-tracking ref names the commit itself.
    """

    commit: str | None
    tree: str | None
    branch: str | None
    time_s: int = 0
    is_on_remote: bool = False


def read_head(command: GitCommand) -> Head:
    """Return what is checked out."""
    return parse_head(command, *command.ask_together(HEAD_QUESTION))


def parse_head(command: GitCommand, answer: Output) -> Head:
    """Return what is checked out, given the answer to `HEAD_QUESTION`.

    Raises:
        GitError: There is a commit, and it is damaged.
    """
    if answer.status != 0:
        return _read_unborn(command)
    commit, tree, time_s, names = answer.stdout.decode("utf-8", "replace").split("\n")[:4]
    refs = names.split(", ")
    branch = next((ref.removeprefix(_POINTS_AT) for ref in refs if ref.startswith(_POINTS_AT)), "")
    return Head(
        commit=commit,
        tree=tree,
        branch=branch.removeprefix(_BRANCHES) if branch.startswith(_BRANCHES) else None,
        time_s=int(time_s),
        is_on_remote=any(ref.startswith(_REMOTES) for ref in refs),
    )


def _read_unborn(command: GitCommand) -> Head:
    found = command.ask("rev-parse", "-q", "--verify", "HEAD", accept=(0, 1))
    if found.status == 0:
        message = f"the commit {found.stdout.decode().strip()[:12]} that is checked out is damaged"
        raise GitError(message, hint="look for damage with `git fsck`")
    name = command.ask("symbolic-ref", "HEAD").stdout.decode("utf-8", "replace").strip()
    branch = name.removeprefix(_BRANCHES) if name.startswith(_BRANCHES) else None
    return Head(commit=None, tree=None, branch=branch)
