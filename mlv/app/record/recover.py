"""Seal runs that lost the process that recorded them."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from mlv.app.live_run import End, LiveRun, find_start, list_live, load_end
from mlv.app.publish import Invocation
from mlv.app.record.begin import abandon_run
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.runs import is_going_on
from mlv.app.workspace import Workspace
from mlv.core.run import Run
from mlv.core.state import reduce_operations
from mlv.errors import MlvError
from mlv.store.lock import exclusive_lock


def recover_runs(workspace: Workspace, invocation: Invocation) -> tuple[Run, ...]:
    """Seal every run in progress whose recording process is known to be dead.

    The record says that its inputs and outputs are those that were found now.
    Reproductions are removed instead.

    Raises:
        CorruptDataError: What a run left cannot be read; the others are sealed.
        LockedError: Another process does the same.
        MlvError: A run cannot be sealed now, for example because something still
            writes to its outputs or the disk is full; the others are sealed.
    """
    with exclusive_lock(workspace.layout.root / "recover-lock", purpose="sealing lost runs"):
        published = reduce_operations(workspace.operations.read()).runs
        recovered = []
        failed: list[MlvError] = []
        for directory in list_live(workspace.layout.live):
            try:
                live = _find_lost(directory)
                if live is None:
                    continue
                if live.start.kind == "reproduction":
                    _drop_reproduction(workspace, live)
                elif live.start.id in published:  # its recorder died just afterwards
                    shutil.rmtree(directory)
                else:
                    recovered.append(_seal(workspace, live, invocation))
            except MlvError as error:
                failed.append(error)
    if failed:
        raise failed[0]
    return tuple(recovered)


def _find_lost(directory: Path) -> LiveRun | None:
    start = find_start(directory)
    if start is None or is_going_on(directory, start) is not False:
        return None
    return LiveRun(directory=directory, start=start)


def _seal(workspace: Workspace, live: LiveRun, invocation: Invocation) -> Run:
    owner = msgspec.structs.replace(workspace, root=Path(live.start.root))
    problems = ["sealed later: files are as found then"]
    if owner.root.is_dir():
        owner = workspace.at(owner.root)
    else:
        problems.append(f"its worktree {live.start.root} is gone")
    end = load_end(live.directory) or End(status="lost", duration_s=_duration_s(live))
    with owner.objects.hold():
        run = seal_run(owner, live, end, problems=tuple(problems))
        publish_run(workspace, live, run, invocation)
    return run


def _drop_reproduction(workspace: Workspace, live: LiveRun) -> None:
    """Remove what a reproduction left: without a verdict it says nothing."""
    sandbox = Path(live.start.root)
    if sandbox.is_relative_to(workspace.layout.cache):
        workspace.git.remove_worktree(sandbox)
    abandon_run(workspace, live)


def _duration_s(live: LiveRun) -> float:
    newest = max(path.stat().st_mtime for path in live.directory.rglob("*"))
    return max(0.0, newest - live.start.started_at.timestamp())
