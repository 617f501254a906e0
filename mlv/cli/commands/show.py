"""`mlv show`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, RunArgument


def show(
    run: RunArgument = "last",
    output: Annotated[
        bool, typer.Option("--log", help="Print what the command printed, and nothing else.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show everything that is known of a run.

    Examples:
        mlv show last
        mlv show best:accuracy --json
        mlv show last --log

    Exit codes:
        0  done
        3  no such run, or an ambiguous one
        7  the record is damaged
    """
    from mlv.app.look.showing import read_console, show_run
    from mlv.cli.render.show import print_console, print_run
    from mlv.cli.session import open_here

    workspace = open_here()
    if output:
        print_console(read_console(workspace, run))
    else:
        print_run(show_run(workspace, run), as_json=as_json)
