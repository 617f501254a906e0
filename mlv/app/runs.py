"""Find recorded runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlv.app.live_run import (
    RunStart,
    find_start,
    is_unsealed,
    list_live,
    load_start,
    was_sealed,
)
from mlv.app.workspace import Workspace
from mlv.capture.execution.heartbeat import LOST_AFTER_S, silence_s
from mlv.capture.execution.liveness import find_command, is_alive, uptime_s, was_booted_since
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
        alive: Whether it still goes on; see `is_going_on`.
    """

    start: RunStart
    alive: bool


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
    """Return the runs that are going on, or were left by a process that died.

    Those that cannot be read are left out; `find_unreadable` has them.
    """
    lives = list_live(workspace.layout.live)
    found = ((live, find_start(live)) for live in lives if not was_sealed(live))
    return tuple(
        UnsealedRun(start=start, alive=is_going_on(live, start)) for live, start in found if start
    )


def find_unreadable(workspace: Workspace) -> dict[RunId, MlvError]:
    """Return what is wrong with runs in progress of which nothing can be told."""
    found: dict[RunId, MlvError] = {}
    for live in list_live(workspace.layout.live):
        try:
            load_start(live)
        except CorruptDataError as error:
            if is_unsealed(live):  # and not gone since
                found[RunId(live.name)] = error
    return found


def is_going_on(live: Path, start: RunStart) -> bool:
    """Tell whether the command of a run, or the process that records it, still runs.

    What runs on another host, or in another container, is judged by its heartbeat.
    """
    alive = find_alive(live, start)
    return silence_s(live) < LOST_AFTER_S if alive is None else alive


def find_alive(live: Path, start: RunStart) -> bool | None:
    """Tell the same as `is_going_on`, but only what is certain.

    Returns:
        None when the processes are out of sight, so that only the heartbeat is left.
    """
    command = find_command(live)
    known = [start.process] if command is None else [start.process, command]
    signs = [is_alive(each) for each in known]
    if True in signs:
        return True
    if None not in signs:
        return False
    # Another host may have our name. But one that is silent since we were booted is us.
    booted = all(was_booted_since(each) for each in known)
    return False if booted and silence_s(live) > uptime_s() else None


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
        found = [run for run in known.commands if commit in (run.code.commit, run.code.snapshot)]
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
        if not unsealed.alive:
            message = f"run {start.name!r} was lost: the process that recorded it has died"
            raise NotPossibleError(message, hint="seal what it left with `mlv recover`")
        message = f"run {start.name!r} is still going on"
        raise NotPossibleError(message, hint="wait until it has ended")
