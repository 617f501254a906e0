"""The operation log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import typer

from mlv.app.look.operations import ListedOperation
from mlv.cli.render.output import format_age, format_table, print_json


def print_operations(operations: Sequence[ListedOperation], *, as_json: bool) -> None:
    """Print operations."""
    if as_json:
        print_json("mlv-operations 1", operations=operations)
        return
    if not operations:
        typer.echo("no operation yet", err=True)
        return
    rows = [_row(each) for each in operations]
    typer.echo(format_table(["operation", "when", "by", "what", ""], rows))


def _row(listed: ListedOperation) -> list[str]:
    operation = listed.logged.operation
    when = datetime.fromtimestamp(operation.time.wall_ms / 1000, tz=timezone.utc)
    who = f"{operation.actor.user}@{operation.actor.host}"
    reason = f" ({operation.reason})" if operation.reason else ""
    undone = "undone" if listed.undone else ""
    return [listed.logged.id[:12], format_age(when), who, listed.summary + reason, undone]
