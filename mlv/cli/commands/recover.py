"""`mlv recover`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlv.cli.options import JsonOption


def recover(
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force", metavar="RUN", help="Seal this run of another host now; it is dead."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Seal runs whose recording was cut short.

    A run is lost when the mlv process that recorded it died, or could not write its
    record. What it left is sealed: as it ended where that was written down, as preempted
    where a scheduler had asked it to stop, else as lost. A run of another host or
    container is sealed when it has given no sign of life for ten minutes.

    Examples:
        mlv recover
        mlv recover --force swift-otter

    Exit codes:
        0  done
        3  the disk is full or read-only, or a run given with --force still goes on
        7  what is left is damaged
    """
    from mlv.app.record.recover import recover_runs
    from mlv.cli.render.runs import print_recovered
    from mlv.cli.session import invocation_of, open_here

    workspace = open_here()
    recovered = recover_runs(workspace, invocation_of(workspace), force=force or ())
    print_recovered(recovered, as_json=as_json)
    for error in recovered.failed[:1]:
        raise error
