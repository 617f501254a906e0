"""Warn of files that look like secrets, before they get into the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlv.app.reporter import Reporter
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, escape_name
from mlv.git.sensitive import find_secret_paths
from mlv.worktree.fingerprint import SKIPPED_NAMES
from mlv.worktree.paths import os_path


def list_file_names(root: Path, path: RepoPath, left_out: list[RepoPath]) -> list[RepoPath]:
    """Return the files at or below a path, without looking at any of them.

    Args:
        root: The worktree.
        path: Data in it.
        left_out: Is given what will not be stored: nested repositories, sockets and the like.
    """
    place = os_path(root, path)
    return list(_walk(str(place), path, left_out)) if place.is_dir() else [path]


def warn_of_left_out(left_out: list[RepoPath], reporter: Reporter) -> None:
    """Name what is in the data and cannot be stored, so that nobody relies on it."""
    if not left_out:
        return
    verb = "is" if len(left_out) == 1 else "are"
    reporter.warn(
        f"{enumerate_some(sorted(left_out))} {verb} left out: only files, directories and "
        "symbolic links are stored, and nothing of Git or mlv",
        hint="keep it elsewhere if it is needed: `mlv checkout` cannot bring it back",
    )


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


def _walk(top: str, path: RepoPath, left_out: list[RepoPath]) -> Iterator[RepoPath]:
    pending = [(top, path)]
    while pending:
        directory, here = pending.pop()
        with suppress(OSError), os.scandir(directory) as entries:  # whoever reads it says so
            for entry in entries:
                inner = RepoPath(f"{here}/{escape_name(os.fsencode(entry.name))}")
                if entry.name in SKIPPED_NAMES:
                    left_out.append(inner)
                elif entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, inner))
                elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    yield inner
                else:
                    left_out.append(inner)
