"""What killed processes left, and what was kept for a time that is over."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlv.app.live_run import find_start, list_live
from mlv.app.reproduce.sandbox import remove_sandbox
from mlv.app.runs import find_alive
from mlv.app.workspace import Workspace
from mlv.core.operation import ChangeWorktree, effective_change
from mlv.git.history import read_commit_times
from mlv.store.trash import Trash

_DAY_S = 86_400
_SAVED_REFS = "refs/mlv/saved"
_UNFINISHED_STORE = re.compile(r"\.mlv\.[0-9a-f]{12}\.tmp")


class Leftovers(msgspec.Struct, frozen=True, kw_only=True):
    """What can go, without a look at any object.

    Attributes:
        temporary: Unfinished files and stores.
        sandboxes: Worktrees of reproductions.
        saved: Refs of saved worktrees.
        expired: Directories of the trash.
    """

    temporary: tuple[Path, ...]
    sandboxes: tuple[Path, ...]
    saved: tuple[str, ...]
    expired: tuple[Path, ...]


def find_leftovers(workspace: Workspace, *, oldest_kept_s: float, grace_s: float) -> Leftovers:
    """Find what can go; the caller holds the store alone.

    Args:
        workspace: Where.
        oldest_kept_s: Since when operations can be undone, seconds since 1970.
        grace_s: How long things stay in the trash, and sandboxes that were kept.

    Raises:
        CorruptDataError: The operation log, or a live run, is damaged.
        GitError: Git cannot list the saved worktrees.
        OSError: The store cannot be read.
    """
    now_s = time.time()
    layout = workspace.layout
    unfinished = [
        path
        for path in layout.root.parent.iterdir()
        if _UNFINISHED_STORE.fullmatch(path.name) and path.stat().st_mtime < now_s - _DAY_S
    ]
    return Leftovers(
        temporary=(*layout.temporary.iterdir(), *unfinished),
        sandboxes=tuple(_find_sandboxes(workspace, oldest_s=now_s - grace_s)),
        saved=tuple(_find_saved(workspace, oldest_kept_s)),
        expired=tuple(Trash(layout).expired(before_s=int(now_s - grace_s))),
    )


def remove_leftovers(workspace: Workspace, leftovers: Leftovers) -> None:
    """Remove what `find_leftovers` found, all but what lies in the trash.

    Raises:
        GitError: Git refuses.
        OSError: The disk is failing.
    """
    for path in leftovers.temporary:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for sandbox in leftovers.sandboxes:
        remove_sandbox(workspace, sandbox)
    for ref in leftovers.saved:
        workspace.git.delete_ref(ref)


def list_files(path: Path) -> list[Path]:
    """Return a file, or all files below a directory.

    Raises:
        OSError: They cannot be read.
    """
    below = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return [each for each in below if each.is_symlink() or not each.is_dir()]


def _find_sandboxes(workspace: Workspace, *, oldest_s: float) -> Sequence[Path]:
    directory = workspace.layout.cache / "reproduce"
    if not directory.is_dir():
        return []
    owned: dict[Path, bool] = {}
    for live in list_live(workspace.layout.live):
        start = find_start(live)
        if start is not None:
            # What an isolated run wrote lies there until the run is sealed.
            needed = start.kind == "run" or find_alive(live, start) is not False
            owned[Path(start.root)] = needed
    return [
        sandbox
        for sandbox in sorted(directory.iterdir())
        if not owned.get(sandbox.resolve(), sandbox.stat().st_mtime > oldest_s)
    ]


def _find_saved(workspace: Workspace, oldest_kept_s: float) -> Sequence[str]:
    """Return the refs of saved worktrees that belong to no operation that can be undone."""
    operations = [logged.operation for logged in workspace.operations.read()]
    young = [each for each in operations if each.time.wall_ms >= oldest_kept_s * 1000]
    changes = [effective_change(each.change) for each in young]
    needed = {change.saved for change in changes if isinstance(change, ChangeWorktree)}
    refs = workspace.git.refs(_SAVED_REFS)
    times = read_commit_times(workspace.git.command, refs.values())
    return [
        ref
        for ref, commit in refs.items()
        if commit not in needed and times.get(commit, oldest_kept_s) < oldest_kept_s
    ]
