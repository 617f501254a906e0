"""Take a snapshot: the exact code state as a commit, without touching anything.

The commit is built through a copy of the index. The user's own index, worktree, stash,
reflogs, HEAD and refs stay byte for byte as they are; only objects and one ref under
`refs/mlv/` are new.

Source: gitglossary(7), "index"; git-update-index(1), "Racy Git".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.git.added_secrets import find_added_secrets
from mlv.git.command import Output
from mlv.git.failures import DIED, failed_filter, git_failure
from mlv.git.head import Head
from mlv.git.selection import LeftOut, Selection, SnapshotRules, refuse, select_changes
from mlv.git.worktree_state import (
    INDEX_SETTINGS,
    WorktreeState,
    copied_index,
    read_worktree_state,
    terminate_each,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mlv.git.command import GitCommand
    from mlv.git.repository import GitRepository

_DEFAULT_RULES = SnapshotRules()
_IDENTITY = {
    "GIT_AUTHOR_NAME": "mlv",
    "GIT_AUTHOR_EMAIL": "mlv@localhost",
    "GIT_COMMITTER_NAME": "mlv",
    "GIT_COMMITTER_EMAIL": "mlv@localhost",
}
_EMPTY_TREES = frozenset(
    {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
)
"""The tree of no files, by SHA-1 and by SHA-256."""

_UNTOUCHED = frozenset({"untracked", "repository"})
"""Kinds of change that leave the index as HEAD is."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The exact code state at one moment.

    Attributes:
        commit: The snapshot commit; HEAD itself when the tree is the same.
        tree: Its tree.
        head: What was checked out.
        dirty: Whether the tree differs from HEAD's, or would if no edit were left out for
            a secret in it.
        untracked: Files in the tree that only the worktree had, those announced with
            `git add --intent-to-add` included.
        left_out: Changes in the worktree that are not in the tree.
        withheld: Those of `left_out` that are in the tree as committed, because the edit
            holds a secret.
    """

    commit: str
    tree: str
    head: Head
    dirty: bool
    untracked: tuple[RepoPath, ...]
    left_out: tuple[LeftOut, ...]
    withheld: frozenset[RepoPath] = frozenset()


def take_snapshot(
    repository: GitRepository,
    *,
    ref: str,
    message: str,
    when: int | None = None,
    rules: SnapshotRules = _DEFAULT_RULES,
    state: WorktreeState | None = None,
) -> Snapshot:
    """Record the whole worktree as a commit, and name it so that Git keeps it.

    Equal states, messages and times give equal commits. Before the first commit, the
    snapshot has no parent.

    Args:
        repository: The worktree to record.
        ref: Name to give the commit, under `refs/mlv/`; moved if it is there.
        message: The commit's message.
        when: The commit's time, in seconds since 1970; None for that of HEAD, so that
            equal code gives equal commits.
        rules: What stays out.
        state: What was read of the worktree just before; None to read it.

    Raises:
        GitError: Git refuses.
        StorageError: The snapshot cannot be written.
    """
    state = state or read_worktree_state(repository)
    head = state.head
    secrets = find_added_secrets(repository, state.changes, rules)
    selection = select_changes(repository.location.root, state.changes, rules, secrets)
    tree, commit = head.tree, head.commit
    is_staged = any(change.kind not in _UNTOUCHED for change in state.changes)
    if tree is None or is_staged or selection.add or selection.remove:
        tree, selection = _write_tree(repository, state, selection)
    if commit is None or tree != head.tree:
        time_s = head.time_s if when is None else when
        commit = _write_commit(repository.command, tree, head.commit, message, time_s)
    repository.set_ref(ref, commit)
    return Snapshot(
        commit=commit,
        tree=tree,
        head=head,
        dirty=bool(selection.restore) or _differs(tree, head.tree),
        untracked=tuple(RepoPath(escape_name(path)) for path in selection.untracked),
        left_out=selection.left_out,
        withheld=frozenset(RepoPath(escape_name(path)) for path in selection.restore),
    )


def _differs(tree: str, committed: str | None) -> bool:
    return tree not in _EMPTY_TREES if committed is None else tree != committed


def _write_tree(
    repository: GitRepository, state: WorktreeState, selection: Selection
) -> tuple[str, Selection]:
    """Write the tree; leave out what no Git filter can take in."""
    command = repository.command
    with copied_index(repository, state.unwatched) as index:
        environment = {"GIT_INDEX_FILE": str(index)}
        if selection.remove:
            command.ask(
                *(*INDEX_SETTINGS, "update-index", "-z", "--force-remove", "--stdin"),
                stdin=terminate_each(selection.remove),
                environment=environment,
            )
        if selection.restore:
            command.ask(
                *(*INDEX_SETTINGS, "update-index", "-z", "--index-info"),
                stdin=b"".join(
                    b"%s %s\t%s\0" % (entry.mode.encode(), entry.blob_id.encode(), path)
                    for path, entry in selection.restore.items()
                ),
                environment=environment,
            )
        while selection.add:
            output = _add(command, index, selection.add)
            if output.status == 0:
                break
            name, refused = _refused(command, output, selection.add)
            selection = refuse(repository.location.root, selection, refused, name)
        written = command.ask(*INDEX_SETTINGS, "write-tree", environment=environment)
    return written.stdout.decode().strip(), selection


def _add(command: GitCommand, index: Path, paths: tuple[bytes, ...]) -> Output:
    # A file may have vanished by now, or stand where one that is kept has been.
    options = ("-z", "--add", "--remove", "--replace", "--stdin")
    return command.ask(
        *(*INDEX_SETTINGS, "update-index", *options),
        stdin=terminate_each(paths),
        environment={"GIT_INDEX_FILE": str(index)},
        accept=(0, DIED),
    )


def _refused(
    command: GitCommand, output: Output, paths: tuple[bytes, ...]
) -> tuple[str, frozenset[bytes]]:
    """Return the name of a Git filter that is missing or broken, and the files that need it.

    Raises:
        GitError, StorageError: Git died of something else.
    """
    error = git_failure(("update-index",), output.status, output.stderr)
    failed = failed_filter(output.stderr)
    if failed is None:
        raise error
    answer = command.ask("check-attr", "-z", "--stdin", "filter", stdin=terminate_each(paths))
    fields = answer.stdout.split(b"\0")
    rows = zip(fields[::3], fields[2::3], strict=False)
    refused = frozenset(path for path, name in rows if name == os.fsencode(failed))
    if refused.isdisjoint(paths):
        raise error
    return failed, refused


def _write_commit(
    command: GitCommand, tree: str, parent: str | None, message: str, time_s: int
) -> str:
    date = f"@{time_s} +0000"
    output = command.ask(
        *("-c", "i18n.commitEncoding=UTF-8", "commit-tree", "--no-gpg-sign"),
        *(() if parent is None else ("-p", parent)),
        *("-F", "-", tree),
        stdin=message.encode("utf-8", "replace"),
        environment={**_IDENTITY, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    )
    return output.stdout.decode().strip()
