"""`mlv show`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, RunArgument
from mlv.errors import UsageError


def show(
    run: RunArgument = "last",
    output: Annotated[
        bool, typer.Option("--log", help="Print what the command printed, and nothing else.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Print what comes, and the metrics, until it ends."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show everything that is known of a run.

    Of a run that is going on, or was lost, that is what is known so far.

    Examples:
        mlv show last
        mlv show best:accuracy --json
        mlv show last --log
        mlv show last --follow

    Exit codes:
        0    done
        3    no such run, or an ambiguous one
        7    the record is damaged
        130  interrupted; a run that was followed goes on
    """
    from mlv.cli.session import open_here

    if output + follow + as_json > 1:
        raise UsageError("--log, --follow and --json do not go together")
    workspace = open_here()
    if follow:
        from mlv.app.look.following import follow_run
        from mlv.cli.render.follow import print_glimpses

        print_glimpses(follow_run(workspace, run))
        return
    from mlv.app.look.showing import read_console, show_run
    from mlv.cli.render.show import print_console, print_run

    if output:
        print_console(read_console(workspace, run))
    else:
        print_run(show_run(workspace, run), as_json=as_json)
