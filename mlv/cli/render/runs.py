"""Runs: as a list, and one that was just recorded."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mlv.app.look.listing import ListedRun, RunList
from mlv.app.reporter import Reporter
from mlv.cli.render.output import (
    LONGEST_NAME,
    LONGEST_VALUE,
    TableFormat,
    fields_of,
    format_age,
    format_duration,
    format_number,
    format_param,
    format_table,
    format_value,
    measure_columns,
    print_json,
    show_text,
    terminal_width,
    width_of,
)
from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.core.scalars import number_of
from mlv.errors import UsageError

if TYPE_CHECKING:
    from mlv.app.record.recover import Recovered


_FACTS = ("id", "name", "status", "started", "time", "code")
_N_FIRST_FACTS = 3
"""The first facts are shown in any case."""

_MOST_COLUMNS = 12
_LEAST_CELL = 20


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
    shown = _columns(listing, table_format) if columns is None else list(columns)
    wanted = [*listing.metrics, *listing.params] if columns is None else shown
    n_dropped = len(wanted) - len(shown)
    if table_format == "csv":
        headers, rows = [*_FACTS, *shown], [_exact_row(run, shown) for run in listing.runs]
    else:
        headers, rows = _make_table(listing.runs, shown, table_format)
        if table_format == "table":
            kept = _find_room(headers, rows, chosen=columns is not None)
            n_dropped += len(headers) - len(kept)
            headers, *rows = ([row[i] for i in kept] for row in (headers, *rows))
    typer.echo(format_table(headers, rows, table_format))
    if n_dropped:
        more = _count(n_dropped, "more column")
        typer.echo(f"{more}: --columns NAME,... or --format csv", err=True)
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
        reporter.warn(show_text(problem))
    metrics = [
        f"{_name(name)} {format_number(number_of(m.value))}" for name, m in run.metrics.items()
    ]
    parts = [
        f"{run.status} in {format_duration(run.duration_s)}",
        _count(len(run.inputs), "input"),
        _count(len(run.outputs), "output"),
        *metrics[:4],
    ]
    reporter.note(f"recorded run {_name(run.name)}: {', '.join(parts)}")


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
        typer.echo(f"sealed run {_name(run.name)} as {run.status}{end}")
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


def _columns(listing: RunList, table_format: TableFormat) -> list[str]:
    """Return the metrics and params that are shown when nobody names any."""
    most = None if table_format == "csv" else _MOST_COLUMNS
    return [*listing.metrics[:most], *listing.params[:most]]


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


def _make_table(
    runs: Sequence[ListedRun], names: Sequence[str], table_format: TableFormat
) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows, names and values shortened."""
    width = terminal_width() if table_format == "table" else None
    longest = LONGEST_VALUE if width is None else max(_LEAST_CELL, width // 3)
    depths = _depths(runs)
    headers = [*_FACTS, *(show_text(name, min(longest, LONGEST_NAME)) for name in names)]
    return headers, [_row(run, names, depths[run.id], longest) for run in runs]


def _find_room(headers: Sequence[str], rows: Sequence[Sequence[str]], *, chosen: bool) -> list[int]:
    """Return the columns that a terminal has room for.

    Args:
        headers: Of the table; params are on the right.
        rows: Its lines.
        chosen: Whether the person named the columns, so that facts go before them.
    """
    kept = list(range(len(headers)))
    width = terminal_width()
    if width is None:
        return kept
    widths = measure_columns(headers, rows)
    facts, others = kept[_N_FIRST_FACTS : len(_FACTS)], kept[len(_FACTS) :]
    waiting = [*others, *facts] if chosen else [*facts, *others]
    while waiting and width_of([widths[i] for i in kept]) > width:
        kept.remove(waiting.pop())
    return kept


def _name(name: str) -> str:
    return show_text(name, LONGEST_NAME)


def _row(run: ListedRun, names: Sequence[str], depth: int, longest: int) -> list[str]:
    code = "-" if run.code is None else run.code[:8] + ("*" if run.dirty else "")
    name = f"{'>' * depth} {run.name}" if depth else run.name
    name = show_text(name, min(longest, LONGEST_NAME))
    row = [run.short_id, name, run.status, format_age(run.started_at)]
    return [
        *row,
        format_duration(run.duration_s),
        code,
        *(_cell(run, name, longest) for name in names),
    ]


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


def _cell(run: ListedRun, name: str, longest: int) -> str:
    if name in run.metrics:
        return format_number(run.metrics[name])
    return show_text(format_param(run.params[name]), longest) if name in run.params else "-"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
