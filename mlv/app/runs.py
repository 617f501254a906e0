"""Find recorded runs."""

from __future__ import annotations

import msgspec

from mlv.app.live_run import RunStart, list_live, load_start
from mlv.app.workspace import Workspace
from mlv.capture.liveness import is_alive
from mlv.core.run import Run
from mlv.core.run_ref import RunSet, resolve_run
from mlv.core.state import reduce_operations
from mlv.errors import NoSuchRunError, NotPossibleError


class UnsealedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without a record yet.

    Attributes:
        start: What was known when its command started.
        alive: Whether the process that records it still runs; None when it runs
            on another host, so that nobody here can tell.
    """

    start: RunStart
    alive: bool | None


def load_runs(workspace: Workspace) -> tuple[Run, ...]:
    """Return every visible run, oldest first.

    Raises:
        CorruptDataError: A record or the operation log is damaged.
        MissingObjectError: A record is missing.
    """
    state = reduce_operations(workspace.operations.read())
    return tuple(
        workspace.objects.read_record(state.runs[run_id], Run) for run_id in sorted(state.runs)
    )


def load_unsealed(workspace: Workspace) -> tuple[UnsealedRun, ...]:
    """Return the runs that are going on, or were left by a process that died."""
    starts = [load_start(live) for live in list_live(workspace.layout.live)]
    return tuple(UnsealedRun(start=start, alive=is_alive(start.process)) for start in starts)


def find_run(workspace: Workspace, reference: str) -> Run:
    """Return the run that a reference means; see `mlv.core.run_ref`.

    A Git revision means the newest run of that commit, or of that snapshot.

    Raises:
        NoSuchRunError: None does.
        AmbiguousRunError: Several do.
        NotPossibleError: The run is still going on, or was lost.
    """
    runs = load_runs(workspace)
    known = RunSet(runs=runs, goals=workspace.settings.project.goals())
    try:
        return resolve_run(reference, known)
    except NoSuchRunError:
        _refuse_unsealed(workspace, reference)
        commit = workspace.git.resolve_commit(reference)
        found = [run for run in runs if commit in (run.code.commit, run.code.snapshot)]
        if commit is None or not found:
            raise
        return found[-1]


def _refuse_unsealed(workspace: Workspace, reference: str) -> None:
    for unsealed in load_unsealed(workspace):
        start = unsealed.start
        if reference != start.name and not start.id.startswith(reference.lower()):
            continue
        if unsealed.alive is False:
            message = f"run {start.name!r} was lost: the process that recorded it has died"
            raise NotPossibleError(message, hint="seal what it left with `mlv recover`")
        message = f"run {start.name!r} is still going on"
        raise NotPossibleError(message, hint="wait until it has ended")
