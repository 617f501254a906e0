"""Files that something changed while a command ran, whether or not it was seen.

Native code opens files on its own: `torch.save`, Parquet and SQLite are seen by no audit
hook. But what they write has a newer ctime than the run, and that can be found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlv.app.live_run import RunStart, find_start, list_live
from mlv.app.runs import is_going_on, read_runs
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
    since_ns = began_ns(start)
    found = _walk(workspace.root, since_ns)
    touched = [path for path in found if not path.endswith(CODE_SUFFIXES)]
    tracked = workspace.git.tracked(touched) if touched else {}
    return tuple(sorted(path for path in touched if path not in tracked))


def has_company(workspace: Workspace, start: RunStart) -> bool:
    """Tell whether another run went on in the same worktree at the same time.

    Raises:
        CorruptDataError: The operation log is damaged.
    """
    for live in list_live(workspace.layout.live):
        other = find_start(live)
        if other is None or other.id == start.id or other.root != start.root:
            continue
        if is_going_on(live, other) is not False:
            return True
    began_s = began_ns(start) / 1e9
    return any(
        run.kind == "run" and run.started_at.timestamp() + run.duration_s > began_s
        for run in read_runs(workspace).runs
        if run.id != start.id
    )


def began_ns(start: RunStart) -> int:
    """Return when a run began, nanoseconds since 1970."""
    return int(start.started_at.timestamp() * 1e9)


def _walk(root: Path, since_ns: int) -> Iterator[RepoPath]:
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
