"""Log to the active run, and read recorded runs; the functions of `import mlv`.

Each logging function is the method of `ActiveRun` of that name, for the run that the caller
is in. When there is none, one is started; if that fails, it is said once, and nothing is recorded.
"""

from __future__ import annotations

import functools

from mlv.api.guard import tells_hints
from mlv.api.open_runs import find_current
from mlv.api.starting import begin_quietly, open_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    import pandas as pd

    from mlv.api.active_run import ActiveRun

    LogCall = TypeVar("LogCall", bound=Callable[..., None])


def _guarded(call: LogCall) -> LogCall:
    """Note what is wrong with a call, its arguments too, instead of raising it."""

    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - anything at all may have been passed
            _run().note_problem(call.__name__, error)

    return guarded  # type: ignore[return-value]  # the same call, as far as a caller can tell


def log(values: Mapping[str, Any], step: int | None = None, *, commit: bool | None = None) -> None:
    """Log metrics."""
    _run().log(values, step, commit=commit)


@_guarded
def log_metric(key: str, value: Any, step: int | None = None) -> None:
    """Log one metric."""
    _run().log({key: value}, step)


@_guarded
def log_metrics(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Log metrics."""
    _run().log(metrics, step)


@_guarded
def log_param(key: str, value: Any) -> None:
    """Log one param."""
    _run().log_param(key, value)


@_guarded
def log_params(params: Any = None, /, **named: Any) -> None:
    """Log params."""
    _run().log_params(params, **named)


@_guarded
def log_summary(values: Mapping[str, Any]) -> None:
    """Set metrics that have one value and no steps."""
    _run().log_summary(values)


@_guarded
def log_artifact(path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Declare a file or directory as an output."""
    _run().log_artifact(path, artifact_path)


@_guarded
def log_artifacts(directory: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Declare a directory as an output."""
    _run().log_artifact(directory, artifact_path)


@_guarded
def log_figure(name: str, figure: Any) -> None:
    """Keep a figure as an attachment."""
    _run().log_figure(name, figure)


@_guarded
def log_table(name: str, data: Any, columns: Any = None) -> None:
    """Keep a table as an attachment."""
    _run().log_table(name, data, columns)


@_guarded
def log_text(name: str, text: str) -> None:
    """Keep a text as an attachment."""
    _run().log_text(name, text)


@_guarded
def log_dict(name: str, mapping: Any) -> None:
    """Keep a mapping as an attachment."""
    _run().log_dict(name, mapping)


@_guarded
def set_tag(key: str, value: object = None) -> None:
    """Tag the run with `key`, or with `key=value`."""
    _run().set_tag(key, value)


@_guarded
def set_tags(tags: Any) -> None:
    """Tag the run with words, or with `key=value` for each item of a mapping."""
    _run().set_tags(tags)


@_guarded
def set_note(text: str) -> None:
    """Replace the note of the run."""
    _run().set_note(text)


@_guarded
def set_name(name: str) -> None:
    """Name the run."""
    _run().set_name(name)


@_guarded
def rewind(step: int) -> None:
    """Go back to a step: what was logged of it and of later ones no longer counts."""
    _run().rewind(step)


@tells_hints
def runs(
    where: str | None = None, *, sort: str | None = None, limit: int | None = None
) -> pd.DataFrame:
    """Return the recorded runs of this repository as a data frame, newest first.

    Args:
        where: Which ones, such as `metrics.accuracy > 0.9 and params.lr == 0.1`.
        sort: A column; a leading `-` sorts from high to low.
        limit: How many at most.

    Returns:
        One row a run, indexed by id; columns `name`, `status`, `started_at`, `duration_s`,
        `tags`, `parent`, and `params.NAME` and `metrics.NAME` for all that occur.

    Raises:
        NotARepositoryError, NoStoreError: There is no store.
        UsageError: There is no such column to sort by, or `where` is malformed.
    """
    from mlv.app.look.frame import runs_frame

    return runs_frame(open_here(), where=where, sort=sort, limit=limit)


@tells_hints
def series(run: str = "last", name: str | None = None) -> pd.DataFrame:
    """Return the points of a run as a data frame; of one that goes on, those so far.

    Args:
        run: A run reference, as on the command line.
        name: The only series that is wanted.

    Returns:
        One row a point: `series`, `step`, `time` (UTC) and `value`. A value is a whole number
        where all are.

    Raises:
        NotARepositoryError, NoStoreError: There is no store.
        NoSuchRunError, AmbiguousRunError: Of the reference.
        NotPossibleError: The run has no such series.
    """
    from mlv.app.look.series_frame import series_frame

    return series_frame(open_here(), run, () if name is None else (name,))


def _run() -> ActiveRun:
    return find_current() or begin_quietly()
