"""`mlv reproduce`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, QuietOption, RunArgument


def reproduce(
    run: RunArgument,
    rtol: Annotated[
        float | None,
        typer.Option("--rtol", min=0, metavar="X", help="Tolerated change, as a fraction."),
    ] = None,
    atol: Annotated[
        float | None,
        typer.Option("--atol", min=0, metavar="X", help="Tolerated change, in the metric's unit."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only check what would stop it; run nothing.")
    ] = False,
    identical: Annotated[
        bool, typer.Option("--require-identical", help="Exit with 1 when it is only equivalent.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the worktree in which it was run.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a run again, and say whether it came out the same.

    It runs in a worktree of its own; your files are not touched. Code and inputs are
    those of the record; the environment is the current one, and what differs in it
    is listed.

    Examples:
        mlv reproduce last
        mlv reproduce best:accuracy --rtol 0.01

    Exit codes:
        0  identical, or equivalent
        1  diverged
        3  it cannot be run here
        4  inconclusive: there was nothing to compare
        5  the command ended otherwise than recorded
        7  corrupt data
    """
    from mlv.app.reproduce.reproducing import ReproduceRequest, plan_reproduction
    from mlv.app.reproduce.reproducing import reproduce as reproduce_run
    from mlv.cli.render.verdict import exit_code_of, print_preflight, print_verdict
    from mlv.cli.session import TerminalReporter, invocation_of, open_here
    from mlv.core.run import Tolerance

    workspace = open_here(quiet=quiet)
    if plan:
        raise typer.Exit(print_preflight(plan_reproduction(workspace, run), as_json=as_json))
    given = rtol is not None or atol is not None
    tolerance = Tolerance(rel=rtol or 0.0, abs=atol or 0.0) if given else None
    # Standard output is for the result alone when a program reads it.
    stdout = 2 if as_json else 1
    request = ReproduceRequest(reference=run, tolerance=tolerance, keep=keep, stdout=stdout)
    reporter = TerminalReporter(quiet=quiet)
    result = reproduce_run(workspace, request, invocation_of(workspace), reporter)
    print_verdict(result, as_json=as_json)
    raise typer.Exit(exit_code_of(result.verdict, require_identical=identical))
