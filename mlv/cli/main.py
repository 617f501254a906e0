"""The `mlv` command: its groups, its global options, its error boundary."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

import mlv
from mlv.cli.boundary import MlvGroup
from mlv.cli.help_text import keep_blocks
from mlv.cli.standard_streams import secure_streams

_GC_THRESHOLD = 100_000
_HELP = """Record training runs, compare them, make them again, and go back.

Examples:
    mlv init
    mlv run python train.py
    mlv diff last~1 last

Exit codes:
    0    done; the answer is yes
    1    the answer is no: it diverged, they differ
    2    usage
    3    not possible as things are
    4    inconclusive
    5    the recorded command failed
    7    corrupt data was found
    70   a bug in mlv
    130  interrupted
"""

app = typer.Typer(
    cls=MlvGroup,
    name="mlv",
    help=keep_blocks(_HELP),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlv {mlv.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    directory: Annotated[
        Path | None,
        typer.Option("-C", metavar="DIR", help="Work as if started in DIR."),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if directory is not None:
        from mlv.cli.session import change_directory

        change_directory(directory)


def main() -> None:
    """Run the command line."""
    secure_streams()
    # A command makes many objects that all stay: looking for cycles among them is in vain.
    gc.set_threshold(_GC_THRESHOLD)
    app(prog_name="mlv")
