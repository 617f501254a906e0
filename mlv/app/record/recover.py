"""Seal runs that lost the process that recorded them."""

from __future__ import annotations

from pathlib import Path

from mlv.app.live_run import End, LiveRun, list_live, load_end, load_start
from mlv.app.publish import Invocation
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.workspace import Workspace
from mlv.capture.liveness import is_alive
from mlv.core.run import Run
from mlv.core.state import reduce_operations


def recover_runs(workspace: Workspace, invocation: Invocation) -> tuple[Run, ...]:
    """Seal every run in progress whose recording process is known to be dead.

    The record says that its inputs and outputs are those that were found now.

    Raises:
        CorruptDataError: What a run left cannot be read.
        StorageError: The disk is full, read-only or failing.
    """
    published = reduce_operations(workspace.operations.read()).runs
    recovered = []
    for directory in list_live(workspace.layout.live):
        live = LiveRun(directory=directory, start=load_start(directory))
        if live.start.id in published or is_alive(live.start.process) is not False:
            continue
        end = load_end(directory) or End(status="lost", duration_s=_duration_s(live))
        owner = workspace.at(Path(live.start.root))
        run = seal_run(owner, live, end, problems=("sealed later: files are as found then",))
        publish_run(owner, live, run, invocation)
        recovered.append(run)
    return tuple(recovered)


def _duration_s(live: LiveRun) -> float:
    newest = max(path.stat().st_mtime for path in live.directory.rglob("*"))
    return max(0.0, newest - live.start.started_at.timestamp())
