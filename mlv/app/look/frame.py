"""Runs as a pandas data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlv.app.look.listing import list_runs
from mlv.app.workspace import Workspace
from mlv.core.run_filter import parse_filter
from mlv.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def runs_frame(
    workspace: Workspace, *, where: str | None, sort: str | None, limit: int | None
) -> pd.DataFrame:
    """Return the runs that are not reproductions, one a row; damaged records are left out.

    Args:
        workspace: Where.
        where: A filter, such as `metrics.accuracy > 0.9`; None for all runs.
        sort: Column to sort by, ascending, or descending after a `-`; None for newest first.
        limit: How many rows at most, after sorting; None for all.

    Raises:
        UsageError: There is no such column to sort by, or the filter is malformed.
        CorruptDataError: The operation log is damaged.
    """
    import pandas as pd

    chosen = None if where is None else parse_filter(where)
    listing = list_runs(workspace, limit=None, reproductions=False, where=chosen)
    rows = [
        {
            "id": run.id,
            "name": run.name,
            "status": run.status,
            "started_at": run.started_at,
            "duration_s": run.duration_s,
            "tags": list(run.tags),
            "parent": run.parent,
            **{f"params.{name}": value for name, value in run.params.items()},
            **{f"metrics.{name}": value for name, value in run.metrics.items()},
        }
        for run in listing.runs
    ]
    columns = ["id", "name", "status", "started_at", "duration_s", "tags", "parent"]
    frame: pd.DataFrame = pd.DataFrame(rows, columns=None if rows else columns).set_index("id")
    if sort is not None:
        column = sort.removeprefix("-")
        if column not in frame.columns:
            names = ", ".join(frame.columns)
            raise UsageError(f"there is no column {column!r} to sort by", hint=f"there are {names}")
        frame = frame.sort_values(column, ascending=not sort.startswith("-"), kind="stable")
    limited: pd.DataFrame = frame.iloc[:limit]
    return limited
