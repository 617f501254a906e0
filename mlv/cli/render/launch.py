"""What `mlv run` says when it is done, and the stages that it knows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from mlv.app.reporter import Reporter
from mlv.cli.render.output import format_age, format_table
from mlv.cli.render.runs import print_recorded
from mlv.core.settings import StageSetting
from mlv.errors import UsageError

if TYPE_CHECKING:
    from mlv.app.launch.launching import Launched


_MAX_SHOWN = 5


def print_launched(launched: Launched, reporter: Reporter) -> None:
    """Say on standard error what was recorded, or which earlier run was taken instead."""
    if not launched.reused:
        print_recorded(launched.run, reporter)
        if launched.elsewhere:
            paths = " ".join(shlex.quote(path) for path in launched.elsewhere[:_MAX_SHOWN])
            more = "" if len(launched.elsewhere) <= _MAX_SHOWN else " ..."
            reporter.note(
                f"its outputs are in the store: `mlv rollback {launched.run.name} {paths}{more}`"
                " brings them here"
            )
        return
    run = launched.run
    there = "1 file was" if launched.n_restored == 1 else f"{launched.n_restored} files were"
    outputs = f"{there} put back" if launched.n_restored else "its outputs are there"
    reporter.note(
        f"reused run {run.name} of {format_age(run.started_at)}: command, params, environment,"
        f" inputs and executed code are the same; {outputs}"
    )


def print_stages(stages: Mapping[str, StageSetting]) -> None:
    """Print the stages of `mlv.yaml`.

    Raises:
        UsageError: There is none, so a command is missing.
    """
    if not stages:
        raise UsageError("missing argument 'COMMAND'", hint="see `mlv run --help`")
    rows = [[name, _summary(stage.cmd)] for name, stage in stages.items()]
    typer.echo(format_table(["stage", "command"], rows))


def _summary(cmd: str) -> str:
    first, *more = cmd.strip().splitlines()
    return f"{first} ..." if more else first
