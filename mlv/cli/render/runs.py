"""Runs: as a list, and one that was just recorded."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mlv.app.look.listing import ListedRun, RunList
from mlv.app.reporter import Reporter
from mlv.cli.render.output import (
    TableFormat,
    fields_of,
    format_age,
    format_duration,
    format_number,
    format_table,
    format_value,
    print_json,
)
from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.core.scalars import number_of
from mlv.errors import UsageError

if TYPE_CHECKING:
    from mlv.app.record.recover import Recovered


def print_run_list(
    listing: RunList, *, columns: Sequence[str] | None, table_format: TableFormat
) -> None:
    """Print a list of runs."""
    if table_format == "json":
        print_json("mlv-runs 1", **fields_of(listing))
        return
    if not listing.runs and not listing.damaged:
        nothing = "no run is recorded yet: record one with `mlv run COMMAND`"
        typer.echo("no run matches the filter" if listing.n_unmatched else nothing, err=True)
        return
    if columns is not None:
        _check_columns(listing, columns)
    shown = list(columns) if columns is not None else [*listing.metrics, *listing.params]
    headers = ["id", "name", "status", "started", "time", "code", *shown]
    if table_format == "csv":
        rows = [_exact_row(run, shown) for run in listing.runs]
    else:
        depths = _depths(listing.runs)
        rows = [_row(run, shown, depths[run.id]) for run in listing.runs]
    typer.echo(format_table(headers, rows, table_format))
    for run_id, problem in listing.damaged.items():
        typer.echo(f"error: run {run_id} is not shown: {problem}", err=True)
    if listing.n_hidden:
        older = _count(listing.n_hidden, "older run")
        typer.echo(f"{older} not shown: --limit 0 shows all", err=True)
    if listing.n_reproductions:
        passed_over = _count(listing.n_reproductions, "reproduction")
        typer.echo(f"{passed_over} not shown: --all shows them", err=True)


def print_recorded(run: Run, reporter: Reporter) -> None:
    """Say on standard error what was recorded; the command owns standard output."""
    for problem in run.problems:
        reporter.warn(problem)
    metrics = [f"{name} {format_number(number_of(m.value))}" for name, m in run.metrics.items()]
    parts = [
        f"{run.status} in {format_duration(run.duration_s)}",
        _count(len(run.inputs), "input"),
        _count(len(run.outputs), "output"),
        *metrics[:4],
    ]
    reporter.note(f"recorded run {run.name}: {', '.join(parts)}")


def print_recovered(recovered: Recovered, *, as_json: bool) -> None:
    """Print what was done with runs that were left."""
    if as_json:
        print_json(
            "mlv-recovered 1",
            runs=recovered.sealed,
            cleared=recovered.cleared,
            silent=recovered.silent,
        )
        return
    for run in recovered.sealed:
        end = f" (exit code {run.exit_code})" if run.exit_code else ""
        typer.echo(f"sealed run {run.name} as {run.status}{end}")
    for name in recovered.cleared:
        typer.echo(f"removed the unfinished reproduction {name}")
    for silent in recovered.silent:
        age = format_duration(silent.silence_s)
        typer.echo(
            f"note: run {silent.name} of host {silent.host} gave a sign of life {age} ago; "
            f"if it is dead: `mlv recover --force {silent.name}`",
            err=True,
        )
    for error in recovered.failed[1:]:
        typer.echo(f"error: {error.message}", err=True)
    if not (recovered.sealed or recovered.cleared or recovered.silent or recovered.failed):
        typer.echo("there is no lost run", err=True)


def _check_columns(listing: RunList, columns: Sequence[str]) -> None:
    known = sorted({name for run in listing.runs for name in (*run.metrics, *run.params)})
    for name in columns:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
            raise UsageError(f"no listed run has a param or metric {name!r}", hint=hint)


def _exact_row(run: ListedRun, names: Sequence[str]) -> list[str]:
    """Return a line for programs: nothing is shortened."""
    code = "" if run.code is None else run.code + ("*" if run.dirty else "")
    time_s = "" if run.duration_s is None else str(run.duration_s)
    row = [run.id, run.name, run.status, run.started_at.isoformat(), time_s, code]
    cells = (run.metrics.get(name, run.params.get(name, "")) for name in names)
    return [*row, *(str(c) if isinstance(c, float) else format_value(c) for c in cells)]


def _row(run: ListedRun, names: Sequence[str], depth: int) -> list[str]:
    code = "-" if run.code is None else run.code[:8] + ("*" if run.dirty else "")
    name = f"{'>' * depth} {run.name}" if depth else run.name
    row = [run.short_id, name, run.status, format_age(run.started_at)]
    return [*row, format_duration(run.duration_s), code, *(_cell(run, name) for name in names)]


def _depths(runs: Sequence[ListedRun]) -> dict[RunId, int]:
    """Return how many runs each run is inside of, as far as these are listed."""
    parents = {run.id: run.parent for run in runs}
    depths = {}
    for run in runs:
        depth, parent = 0, run.parent
        while parent is not None:
            depth, parent = depth + 1, parents.get(parent)
        depths[run.id] = depth
    return depths


def _cell(run: ListedRun, name: str) -> str:
    if name in run.metrics:
        return format_number(run.metrics[name])
    return format_value(run.params[name]) if name in run.params else "-"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
