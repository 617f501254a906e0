"""The runs that are going on in this process, one inside the other.

Which of them is meant by `mlv.log()` depends on who asks: the innermost one that was started
by the same thread or task, or by the task that started it. One that has started none means the
innermost one of the main thread, and the first one of all if the main thread has none either;
but tasks that go on side by side never mean the runs of each other.
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

_RUN_DIR = "MLV_RUN_DIR"  # of mlv.capture.observing.observe, which is costly to import
_NESTED = "MLV_RUN_NESTED"
"""Names, to processes that a script starts, the directory of the nested run they belong to."""

_IN_PROCESS = "mlv_run"
"""Names both to the children of `multiprocessing`: a server of its, from which it forks them,
has the variables of the moment at which it was started."""

_inherited = os.environ.get(_NESTED)
_told = ("", "")
"""What this process was told, before it had runs of its own."""

_here: contextvars.ContextVar[ActiveRun | None] = contextvars.ContextVar("mlv_run", default=None)
_open: list[ActiveRun] = []
_main: list[ActiveRun] = []
_tasks: dict[ActiveRun, Any] = {}
"""The task of `asyncio` in which a run was started, if it was in one."""


def find_current() -> ActiveRun | None:
    """Return the run that the caller is in, None when there is none."""
    run = _here.get()
    while run is not None:
        if not run.finished:
            return run
        run = run.parent
    task = _find_task() if _tasks else None
    if task is None:
        return _main[-1] if _main else next(iter(_open), None)
    for run in (*reversed(_main), *_open):
        if not _is_of_another(run, task):
            return run
    return None


def is_beside_tasks() -> bool:
    """Tell whether the caller is in a task beside which others go on."""
    asyncio: Any = sys.modules.get("asyncio")
    return _find_task() is not None and len(asyncio.all_tasks()) > 1


def keep_told() -> None:
    """Keep what this process was told, before a run of its own tells something else."""
    global _told  # noqa: PLW0603 - there is one process
    if not _has_own():
        _told = _read_told()


def enter(run: ActiveRun) -> None:
    """Take that a run has begun, in the thread or task of the caller."""
    _here.set(run)
    _open.append(run)
    task = _find_task()
    if task is not None:
        _tasks[run] = task
    if threading.current_thread() is threading.main_thread():
        _main.append(run)
        _tell_children()


def leave(run: ActiveRun) -> None:
    """Take that a run has ended, whoever ends it."""
    for runs in (_open, _main):
        if run in runs:
            runs.remove(run)
    _tasks.pop(run, None)
    if _here.get() is run:
        _here.set(run.parent)
    _tell_children()


def runs_inside(run: ActiveRun) -> list[ActiveRun]:
    """Return the runs that go on inside another one, innermost first."""
    return [each for each in reversed(_open) if each is not run and _is_inside(each, run)]


def runs_around(run: ActiveRun) -> list[ActiveRun]:
    """Return a run and those of this process that it is inside of, innermost first."""
    found = [run]
    while found[-1].parent is not None and not found[-1].parent.is_inherited:
        found.append(found[-1].parent)
    return found


def list_open() -> list[ActiveRun]:
    """Return all runs that go on in this process, innermost first."""
    return _open[::-1]


def _find_task() -> Any:
    """Return the task that the caller is in, None when it is in none."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.current_task()
    except (AttributeError, RuntimeError):  # it is being imported, or no loop runs
        return None


def _is_of_another(run: ActiveRun, task: Any) -> bool:
    """Tell whether a run is of another task, which still goes on."""
    own = _tasks.get(run)
    return own is not None and own is not task and not own.done()


def _has_sibling(run: ActiveRun) -> bool:
    """Tell whether another task has a run beside this one, so that neither is around the other."""
    task = _tasks.get(run)
    return task is not None and any(
        _is_of_another(each, task) and not _is_inside(each, run) and not _is_inside(run, each)
        for each in _main
    )


def _has_own() -> bool:
    return any(not run.is_inherited for run in _open)


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
    live, inner = _told
    if not live:
        return None
    # A pool of processes may have been started inside a run that ended long ago.
    is_there = inner.startswith(f"{live}/") and os.path.isdir(inner)  # noqa: PTH112
    return inner if is_there else live


def _read_told() -> tuple[str, str]:
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        told = process.current_process()._config.get(_IN_PROCESS)  # noqa: SLF001 - it is copied
        if told is not None:
            os.environ[_RUN_DIR], os.environ[_NESTED] = told
    return os.environ.get(_RUN_DIR, ""), os.environ.get(_NESTED, "")


def _tell_children() -> None:
    # A child of a task belongs to what is around the tasks: nobody can tell it of which it is.
    alone = [run for run in _main if not _has_sibling(run)]
    nested = [run.place for run in alone if run.is_nested] if alone else [_inherited]
    place = nested[-1] if nested else None
    if place is not None:
        os.environ[_NESTED] = place
    else:
        os.environ.pop(_NESTED, None)
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        told = os.environ.get(_RUN_DIR, ""), place or ""
        process.current_process()._config[_IN_PROCESS] = told  # noqa: SLF001 - it is copied
