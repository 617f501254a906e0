"""Between escaped paths, as records hold them, and paths of the operating system."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mlv.core.paths import RepoPath, escape_name, unescape_name

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def repo_path(root: Path, path: Path) -> RepoPath:
    """Return a path as records hold it.

    Args:
        root: Root of the worktree, absolute.
        path: Any path; a relative one is taken from the current directory.

    Returns:
        Relative to `root`, `"."` for the root itself, absolute when it lies outside.
        Symbolic links in `path` are not followed, except those above `root`.
    """
    absolute = os.path.normpath(Path.cwd() / path)
    for base in (str(root), os.path.realpath(root)):
        for candidate in (absolute, _resolve_parent(absolute)):
            relative = os.path.relpath(candidate, base)
            if relative != ".." and not relative.startswith("../"):
                return RepoPath(escape_name(os.fsencode(relative)))
    return RepoPath(escape_name(os.fsencode(absolute)))


def os_path(root: Path, path: RepoPath) -> Path:
    """Return where an escaped path is on this machine."""
    return root / os.fsdecode(unescape_name(path))


def real_path(root: Path, path: RepoPath) -> Path:
    """Return where the content of an escaped path is, all symbolic links followed."""
    return Path(os.path.realpath(os_path(root, path)))


def is_inside(path: RepoPath) -> bool:
    """Tell whether a path lies in the repository."""
    return not path.startswith("/") and not is_url(path)


def is_url(text: str) -> bool:
    """Tell whether a text is a URL and no path.

    >>> is_url("s3://bucket/train.csv"), is_url("data/train.csv")
    (True, False)
    """
    return _URL.match(text) is not None


def _resolve_parent(path: str) -> str:
    return str(Path(os.path.realpath(Path(path).parent)) / Path(path).name)
