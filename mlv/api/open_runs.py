"""The runs that are going on in this process, one inside the other.

Which of them is meant by `mlv.log()` depends on who asks: the innermost one that was started
by the same thread or task. One that has started none means the innermost one of the main
thread, and the first one of all if the main thread has none either.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlv.api.active_run import ActiveRun

_RUN_DIR = "MLV_RUN_DIR"  # of mlv.capture.observe, which needs more than the standard library
_NESTED = "MLV_RUN_NESTED"
"""Names, to processes that a script starts, the directory of the nested run they belong to."""

_IN_PROCESS = "mlv_run"
"""Names both to the children of `multiprocessing`: a server of its, from which it forks them,
has the variables of the moment at which it was started."""

_inherited = os.environ.get(_NESTED)
_here: contextvars.ContextVar[ActiveRun | None] = contextvars.ContextVar("mlv_run", default=None)
_open: list[ActiveRun] = []
_main: list[ActiveRun] = []


def find_current() -> ActiveRun | None:
    """Return the run that the caller is in, None when there is none."""
    run = _here.get()
    while run is not None:
        if not run.finished:
            return run
        run = run.parent
    return _main[-1] if _main else next(iter(_open), None)


def enter(run: ActiveRun) -> None:
    """Take that a run has begun, in the thread or task of the caller."""
    _here.set(run)
    _open.append(run)
    if threading.current_thread() is threading.main_thread():
        _main.append(run)
        _tell_children()


def leave(run: ActiveRun) -> None:
    """Take that a run has ended, whoever ends it."""
    for runs in (_open, _main):
        if run in runs:
            runs.remove(run)
    if _here.get() is run:
        _here.set(run.parent)
    _tell_children()


def runs_inside(run: ActiveRun) -> list[ActiveRun]:
    """Return the runs that go on inside another one, innermost first."""
    return [each for each in reversed(_open) if each is not run and _is_inside(each, run)]


def list_open() -> list[ActiveRun]:
    """Return all runs that go on in this process, innermost first."""
    return _open[::-1]


def _is_inside(run: ActiveRun, outer: ActiveRun) -> bool:
    parent = run.parent
    while parent is not None and parent is not outer:
        parent = parent.parent
    return parent is outer


def find_outer_place() -> str | None:
    """Return the directory of the run that this process was started in, nested or not.

    Returns:
        None when it was started in none.
    """
    live, inner = _find_told()
    if not live:
        return None
    # A pool of processes may have been started inside a run that ended long ago.
    is_there = inner.startswith(f"{live}/") and os.path.isdir(inner)  # noqa: PTH112
    return inner if is_there else live


def _find_told() -> tuple[str, str]:
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        told = process.current_process()._config.get(_IN_PROCESS)  # noqa: SLF001 - it is copied
        if told is not None:
            os.environ[_RUN_DIR], os.environ[_NESTED] = told
    return os.environ.get(_RUN_DIR, ""), os.environ.get(_NESTED, "")


def _tell_children() -> None:
    nested = [run.place for run in _main if run.is_nested] if _main else [_inherited]
    place = nested[-1] if nested else None
    if place is not None:
        os.environ[_NESTED] = place
    else:
        os.environ.pop(_NESTED, None)
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        told = os.environ.get(_RUN_DIR, ""), place or ""
        process.current_process()._config[_IN_PROCESS] = told  # noqa: SLF001 - it is copied
