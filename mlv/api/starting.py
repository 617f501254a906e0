"""Start a run: attach to the one that `mlv run` records, record the script, or nest."""

from __future__ import annotations

import atexit
import os
import sys
import time

from mlv.api import open_runs
from mlv.api.active_run import ActiveRun
from mlv.api.ending import ending_of_program, watch_exit
from mlv.api.guard import say
from mlv.api.run_journal import RunJournal
from mlv.capture.execution.run_directory import NESTED
from mlv.core.ulid import encode_ulid
from mlv.errors import MlvError, NotPossibleError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlv.app.workspace import Workspace

_DISABLED = "MLV_DISABLED"
_MODES = ("online", "offline", "shared", "disabled")

_joined: dict[str, ActiveRun] = {}
"""The runs that this process has attached to, by directory."""


def begin(*, name: str | None = None, nested: bool = False, mode: str | None = None) -> ActiveRun:
    """Start a run, or attach to the one that `mlv run` records.

    Raises:
        UsageError: A run is active in this process already, and `nested` was not asked for.
        MlvError: Outside `mlv run`: the run cannot begin.
    """
    if mode is not None and mode not in _MODES:
        raise UsageError(f"there is no mode {mode!r}", hint=f"choose from {', '.join(_MODES)}")
    open_runs.keep_told()
    disabled = mode == "disabled" or _is_disabled()
    outer = open_runs.find_current()
    if outer is not None and not nested and not outer.is_inherited:
        if outer.is_implicit and not disabled and outer.place is not None:
            return _take_over(outer, name)
        _make_way(outer)
        outer = open_runs.find_current()
    if disabled:
        run = ActiveRun(None, parent=outer)
    elif outer is not None:
        run = _begin_inside(outer, name, nested=nested)
    else:
        run = _begin_outermost(name, nested=nested)
    if name is not None and run.name != name:
        run.set_name(name)
    return _enter(run)


def _take_over(run: ActiveRun, name: str | None) -> ActiveRun:
    """Return a run that began when something was logged, as the one that is started now."""
    run.is_implicit = False
    if name is not None:
        run.set_name(name)
    return run


def _make_way(outer: ActiveRun) -> None:
    """End a run so that another may start, where nobody else can be expected to end it.

    Raises:
        UsageError: Somebody can.
    """
    ends = outer.is_implicit
    if not ends and _is_notebook():
        ends = not any(run.is_block for run in open_runs.runs_around(outer))
    if not ends:
        raise UsageError(
            "a run is active in this process already",
            hint="finish it first: mlv.finish(); or start one inside it: start_run(nested=True)",
        )
    open_runs.runs_around(outer)[-1].finish()


def begin_quietly() -> ActiveRun:
    """Start a run because something is logged and none is active; never raises."""
    open_runs.keep_told()
    run = ActiveRun(None)
    try:
        if not _is_disabled():
            place = open_runs.find_outer_place()
            run = _attach(place) if place else _record()
    except MlvError as error:
        say(f"nothing is recorded: {error.message}" + (f"; {error.hint}" if error.hint else ""))
    except Exception as error:  # noqa: BLE001 - what has trained for hours must not stop here
        say(f"nothing is recorded: {error}")
    run.is_implicit = True
    return _enter(run)


def open_here() -> Workspace:
    """Return the workspace of the working directory.

    Raises:
        NotPossibleError: This Python has only the part of mlv that logs.
        NotARepositoryError, NoStoreError: There is none.
    """
    try:
        from pathlib import Path

        from mlv.app.workspace import open_workspace
        from mlv.config import load_settings
    except ImportError as error:
        message = f"mlv is not installed for this Python: {error}"
        raise NotPossibleError(message, hint="record it with `mlv run python SCRIPT`") from error
    return open_workspace(Path.cwd(), load_settings(Path.cwd()))


def _is_disabled() -> bool:
    return os.environ.get(_DISABLED, "") not in ("", "0")


def _begin_outermost(name: str | None, *, nested: bool) -> ActiveRun:
    place = open_runs.find_outer_place()
    if not place:
        return _record()
    return _nest(place, name) if nested or _is_one_of_many() else _join(place, name)


def _begin_inside(outer: ActiveRun, name: str | None, *, nested: bool) -> ActiveRun:
    if outer.place is None:
        return ActiveRun(None, parent=outer)
    return _nest(outer.place, name, outer) if nested else _join(outer.place, name)


def _is_one_of_many() -> bool:
    """Tell whether other tasks may start runs too, of which none is the one that is recorded."""
    # The kernel of a notebook has tasks of its own.
    return open_runs.is_beside_tasks() and not _is_notebook()


def _is_notebook() -> bool:
    """Tell whether this is called in a notebook or at an IPython prompt."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_shell is not None and get_shell() is not None


def _join(place: str, name: str | None) -> ActiveRun:
    """Attach to a run of another process; once it has ended here, the next is one inside it."""
    earlier = _joined.get(place)
    if earlier is None or earlier.is_inherited:
        return _attach(place)
    return _nest(place, name)


def _attach(place: str) -> ActiveRun:
    _joined[place] = run = ActiveRun(RunJournal(place))
    return run


def _nest(outer: str, name: str | None, parent: ActiveRun | None = None) -> ActiveRun:
    above, _, outer_id = outer.rpartition("/")
    # However deep they are nested, their directories lie side by side.
    beside = above if above.endswith(f"/{NESTED}") else f"{outer}/{NESTED}"
    run_id = encode_ulid(time.time_ns() // 1_000_000, os.urandom(10))
    journal = RunJournal(f"{beside}/{run_id}")
    journal.begin(name, parent=outer_id)
    run = ActiveRun(journal, parent=parent, starts_nested=True)
    run.name = name
    return run


def _record() -> ActiveRun:
    workspace = open_here()
    from mlv.app.record.script import record_script

    recorder = record_script(workspace)
    watch_exit()
    return ActiveRun(RunJournal(recorder.directory), recorder=recorder)


def _enter(run: ActiveRun) -> ActiveRun:
    open_runs.enter(run)
    # Last of all, so that it is called first: the journals are closed by then otherwise.
    atexit.unregister(_end_with_program)
    atexit.register(_end_with_program)
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Its children leave through `os._exit`, past `atexit`.
        util.Finalize(None, _end_with_program, exitpriority=1)
    if not run.is_nested and "IPython" in sys.modules:
        from mlv.api.notebook import keep_cells

        keep_cells(run)
    return run


def _end_with_program() -> None:
    notebook = sys.modules.get("mlv.api.notebook")
    ending = (notebook and notebook.find_notebook_ending()) or ending_of_program()
    try:
        _wait_for_children()
    finally:
        for run in open_runs.list_open():
            run.end(ending)


def _wait_for_children() -> None:
    """Wait for processes that `multiprocessing` would wait for after us, as they may log."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        for child in process.active_children():
            if not child.daemon:
                child.join()
