"""`mlv recover`."""

from __future__ import annotations

from mlv.cli.options import JsonOption


def recover(as_json: JsonOption = False) -> None:
    """Seal runs whose recording was cut short.

    A run is lost when the mlv process that recorded it died, or could not write its
    record. What it left is sealed as a run with the status `lost`.

    Examples:
        mlv recover
        mlv log

    Exit codes:
        0  done
        3  the disk is full or read-only
        7  what is left is damaged
    """
    from mlv.app.record.recover import recover_runs
    from mlv.cli.render.runs import print_recovered
    from mlv.cli.session import invocation_of, open_here

    workspace = open_here()
    print_recovered(recover_runs(workspace, invocation_of(workspace)), as_json=as_json)
