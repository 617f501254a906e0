"""List runs, with the columns in which they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mlv.app.look.ordering import order_as_tree, order_by
from mlv.app.look.unsealed import FoundRun, list_live_runs, look_into_all
from mlv.app.runs import find_unreadable, read_runs
from mlv.app.workspace import Workspace
from mlv.core.ids import RunId, shorten_ids
from mlv.core.params import ParamValue, flatten_params
from mlv.core.run import ParamSource, Run, RunKind
from mlv.core.run_filter import RunFilter
from mlv.core.scalars import number_of


class ListedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list.

    Attributes:
        id: The run's id.
        short_id: Its shortest unique prefix.
        status: `running` and `lost` for runs without a record.
        parent: The run inside which it was started.
        user: Who ran it.
        code: HEAD when the run began; None when unknown.
        duration_s: None while it goes on, and when nobody knows when it ended.
        dirty: Whether the code differed from HEAD.
    """

    id: RunId
    short_id: str
    name: str
    kind: RunKind
    parent: RunId | None
    status: str
    user: str
    started_at: datetime
    duration_s: float | None
    code: str | None
    dirty: bool
    tags: tuple[str, ...]
    params: dict[str, ParamValue]
    metrics: dict[str, float]


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, newest first; those started inside another one follow it.

    Attributes:
        runs: The runs that are shown.
        params: Names of the params in which the shown runs differ.
        metrics: Names of all metrics that a shown run has.
        n_hidden: How many more runs there are beyond the limit.
        n_unmatched: How many runs the filter passed over.
        n_reproductions: How many reproductions were passed over.
        damaged: What is wrong with the records that cannot be read.
    """

    runs: tuple[ListedRun, ...]
    params: tuple[str, ...]
    metrics: tuple[str, ...]
    n_hidden: int
    n_unmatched: int
    n_reproductions: int
    damaged: dict[RunId, str]


def list_runs(
    workspace: Workspace,
    *,
    limit: int | None,
    reproductions: bool,
    where: RunFilter | None = None,
    sort: str | None = None,
) -> RunList:
    """Return the newest runs, or the first ones by another order.

    Args:
        workspace: Where.
        limit: How many at most; None for all.
        reproductions: Whether reproductions are listed as well.
        where: Which runs; None for all.
        sort: Metric, param or fact to sort by, from high to low after a `-`; None for
            newest first.

    Raises:
        UsageError: There is nothing of the name `sort` to sort by.
        CorruptDataError: The operation log is damaged.
    """
    # First: one that ends now must not be missed.
    lives = {live.id: live for live in list_live_runs(workspace)}
    known_runs = read_runs(workspace)
    damaged = {**known_runs.damaged, **find_unreadable(workspace)}
    sealed = known_runs.runs
    for run in sealed:
        lives.pop(run.id, None)
    ids = [run.id for run in sealed]
    short = shorten_ids([*ids, *lives])
    lines = [_line(run, short) for run in sealed]
    lines += [_live_line(each, short) for each in look_into_all(workspace, lives.values(), ids)]
    chosen = [line for line in lines if where is None or where(line)]
    ordered = order_as_tree(chosen) if sort is None else order_by(chosen, sort)
    wanted = [line for line in ordered if reproductions or line.kind == "run"]
    shown = wanted[:limit]
    return RunList(
        runs=tuple(shown),
        params=tuple(_differing(shown)),
        metrics=tuple(sorted({name for line in shown for name in line.metrics})),
        n_hidden=len(wanted) - len(shown),
        n_unmatched=len(lines) - len(chosen),
        n_reproductions=len(chosen) - len(wanted),
        damaged={run_id: error.message for run_id, error in damaged.items()},
    )


def _line(run: Run, short: Mapping[RunId, str]) -> ListedRun:
    return ListedRun(
        id=run.id,
        short_id=short[run.id],
        name=run.name,
        kind=run.kind,
        parent=run.parent,
        status=run.status,
        user=run.user,
        started_at=run.started_at,
        duration_s=run.duration_s,
        code=run.code.commit or None,
        dirty=run.code.dirty,
        tags=run.tags,
        params=_params(run.params),
        metrics={name: number_of(metric.value) for name, metric in run.metrics.items()},
    )


def _live_line(found: FoundRun, short: Mapping[RunId, str]) -> ListedRun:
    line = msgspec.structs.replace(_line(found.run, short), status=found.status)
    ended = found.status not in ("running", "lost")
    return line if ended else msgspec.structs.replace(line, duration_s=None)


def _params(sources: Iterable[ParamSource]) -> dict[str, ParamValue]:
    return {name: param.value for name, param in flatten_params(sources).items()}


def _differing(lines: Sequence[ListedRun]) -> Iterator[str]:
    for name in sorted({name for line in lines for name in line.params}):
        values = {
            msgspec.json.encode(line.params[name]) if name in line.params else None
            for line in lines
        }
        if len(values) > 1:
            yield name
