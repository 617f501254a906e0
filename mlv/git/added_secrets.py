"""Find secrets that Git does not have yet, in files that it tracks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from mlv.core.paths import RepoPath, escape_name
from mlv.errors import GitError
from mlv.git.objects import SUBMODULE_MODE
from mlv.git.selection import BY_NAME
from mlv.git.sensitive import TEXT_SIZE_BYTES, find_added_secret, is_secret_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlv.git.repository import GitRepository
    from mlv.git.selection import SnapshotRules
    from mlv.git.status import Change, Entry

_NOT_TRACKED = frozenset({"added", "untracked", "repository"})


def find_added_secrets(
    repository: GitRepository, changes: Iterable[Change], rules: SnapshotRules
) -> dict[bytes, str]:
    """Return which changes of tracked files bring in a secret, and of what kind.

    Such is a new file that is staged, and an edit with a kind of secret that the committed
    text does not have. What was renamed is not new. Git runs only when there is a suspect.

    Args:
        repository: The worktree.
        changes: What differs, as Git lists it.
        rules: How files are looked into, and which of them may hold what they hold.

    Raises:
        GitError: A committed text cannot be read.
    """
    tracked = [each for each in changes if each.kind not in _NOT_TRACKED and not each.is_submodule]
    committed = {each.committed.blob_id for each in tracked if each.committed is not None}
    top = os.fsencode(repository.location.root)
    secrets: dict[bytes, str] = {}
    suspects: dict[bytes, str] = {}
    for change in tracked:
        old = change.committed
        if old is None and change.staged is not None and change.staged.blob_id in committed:
            old = change.staged  # it was renamed
        if old is not None and int(old.mode, 8) == SUBMODULE_MODE:
            old = None
        kind = None if rules.allows(change.path) else _look_into(top, change.path, old, rules)
        if kind is None:
            continue
        if old is None:
            secrets[change.path] = kind
        else:
            suspects[change.path] = old.blob_id
    return {**secrets, **dict(_compare(repository, top, suspects))} if suspects else secrets


def _look_into(top: bytes, name: bytes, old: Entry | None, rules: SnapshotRules) -> str | None:
    path = top + b"/" + name
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        if old is None and is_secret_path(os.fsdecode(name)):
            return BY_NAME
        with open(path, "rb") as file:  # noqa: PTH123  # bytes: any name is possible
            return rules.find_secret(file)
    except OSError:  # gone, or not ours to read
        return None


def _compare(
    repository: GitRepository, top: bytes, suspects: Mapping[bytes, str]
) -> Iterator[tuple[bytes, str]]:
    """Yield the edits that hold a kind of secret that the committed text does not."""
    for path, old in _read_committed(repository, suspects):
        try:
            with open(top + b"/" + path, "rb") as file:  # noqa: PTH123  # as above
                new = file.read(TEXT_SIZE_BYTES)
        except OSError:  # gone since
            continue
        kind = find_added_secret(new, old)
        if kind is not None:
            yield path, kind


def _read_committed(
    repository: GitRepository, blobs: Mapping[bytes, str]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield committed texts as they would be in the worktree: what a filter encrypts, in plain."""
    names = {RepoPath(escape_name(path)): path for path in blobs}
    wanted = {name: blobs[path] for name, path in names.items()}
    try:
        texts = dict(repository.read_worktree_files(wanted))
    except GitError:  # a filter is missing or fails
        stored = dict(repository.read_blobs(dict.fromkeys(blobs.values())))
        texts = {name: stored[blob] for name, blob in wanted.items()}
    return ((names[name], text) for name, text in texts.items())
