"""`mlv diff`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mlv.cli.options import JsonOption, RunArgument


def diff(
    old: RunArgument,
    new: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The other run; the worktree when it is left out."),
    ] = None,
    patch: Annotated[bool, typer.Option("--patch", help="Print the code changes in full.")] = False,
    table_format: Annotated[
        Literal["table", "md"], typer.Option("--format", help="How to print tables.")
    ] = "table",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when anything differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs, or a run with the worktree.

    Metrics, params, code, inputs and outputs, environment, command: each part is
    shown only when it differs.

    Examples:
        mlv diff last~1 last
        mlv diff best:accuracy --patch

    Exit codes:
        0  done
        1  they differ, with --exit-code
        3  no such run, or an ambiguous one
        7  a record is damaged
    """
    from mlv.app.look.comparing import compare_runs
    from mlv.cli.render.diff import print_diff
    from mlv.cli.session import open_here

    result = compare_runs(open_here(), old, new, patch=patch)
    print_diff(result, table_format="json" if as_json else table_format)
    raise typer.Exit(int(exit_code and not result.empty))
