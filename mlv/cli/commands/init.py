"""`mlv init`."""

from __future__ import annotations

import typer

from mlv.cli.options import QuietOption


def init(quiet: QuietOption = False) -> None:
    """Start recording runs in this Git repository.

    Makes the store `.mlv/` at the root, keeps Git from looking into it, and adds a line
    to `.gitattributes` that tells Git how to merge pointers to data.

    Examples:
        mlv init
        mlv -C path/to/project init

    Exit codes:
        0  done
        3  not a Git repository, or there is a store already
    """
    from mlv.app.setup import initialize
    from mlv.cli.session import current_directory
    from mlv.config import load_settings

    here = current_directory()
    result = initialize(here, load_settings(here))
    if not quiet:
        typer.echo(f"created an empty store in {result.store}")
        if result.attributes:
            typer.echo("commit `.gitattributes`, which tells Git how to merge pointers to data")
        typer.echo("record a run with `mlv run COMMAND`")
