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
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Show reproductions as well.")
    ] = False,
    table_format: Annotated[
        Literal["table", "md", "csv"], typer.Option("--format", help="How to print the table.")
    ] = "table",
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first, with metrics and params.

    Params are shown when they differ between the listed runs.

    Examples:
        mlv log
        mlv log --limit 5 --columns accuracy,train.lr

    Exit codes:
        0  done
        3  no store
        7  a record is damaged
    """
    from mlv.app.look.listing import list_runs
    from mlv.cli.render.runs import print_run_list
    from mlv.cli.session import open_here

    listing = list_runs(open_here(), limit=limit or None, reproductions=everything)
    wanted = None if columns is None else [name for name in columns.split(",") if name]
    print_run_list(listing, columns=wanted, table_format="json" if as_json else table_format)
    raise typer.Exit(CorruptDataError.exit_code if listing.damaged else 0)
