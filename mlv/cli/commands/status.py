"""`mlv status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import JsonOption


def status(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Only this data; everything when it is left out."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when anything differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what differs: data from its pointers, pointers and params from HEAD and the last run.

    Examples:
        mlv status
        mlv status data/ --exit-code

    Exit codes:
        0  done
        1  something differs, with --exit-code
        3  no store, or a path that is not tracked
        7  corrupt data
    """
    from mlv.app.data.status import read_status
    from mlv.cli.render.status import print_status
    from mlv.cli.session import open_here

    here = Path.cwd()
    result = read_status(open_here(), [here / path for path in paths or ()])
    print_status(result, as_json=as_json)
    raise typer.Exit(int(exit_code and result.differs))
