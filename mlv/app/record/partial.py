"""Directories of a record that list only some of the files that are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from mlv.app.record.left_out import LeavingOut
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.core.run import Input, Output
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.store.objects import ObjectStore
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import is_inside
from mlv.worktree.picks import Picks, pick_files

_BATCH = 1000


def lists_some(recorded: Input | Output) -> bool:
    """Tell whether a record lists just those files of a directory that were read or written.

    Of a declared directory it lists everything that counts.
    """
    found = recorded.fingerprint
    return recorded.source == "observed" and found is not None and found.kind == "dir"


def pick_below(directory: RepoPath, files: Iterable[RepoPath]) -> Picks:
    """Return the picks of files below a directory; links among them are followed."""
    start = len(unescape_name(directory)) + 1
    return pick_files((unescape_name(path)[start:] for path in files), follow_links=True)


def pick_listed(objects: ObjectStore, listed: Fingerprint) -> Picks:
    """Return the picks of the files that a tree lists.

    Raises:
        MissingObjectError: A part of the tree is not in the store.
        CorruptDataError: A part of the tree is damaged.
    """
    return pick_below(RepoPath("x"), list_files(objects, listed, RepoPath("x")))


def fingerprint_of(entry: TreeEntry) -> Fingerprint:
    """Return the fingerprint of a file that a tree lists."""
    return Fingerprint(kind=entry.kind, digest=entry.digest, size_bytes=entry.size_bytes)


def has_others(
    workspace: Workspace, directory: RepoPath, place: Path, picks: Picks, rules: LeavingOut
) -> bool:
    """Tell whether files lie below a directory that are not picked, and could have been.

    Files that Git tracks, that `.mlvignore` names, or that look like secrets do not count.
    """
    others = (
        RepoPath(f"{directory}/{escape_name(raw)}")
        for raw in _find_others(os.fsencode(place), picks)
    )
    while batch := list(islice(others, _BATCH)):
        if _any_counts(workspace, batch, rules):
            return True
    return False


def _any_counts(workspace: Workspace, paths: Sequence[RepoPath], rules: LeavingOut) -> bool:
    secrets = set(rules.find_secrets(paths))
    counting = [path for path in paths if path not in secrets and not rules.is_ignored(path)]
    inside = [path for path in counting if is_inside(path)]
    tracked = workspace.git.tracked(inside) if inside else {}
    return len(tracked) < len(counting)


def _find_others(top: bytes, picks: Picks) -> Iterator[bytes]:
    pending = [b""]
    while pending:
        inner = pending.pop()
        picked = picks.directories.get(inner)
        try:
            entries = list(os.scandir(top + b"/" + inner))
        except OSError:  # not ours to read, or gone since
            continue
        for entry in entries:
            if picked is not None and entry.name in picked.files:
                continue
            path = inner + b"/" + entry.name if inner else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield path
            elif os.fsdecode(entry.name) not in SKIPPED_NAMES:
                pending.append(path)
