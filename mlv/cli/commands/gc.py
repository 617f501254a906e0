"""`mlv gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption, QuietOption


def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be freed; change nothing.")
    ] = False,
    keep_days: Annotated[
        float,
        typer.Option("--keep-days", min=0, metavar="N", help="Keep what an undo may need so long."),
    ] = 30,
    grace_days: Annotated[
        float,
        typer.Option("--grace-days", min=0, metavar="N", help="Keep garbage in the trash so long."),
    ] = 7,
    tips: Annotated[
        bool,
        typer.Option("--tips", help="Keep only the data of the newest commit of each Git ref."),
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Free the space of data that nothing needs any more.

    Needed is what a run names, what a pointer in any Git commit names, what a run in
    progress names, and what an undo of the last 30 days brings back. Everything else
    goes to the trash, and is deleted after a week.

    Examples:
        mlv gc --dry-run
        mlv gc

    Exit codes:
        0  done
        3  others write to the store, a record is gone, or the disk is failing
        7  something is damaged, so nobody can tell what is needed
    """
    from mlv.app.keep.gc import GcRequest, collect_garbage
    from mlv.app.keep.roots import RootPolicy
    from mlv.cli.render.keep import print_collected
    from mlv.cli.session import TerminalReporter, open_here

    workspace = open_here(quiet=quiet)
    request = GcRequest(
        dry_run=dry_run,
        policy=RootPolicy(keep_days=keep_days, tips=tips),
        grace_days=grace_days,
    )
    result = collect_garbage(workspace, request, TerminalReporter(quiet=quiet))
    print_collected(result, as_json=as_json)
