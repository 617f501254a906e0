"""`mlv log`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mlv.cli.options import JsonOption
from mlv.errors import CorruptDataError


def log(
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=0, metavar="N", help="Show at most N; 0 for all.")
    ] = 20,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="NAME,...", help="Params and metrics to show."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", "-w", metavar="FILTER", help="Which runs to show."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", "-s", metavar="NAME", help="What to sort by; `-NAME` from high to low."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Show reproductions as well.")
    ] = False,
    table_format: Annotated[
        Literal["table", "md", "csv"], typer.Option("--format", help="How to print the table.")
    ] = "table",
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first, with metrics and params.

    Params are shown when they differ between the listed runs. A run that a script
    started inside another one follows it, and has `>` before its name.

    Examples:
        mlv log
        mlv log --limit 5 --columns accuracy,train.lr
        mlv log --where "metrics.accuracy > 0.9 and params.lr == 0.1" --sort -accuracy

    Exit codes:
        0  done
        2  the filter is malformed
        3  no store
        7  a record is damaged
    """
    from mlv.app.look.listing import list_runs
    from mlv.cli.render.runs import print_run_list
    from mlv.cli.session import open_here
    from mlv.core.run_filter import parse_filter

    chosen = None if where is None else parse_filter(where)
    listing = list_runs(
        open_here(), limit=limit or None, reproductions=everything, where=chosen, sort=sort
    )
    wanted = None if columns is None else [name for name in columns.split(",") if name]
    print_run_list(listing, columns=wanted, table_format="json" if as_json else table_format)
    raise typer.Exit(CorruptDataError.exit_code if listing.damaged else 0)
