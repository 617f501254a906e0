"""Files that something changed while a command ran, whether or not it was seen.

Native code opens files on its own: `torch.save`, Parquet and SQLite are seen by no audit
hook. But what they write has a newer ctime than the run, and that can be found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlv.app.live_run import RunStart
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, escape_name

CODE_SUFFIXES = (".py", ".ipynb", ".sh")
"""Files that are code even before Git tracks them; the snapshot holds them."""

_SKIPPED_DIRECTORIES = frozenset(("__pycache__", "node_modules", "venv", "site-packages"))


def find_touched(workspace: Workspace, start: RunStart) -> tuple[RepoPath, ...]:
    """Return the files below the root that changed since a run began, sorted by path.

    Left out are code, files that Git tracks, hidden directories, virtual
    environments, and what lies behind symbolic links: those change for other reasons.
    """
    found = find_changed_since(workspace.root, began_ns(start))
    touched = [path for path in found if not path.endswith(CODE_SUFFIXES)]
    tracked = workspace.git.tracked(touched) if touched else {}
    return tuple(sorted(path for path in touched if path not in tracked))


def began_ns(start: RunStart) -> int:
    """Return when a run began, nanoseconds since 1970."""
    return int(start.started_at.timestamp() * 1e9)


def find_changed_since(root: Path, since_ns: int) -> Iterator[RepoPath]:
    """Yield the files below a directory that changed since a moment, as `find_touched` does.

    Args:
        root: The directory.
        since_ns: The moment, nanoseconds since 1970.
    """
    pending = [""]
    while pending:
        inner = pending.pop()
        try:
            entries = list(os.scandir(root / inner))
        except OSError:  # not ours to read, or gone since
            continue
        for entry in entries:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not _is_skipped(entry):
                    pending.append(path)
            elif entry.is_file(follow_symlinks=False) and _ctime_ns(entry) >= since_ns:
                yield RepoPath(escape_name(os.fsencode(path)))


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _SKIPPED_DIRECTORIES:
        return True
    return any(Path(entry.path, mark).exists() for mark in ("pyvenv.cfg", ".git"))


def _ctime_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns
    except OSError:  # gone since
        return 0
