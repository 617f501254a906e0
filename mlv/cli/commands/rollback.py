"""`mlv rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import DryRunOption, JsonOption, QuietOption, ReasonOption, RunArgument


def rollback(
    run: RunArgument,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Only these files and directories."),
    ] = None,
    dry_run: DryRunOption = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace changes that no commit and no run holds."),
    ] = False,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Set the files of the worktree to those of a run.

    Code, params, inputs and outputs come back together. HEAD, the index, and files
    that the run does not know stay as they are. What was there before is kept, and
    `mlv undo` brings it back.

    Examples:
        mlv rollback best:accuracy --dry-run
        mlv rollback last~1 model.joblib

    Exit codes:
        0  done
        3  changes would be lost, Git is busy, or content is gone
        7  corrupt data
    """
    from mlv.app.restore.rollback import RollbackRequest, plan_rollback, roll_back
    from mlv.cli.render.restore import confirm_overwrite, print_plan, print_rollback
    from mlv.cli.session import TerminalReporter, invocation_of, open_here

    workspace = open_here(quiet=quiet)
    here = Path.cwd()
    request = RollbackRequest(
        reference=run, paths=tuple(here / path for path in paths or ()), overwrite=overwrite
    )
    if dry_run:
        print_plan(plan_rollback(workspace, request), as_json=as_json)
        return
    asked = invocation_of(workspace, reason=reason)
    reporter = TerminalReporter(quiet=quiet)
    done = roll_back(workspace, request, asked, reporter, confirm_overwrite)
    print_rollback(done, as_json=as_json)
