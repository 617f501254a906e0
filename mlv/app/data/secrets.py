"""Warn of files that look like secrets, before they get into the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlv.app.reporter import Reporter
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, escape_name
from mlv.git.sensitive import find_secret_paths
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import os_path


def list_file_names(root: Path, path: RepoPath) -> list[RepoPath]:
    """Return the files at or below a path, without looking at any of them."""
    place = os_path(root, path)
    return list(_walk(str(place), path)) if place.is_dir() else [path]


def warn_of_secrets(paths: list[RepoPath], reporter: Reporter) -> None:
    """Name files that look like secrets: what is in the store may be pushed to others."""
    found = find_secret_paths(paths)
    if not found:
        return
    verb = "looks like a secret" if len(found) == 1 else "look like secrets"
    reporter.warn(
        f"{enumerate_some(found)} {verb}, and whoever gets the data gets them",
        hint="move them out of the data, then run the same command again",
    )


def _walk(directory: str, path: RepoPath) -> Iterator[RepoPath]:
    try:
        entries = os.scandir(directory)
    except OSError:  # whoever reads the content says so
        return
    with entries:
        for entry in entries:
            if entry.name in SKIPPED_NAMES:
                continue
            inner = RepoPath(f"{path}/{escape_name(os.fsencode(entry.name))}")
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, inner)
            else:
                yield inner
