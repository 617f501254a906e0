"""Take a snapshot: the exact code state as a commit, without touching anything.

The commit is built through a copy of the index. The user's own index, worktree, stash,
reflogs, HEAD and refs stay byte for byte as they are; only objects and one ref under
`refs/mlv/` are new.

Source: gitglossary(7), "index"; git-update-index(1), "Racy Git".
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.errors import GitError, StorageError
from mlv.git.repository import Head
from mlv.git.selection import LeftOut, Selection, SnapshotLimits, select_changes
from mlv.git.status import list_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlv.git.repository import GitRepository

_DEFAULT_LIMITS = SnapshotLimits()
_IDENTITY = {
    "GIT_AUTHOR_NAME": "mlv",
    "GIT_AUTHOR_EMAIL": "mlv@localhost",
    "GIT_COMMITTER_NAME": "mlv",
    "GIT_COMMITTER_EMAIL": "mlv@localhost",
}
# A split index would be written back in part to the user's Git directory; a warning
# about line endings must not become a refusal.
_INDEX_SETTINGS = ("-c", "core.splitIndex=false", "-c", "core.safecrlf=false")


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The exact code state at one moment.

    Attributes:
        commit: The snapshot commit; HEAD itself when the tree is the same.
        tree: Its tree.
        head: What was checked out.
        dirty: Whether the tree differs from HEAD's.
        untracked: Files in the tree that only the worktree had, those announced with
            `git add --intent-to-add` included.
        left_out: Changes in the worktree that are not in the tree.
    """

    commit: str
    tree: str
    head: Head
    dirty: bool
    untracked: tuple[RepoPath, ...]
    left_out: tuple[LeftOut, ...]


def take_snapshot(
    repository: GitRepository,
    *,
    ref: str,
    message: str,
    when: int,
    limits: SnapshotLimits = _DEFAULT_LIMITS,
    exclude: Sequence[RepoPath] = (),
) -> Snapshot:
    """Record the whole worktree as a commit, and name it so that Git keeps it.

    Equal states, messages and times give equal commits.

    Args:
        repository: The worktree to record.
        ref: Name to give the commit, under `refs/mlv/`; moved if it is there.
        message: The commit's message.
        when: The commit's time, in seconds since 1970.
        limits: What is too large to go into Git.
        exclude: Files and directories to leave out, because they are kept elsewhere.

    Raises:
        GitError: There is no commit yet, or Git refuses.
        StorageError: The snapshot cannot be written.
    """
    head = repository.head()
    if head.commit is None or head.tree is None:
        reason = "this repository has no commit yet"
        raise GitError(reason, hint="make one with `git add -A && git commit -m 'first commit'`")
    changes = list_changes(repository.command)
    selection = select_changes(
        repository.location.root,
        changes,
        limits=limits,
        exclude=exclude,
    )
    is_staged = any(change.kind not in {"untracked", "repository"} for change in changes)
    tree, commit = head.tree, head.commit
    if is_staged or selection.add or selection.remove:
        tree = _write_tree(repository, selection)
    if tree != head.tree:
        commit = _write_commit(
            repository, tree=tree, parent=head.commit, message=message, when=when
        )
    repository.set_ref(ref, commit)
    return Snapshot(
        commit=commit,
        tree=tree,
        head=head,
        dirty=tree != head.tree,
        untracked=tuple(RepoPath(escape_name(path)) for path in selection.untracked),
        left_out=selection.left_out,
    )


def _write_tree(repository: GitRepository, selection: Selection) -> str:
    try:
        with TemporaryDirectory(prefix="mlv-") as directory:
            index = Path(directory) / "index"
            with suppress(FileNotFoundError):
                # The time of the index is part of its meaning: Git rereads files that
                # are not older. A copy with a new time would miss late changes.
                shutil.copy2(repository.location.git_dir / "index", index)
            return _update_index(repository, index, selection)
    except OSError as error:
        message = f"cannot copy the Git index: {error}"
        raise StorageError(message) from error


def _update_index(repository: GitRepository, index: Path, selection: Selection) -> str:
    run = repository.command.run
    environment = {"GIT_INDEX_FILE": str(index)}
    update = (*_INDEX_SETTINGS, "update-index", "-z")
    if selection.remove:
        paths = _terminate_each(selection.remove)
        run(*update, "--force-remove", "--stdin", stdin=paths, environment=environment)
    if selection.add:
        paths = _terminate_each(selection.add)
        # A file may have vanished by now, or stand where one that is kept has been.
        options = ("--add", "--remove", "--replace", "--stdin")
        run(*update, *options, stdin=paths, environment=environment)
    output = run(*_INDEX_SETTINGS, "write-tree", environment=environment)
    return output.stdout.decode().strip()


def _terminate_each(paths: tuple[bytes, ...]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _write_commit(
    repository: GitRepository,
    *,
    tree: str,
    parent: str,
    message: str,
    when: int,
) -> str:
    date = f"@{when} +0000"
    output = repository.command.run(
        "-c",
        "i18n.commitEncoding=UTF-8",
        "commit-tree",
        "--no-gpg-sign",
        "-p",
        parent,
        "-F",
        "-",
        tree,
        stdin=message.encode("utf-8", "replace"),
        environment={**_IDENTITY, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )
    return output.stdout.decode().strip()
