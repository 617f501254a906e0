"""`mlv checkout`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import DryRunOption, JsonOption, LinkOption, QuietOption, ReasonOption


def checkout(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Data, a pointer, a part of tracked data; everything without."
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--rev", metavar="REV", help="Set pointers and data to a Git revision."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace changes that are not stored; store them first.")
    ] = False,
    link: LinkOption = None,
    dry_run: DryRunOption = False,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make data agree with its pointers.

    What is there before is stored, and `mlv undo` brings it back. New files that no
    pointer knows stay where they are.

    Examples:
        mlv checkout
        mlv checkout data/train --rev v1.0

    Exit codes:
        0  done
        3  changes would be lost, or content is not in the store
        7  corrupt data
    """
    from mlv.app.data.checkout import CheckoutRequest, check_out_data, plan_checkout
    from mlv.cli.render.data import print_checked_out, print_checkout_plan
    from mlv.cli.session import TerminalReporter, invocation_of, open_here

    workspace = open_here(quiet=quiet)
    here = Path.cwd()
    request = CheckoutRequest(
        paths=tuple(here / path for path in paths or ()), revision=revision, force=force, link=link
    )
    if dry_run:
        print_checkout_plan(plan_checkout(workspace, request), as_json=as_json)
        return
    asked = invocation_of(workspace, reason=reason)
    result = check_out_data(workspace, request, asked, TerminalReporter(quiet=quiet))
    print_checked_out(result, as_json=as_json)
