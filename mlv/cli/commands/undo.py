"""`mlv undo`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, ReasonOption


def undo(
    operation: Annotated[
        str | None,
        typer.Argument(metavar="OPERATION", help="Which one; the newest when it is left out."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that were edited since.")
    ] = False,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back the newest operation, or another.

    The state, worktree files included, is afterwards exactly what it was before. An
    undo is an operation itself: name it to take it back.

    Examples:
        mlv undo
        mlv undo 3f9a2c

    Exit codes:
        0  done
        3  nothing to undo, or files were edited since and --overwrite is not given
    """
    from mlv.app.restore.undo import undo as undo_operation
    from mlv.cli.render.restore import print_undo
    from mlv.cli.session import TerminalReporter, invocation_of, open_here

    workspace = open_here()
    asked = invocation_of(workspace, reason=reason)
    result = undo_operation(workspace, operation, asked, TerminalReporter(), overwrite=overwrite)
    print_undo(result, as_json=as_json)
