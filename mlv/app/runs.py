"""Find recorded runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlv.app.live_run import RunStart, find_start, list_live
from mlv.app.workspace import Workspace
from mlv.capture.liveness import find_command, is_alive
from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.core.run_ref import RunSet, resolve_run
from mlv.core.state import reduce_operations
from mlv.errors import (
    CorruptDataError,
    MissingObjectError,
    MlvError,
    NoSuchRunError,
    NotPossibleError,
)


class KnownRuns(msgspec.Struct, frozen=True, kw_only=True):
    """The visible runs.

    Attributes:
        runs: Oldest first.
        damaged: What is wrong with the records that cannot be read.
    """

    runs: tuple[Run, ...]
    damaged: dict[RunId, MlvError]


class UnsealedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without a record yet.

    Attributes:
        start: What was known when its command started.
        alive: Whether its command, or the process that records it, still runs; None
            when it runs on another host, so that nobody here can tell.
    """

    start: RunStart
    alive: bool | None


def read_runs(workspace: Workspace) -> KnownRuns:
    """Return every visible run whose record can be read, and the faults of the others.

    Raises:
        CorruptDataError: The operation log is damaged.
    """
    state = reduce_operations(workspace.operations.read())
    runs: list[Run] = []
    damaged: dict[RunId, MlvError] = {}
    for run_id in sorted(state.runs):
        try:
            runs.append(workspace.objects.read_record(state.runs[run_id], Run))
        except (CorruptDataError, MissingObjectError) as error:
            damaged[run_id] = error
    return KnownRuns(runs=tuple(runs), damaged=damaged)


def load_unsealed(workspace: Workspace) -> tuple[UnsealedRun, ...]:
    """Return the runs that are going on, or were left by a process that died."""
    lives = list_live(workspace.layout.live)
    found = ((live, find_start(live)) for live in lives)
    return tuple(
        UnsealedRun(start=start, alive=is_going_on(live, start)) for live, start in found if start
    )


def is_going_on(live: Path, start: RunStart) -> bool | None:
    """Tell whether the command of a run, or the process that records it, still runs.

    Returns:
        None when they run on another host, so that nobody here can tell.
    """
    command = find_command(live)
    signs = [is_alive(start.process), False if command is None else is_alive(command)]
    return True if True in signs else (None if None in signs else False)


def find_run(workspace: Workspace, reference: str, *, among: KnownRuns | None = None) -> Run:
    """Return the run that a reference means; see `mlv.core.run_ref`.

    A Git revision means the newest run of that commit, or of that snapshot.

    Args:
        workspace: Where.
        reference: What a person typed.
        among: What `read_runs` returned, where the caller has it already.

    Raises:
        NoSuchRunError: None does.
        AmbiguousRunError: Several do.
        NotPossibleError: The run is still going on, or was lost.
        CorruptDataError: Its record is damaged.
    """
    visible = read_runs(workspace) if among is None else among
    _refuse_damaged(reference, visible)
    known = RunSet(runs=visible.runs, goals=workspace.settings.project.goals())
    try:
        return resolve_run(reference, known)
    except NoSuchRunError:
        _refuse_unsealed(workspace, reference)
        commit = workspace.git.resolve_commit(reference)
        found = [run for run in known.originals if commit in (run.code.commit, run.code.snapshot)]
        if commit is None or not found:
            raise
        return found[-1]


def _refuse_damaged(reference: str, known: KnownRuns) -> None:
    newest = known.runs[-1].id if known.runs else ""
    for run_id, error in known.damaged.items():
        # A position among the runs, or the best of them, cannot be told without this one.
        needs_it = reference.startswith(("last~", "best:", "worst:", "tag:"))
        needs_it = needs_it or (reference == "last" and run_id > newest)
        if needs_it or (reference and run_id.startswith(reference.lower())):
            message = f"the record of run {run_id} cannot be read: {error.message}"
            raise CorruptDataError(message, hint=error.hint) from error


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
