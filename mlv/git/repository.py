"""One Git worktree: its state, its history, and what mlv keeps in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO

from mlv.errors import GitError
from mlv.git.command import GitCommand
from mlv.git.comparison import ChangedFile, format_patch, list_changed_files
from mlv.git.head import Head, read_head
from mlv.git.index import list_ignored, list_tracked
from mlv.git.objects import (
    TreeFile,
    export_blob,
    find_blobs,
    is_object_id,
    list_tree,
    read_blobs,
    read_worktree_file,
    read_worktree_files,
    require_object_id,
)
from mlv.git.settings import REMOTES_QUESTION, parse_settings, read_settings, remotes_of
from mlv.git.submodule_files import list_tracked_in_submodules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlv.core.paths import RepoPath
    from mlv.git.discovery import GitLocation

_OWN_REF = re.compile(r"refs/mlv/\S+\Z")

_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick"),
    ("BISECT_LOG", "bisect"),
)
"""What Git keeps for the time of an operation. A rebase keeps others' files as well."""


class GitRepository:
    """A worktree and its repository, as Git sees them now: nothing is cached.

    Only `set_ref`, `delete_ref`, `add_worktree` and `remove_worktree` change anything.
    Every method that runs Git raises GitError when Git is missing, refuses the
    repository or fails, and StorageError when it cannot write.
    """

    def __init__(self, location: GitLocation) -> None:
        self.location = location
        self.command = GitCommand(location.root)

    def close(self) -> None:
        """Release what is held. Git runs for the length of a call, so that is nothing."""

    def head(self) -> Head:
        """Return what is checked out."""
        return read_head(self.command)

    def remotes(self) -> dict[str, str]:
        """Return the first URL of each remote, without credentials."""
        return remotes_of(parse_settings(*self.command.ask_together(REMOTES_QUESTION)))

    def identity(self) -> str | None:
        """Return "Name <email>" as configured, or None if either is not."""
        settings = dict(read_settings(self.command, r"^user\.(name|email)$"))
        name, email = settings.get("user.name"), settings.get("user.email")
        return f"{name} <{email}>" if name and email else None

    def operation_in_progress(self) -> str | None:
        """Return the operation that Git is in the middle of, or None.

        One of `rebase`, `merge`, `cherry-pick`, `revert`, `bisect`. Does not run Git.
        """
        git_dir = self.location.git_dir
        names = (name for file, name in _OPERATIONS if (git_dir / file).exists())
        return next(names, None)

    def tracked(self, paths: Iterable[RepoPath]) -> dict[RepoPath, str]:
        """Return those of `paths` that are files in the index, with their blob ids.

        The blob is what was staged last, which the worktree may differ from.
        """
        return list_tracked(self.command, tuple(paths))

    def tracked_in_submodules(self, paths: Iterable[RepoPath]) -> dict[RepoPath, str]:
        """Return those of `paths` that a submodule's commit has as they are, with blob ids."""
        return list_tracked_in_submodules(self.location.root, paths)

    def ignored(self, paths: Iterable[RepoPath]) -> set[RepoPath]:
        """Return those of `paths` that Git ignores."""
        return list_ignored(self.command, self.location.root, paths)

    def resolve_commit(self, text: str) -> str | None:
        """Return the id of the commit that a Git revision names, or None."""
        if not text or "\0" in text:
            return None
        revision = f"{text}^{{commit}}"
        output = self.command.ask(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            revision,
            accept=(0, 1),
        )
        commit = output.stdout.decode().strip()
        return commit if output.status == 0 and is_object_id(commit) else None

    def has_commit(self, commit: str) -> bool:
        """Tell whether a commit, named by its full id, is in the repository."""
        return is_object_id(commit) and self.resolve_commit(commit) == commit

    def read_blob(self, blob_id: str) -> bytes:
        """Return the content of a blob."""
        return self.command.run("cat-file", "blob", require_object_id(blob_id)).stdout

    def read_worktree_file(self, path: RepoPath, blob_id: str) -> bytes:
        """Return a blob as Git would write it at `path`: line ends and filters applied."""
        return read_worktree_file(self.command, path, blob_id)

    def read_worktree_files(
        self, blobs: Mapping[RepoPath, str]
    ) -> Iterator[tuple[RepoPath, bytes]]:
        """Yield each of many blobs as Git would write it at its path, through one process."""
        return read_worktree_files(self.command, blobs)

    def read_blobs(self, blob_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob's id and content, in the order asked, through one process."""
        return read_blobs(self.command, blob_ids)

    def export_blob(self, blob_id: str, destination: BinaryIO) -> None:
        """Copy the content of a blob, of any size, into an open file."""
        export_blob(self.command, blob_id, destination)

    def blob_at(
        self,
        commits: Sequence[str],
        paths: Sequence[RepoPath],
    ) -> dict[tuple[str, RepoPath], str]:
        """Return the blob id of each path in each commit, where there is such a file."""
        return find_blobs(self.command, commits, paths)

    def tree_files(self, tree: str) -> dict[RepoPath, TreeFile]:
        """Return every file of a commit or tree. A submodule is not a file."""
        return list_tree(self.command, tree)

    def diff(self, old: str, new: str) -> list[ChangedFile]:
        """Return the files that differ between two commits or trees, in order of path."""
        return list_changed_files(self.command, old, new)

    def patch(self, old: str, new: str, *, color: bool = False) -> str:
        """Return the differences between two commits or trees as a patch to read."""
        return format_patch(self.command, old, new, color=color)

    def refs(self, prefix: str) -> dict[str, str]:
        """Return the refs at or below `prefix`, such as `refs/mlv`, with their objects."""
        template = "--format=%(objectname) %(refname)"
        output = self.command.ask("for-each-ref", template, "--end-of-options", prefix)
        records = (line.split(" ", 1) for line in os.fsdecode(output.stdout).splitlines())
        return {name: object_id for object_id, name in records}

    def set_ref(self, ref: str, commit: str) -> None:
        """Make a ref under `refs/mlv/` name a commit."""
        operands = (_require_own(ref), require_object_id(commit))
        self.command.ask("update-ref", "--no-deref", "--end-of-options", *operands)

    def delete_ref(self, ref: str) -> None:
        """Delete a ref under `refs/mlv/`, if it is there."""
        self.command.ask("update-ref", "-d", "--no-deref", "--end-of-options", _require_own(ref))

    def add_worktree(self, path: Path, commit: str) -> None:
        """Check a commit out, detached, into a new worktree at `path`. No hook runs."""
        operands = (str(path.absolute()), require_object_id(commit))
        self.command.run("worktree", "add", "--detach", "--end-of-options", *operands)

    def remove_worktree(self, path: Path) -> None:
        """Remove a worktree and all that is in it, or the trace of one that is gone."""
        operand = str(path.absolute())
        try:
            self.command.run(
                "worktree", "remove", "--force", "--force", "--end-of-options", operand
            )
        except GitError:
            if path.exists():
                raise


def _require_own(ref: str) -> str:
    if not _OWN_REF.match(ref):
        message = f"{ref!r} is not a ref of mlv's own: it must be under refs/mlv/"
        raise GitError(message)
    return ref
