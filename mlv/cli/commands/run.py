"""`mlv run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import QuietOption

_Paths = list[Path]


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="The command, with its arguments.")
    ],
    inputs: Annotated[
        _Paths | None,
        typer.Option("--input", "-i", metavar="PATH", help="File or directory that is read."),
    ] = None,
    outputs: Annotated[
        _Paths | None,
        typer.Option("--output", "-o", metavar="PATH", help="File or directory that is written."),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--params", "-p", metavar="FILE[:KEY,...]", help="Params file, or some keys of it."
        ),
    ] = None,
    metrics: Annotated[
        _Paths | None, typer.Option("--metrics", "-m", metavar="FILE", help="Metrics file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="NAME", help="Name of the run.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "-t", metavar="TAG", help="Tag of the run.")
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Note on the run.")] = "",
    no_observe: Annotated[
        bool, typer.Option("--no-observe", help="Do not watch which files Python opens.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Run a command and record what made its results.

    The code as it is (uncommitted and untracked files included), inputs, params,
    outputs, metrics, environment and printed output are recorded. Options of mlv
    come before the command; -i, -o, -p, -m and -t can be repeated.

    Examples:
        mlv run python train.py --lr 0.1
        mlv run -n baseline -i data/ -o model.pkl ./train.sh

    Exit codes:
        N      the exit code of the command; 128 + N when signal N ended it
        3      the command ran, but its record could not be sealed
        125    mlv failed before the command ran
        126    the command is not executable
        127    the command was not found
    """
    from mlv.app.record.begin import RunRequest
    from mlv.app.record.run_command import run_command
    from mlv.cli.render.runs import print_recorded
    from mlv.cli.session import TerminalReporter, invocation_of, open_here

    workspace = open_here(quiet=quiet)
    here = Path.cwd()
    request = RunRequest(
        argv=tuple(command),
        directory=here,
        name=name,
        tags=tuple(tags or ()),
        note=note,
        inputs=tuple(here / path for path in inputs or ()),
        outputs=tuple(here / path for path in outputs or ()),
        params=tuple(params or ()),
        metrics=tuple(here / path for path in metrics or ()),
        observe=not no_observe,
    )
    reporter = TerminalReporter(quiet=quiet)
    recorded = run_command(workspace, request, invocation_of(workspace), reporter)
    print_recorded(recorded, reporter)
    raise typer.Exit(128 + recorded.signal if recorded.signal else recorded.exit_code or 0)
