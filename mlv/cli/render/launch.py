"""What `mlv run` says when it is done, and the stages that it knows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from mlv.app.reporter import Reporter
from mlv.cli.render.output import LONGEST_NAME, format_age, format_table, show_text
from mlv.cli.render.runs import print_recorded
from mlv.core.enumeration import enumerate_some
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
            reference = shlex.quote(launched.run.name)
            more = "" if len(launched.elsewhere) <= _MAX_SHOWN else " ..."
            reporter.note(
                f"its outputs are in the store: `mlv rollback {reference} {paths}{more}`"
                " brings them here"
            )
        return
    run = launched.run
    there = "1 file was" if launched.n_restored == 1 else f"{launched.n_restored} files were"
    outputs = f"{there} put back" if launched.n_restored else "its outputs are there"
    inputs = _count(len(run.inputs), "input")
    used = run.code.used.keys() - {source.name for source in run.params}
    code = "all code" if launched.all_code else f"code ({_count(len(used), 'file')})"
    reporter.note(
        f"reused run {show_text(run.name, LONGEST_NAME)} of {format_age(run.started_at)}:"
        " the same command, params,"
        f" {inputs}, {code} and environment (packages and the variables that mlv records);"
        f" {outputs}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def print_stages(stages: Mapping[str, StageSetting], *, asked: bool) -> None:
    """Print the stages of `mlv.yaml`.

    Args:
        stages: The stages.
        asked: Whether there are options, which want a command.

    Raises:
        UsageError: A command is missing, or there is no stage.
    """
    if asked and stages:
        names = enumerate_some(list(stages))
        raise UsageError("missing argument 'COMMAND'", hint=f"name a command or a stage: {names}")
    if not stages:
        raise UsageError("missing argument 'COMMAND'", hint="see `mlv run --help`")
    rows = [[name, _summary(stage.cmd)] for name, stage in stages.items()]
    typer.echo(format_table(["stage", "command"], rows))


def _summary(cmd: str) -> str:
    first, *more = cmd.strip().splitlines()
    return f"{first} ..." if more else first
