"""Start a run and log to it; the functions of `import mlv`."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlv.api.active_run import ActiveRun
from mlv.capture.journal import JournalWriter
from mlv.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from mlv.app.workspace import Workspace

_RUN_DIR = "MLV_RUN_DIR"  # of mlv.capture.observe, which needs more than the standard library
_DISABLED = "MLV_DISABLED"

_active: ActiveRun | None = None


def start_run(
    name: str | None = None,
    *,
    tags: Collection[str] = (),
    note: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> ActiveRun:
    """Start a run, or attach to the one that `mlv run` records.

    Args:
        name: What to call it; None for a random name.
        tags: Words to find it by.
        note: A remark for people.
        params: Params to log at once.

    Raises:
        UsageError: A run is active in this process already.
        NotARepositoryError, NoStoreError: Outside `mlv run`: there is nowhere to record.
        MlvError: Outside `mlv run`: the run cannot begin.
    """
    global _active  # noqa: PLW0603 - one run at a time is active in a process
    if active_run() is not None:
        raise UsageError(
            "a run is active in this process already", hint="finish it first: run.finish()"
        )
    run = _attach() or _record()
    if name is not None:
        run.set_name(name)
    if tags:
        run.set_tags(tags)
    if note is not None:
        run.set_note(note)
    if params:
        run.log_params(params)
    _active = run
    atexit.register(_finish_at_exit, run)
    return run


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: Collection[str] = (),
    notes: str | None = None,
    group: str | None = None,
) -> ActiveRun:
    """Start a run, with the words of Weights & Biases.

    Args:
        project: Becomes the tag `project=...`; the repository is the project otherwise.
        name: What to call it.
        config: Params.
        tags: Words to find it by.
        notes: A remark for people.
        group: Becomes the tag `group=...`.

    Raises:
        MlvError: As `start_run`.
    """
    labels = [f"{key}={value}" for key, value in (("project", project), ("group", group)) if value]
    run = start_run(name, tags=[*tags, *labels], note=notes)
    run.config.update(config or {})
    return run


def active_run() -> ActiveRun | None:
    """Return the active run of this process, None when there is none."""
    return None if _active is None or _active.finished else _active


def log(values: Mapping[str, Any], step: int | None = None) -> None:
    """Log metrics to the active run; see `ActiveRun.log`."""
    _require_active().log(values, step)


def log_metric(key: str, value: Any, step: int | None = None) -> None:
    """Log one metric to the active run."""
    _require_active().log({key: value}, step)


def log_metrics(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Log metrics to the active run."""
    _require_active().log(metrics, step)


def log_param(key: str, value: Any) -> None:
    """Log one param to the active run."""
    _require_active().log_params({key: value})


def log_params(params: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Log params to the active run; see `ActiveRun.log_params`."""
    _require_active().log_params(params, **named)


def log_artifact(path: str | os.PathLike[str]) -> None:
    """Declare a file or directory as an output of the active run."""
    _require_active().log_artifact(path)


def log_artifacts(directory: str | os.PathLike[str]) -> None:
    """Declare a directory as an output of the active run."""
    _require_active().log_artifact(directory)


def set_tag(key: str, value: object = None) -> None:
    """Tag the active run."""
    _require_active().set_tag(key, value)


def set_tags(tags: Iterable[str] | Mapping[str, object]) -> None:
    """Tag the active run."""
    _require_active().set_tags(tags)


def finish() -> None:
    """End the active run, if there is one."""
    run = active_run()
    if run is not None:
        run.finish()


def runs(*, sort: str | None = None, limit: int | None = None) -> pd.DataFrame:
    """Return the recorded runs of this repository as a data frame, newest first.

    Args:
        sort: A column; a leading `-` sorts from high to low.
        limit: How many at most.

    Returns:
        One row a run, indexed by id; columns `name`, `status`, `started_at`,
        `duration_s`, `tags`, and `params.NAME` and `metrics.NAME` for all that occur.

    Raises:
        NotARepositoryError, NoStoreError: There is no store.
        UsageError: There is no such column to sort by.
    """
    from mlv.app.look.frame import runs_frame

    return runs_frame(_open_here(), sort=sort, limit=limit)


def _require_active() -> ActiveRun:
    return active_run() or start_run()


def _attach() -> ActiveRun | None:
    if os.environ.get(_DISABLED, "") not in ("", "0"):
        return ActiveRun(None)
    live = os.environ.get(_RUN_DIR)
    return ActiveRun(JournalWriter(live)) if live else None


def _record() -> ActiveRun:
    from mlv.app.record.script import record_script

    recorder = record_script(_open_here())
    return ActiveRun(JournalWriter(recorder.directory), recorder)


def _open_here() -> Workspace:
    from pathlib import Path

    from mlv.app.workspace import open_workspace
    from mlv.config import load_settings

    return open_workspace(Path.cwd(), load_settings(Path.cwd()))


def _finish_at_exit(run: ActiveRun) -> None:
    run.finish(failed=getattr(sys, "last_value", None) is not None)
