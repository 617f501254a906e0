"""`mlv track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import DryRunOption, JsonOption, LinkOption, QuietOption


def track(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Files, directories and quoted patterns; all tracked data without."
        ),
    ] = None,
    link: LinkOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Store data, and let a pointer stand for it in Git.

    The pointer `PATH.mlv` says what the data is, and is for you to commit. The data
    itself stays where it is, and a rule in `.gitignore` keeps it out of Git. Without a
    PATH, all tracked data that changed is stored anew.

    Examples:
        mlv track data/
        mlv track 'data/*.csv' model.pkl

    Exit codes:
        0  done
        3  something cannot be tracked; nothing was changed
    """
    from mlv.app.data.track import TrackRequest
    from mlv.app.data.track import track as track_data
    from mlv.cli.render.data import print_tracked
    from mlv.cli.session import TerminalReporter, open_here

    workspace = open_here(quiet=quiet)
    here = Path.cwd()
    request = TrackRequest(
        paths=tuple(here / path for path in paths or ()), link=link, dry_run=dry_run
    )
    result = track_data(workspace, request, TerminalReporter(quiet=quiet))
    print_tracked(result, dry_run=dry_run, as_json=as_json)
